"""What an index is, as tests: a kind of store passes them by overriding the fixtures `store` and, perhaps, `index`.

    from runlore.testing.index_suite import IndexSuite

    class TestMyIndex(IndexSuite):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)

Needs pytest. `runlore.testing.machine` goes on where these end: it asks whatever can be asked, of whatever may happen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from runlore import model
from runlore.errors import InvalidArgument, QuerySyntaxError, RunNotFound, WrongType
from runlore.index.records import CardFilter
from runlore.index.reference import RunReference
from runlore.opening import open_index
from runlore.run.recording import begin_run
from runlore.store.cards import CardName
from runlore.testing.comparing import assert_same
from runlore.testing.store_suite import FACTS, KEYS, NUMBERS, in_threads
from runlore.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runlore.index.base import Index
    from runlore.store.base import Store

SECOND = 1_000_000_000


class IndexSuite:
    """The tests. Each begins with an empty store and its index."""

    @pytest.fixture
    def store(self) -> Store:
        """An empty store of the kind that is tested."""
        raise NotImplementedError("override the fixture `store`: it gives an empty store of your kind")

    @pytest.fixture
    def index(self, store: Store) -> Index:
        """Its index."""
        return open_index(store)

    # -- freshness ----------------------------------------------------------------------------------------------

    def test_an_empty_store_has_nothing(self, index: Index) -> None:
        assert index.refresh() == 0
        assert index.page().runs == ()
        assert index.experiments() == []
        assert index.cards(CardFilter()) == []
        assert index.runs(["0" * 32]) == []
        assert index.series(["0" * 32]) == {}

    def test_what_was_recorded_before_a_refresh_is_known_after_it(self, store: Store, index: Index) -> None:
        begun = begin_run(store, "e")
        assert begun is not None
        for last in (1.0, 2.0, 3.0):
            begun.recorder.scalar("m", last)
            index.refresh()
            (run,) = index.page("metrics.m > 0", facts=True).runs
            assert run.status == "running" and run.is_open and run.facts is not None
            assert run.facts.metrics == {"m": last}
        begun.recorder.event(model.STOP, "stop", {"status": "failed"})
        begun.recorder.close()
        index.refresh()
        (run,) = index.page("status = failed").runs
        assert not run.is_open
        begun.run.annotate([(model.TAG, "k", "v")])
        index.refresh()
        assert [run.uid for run in index.page("tags.k = v").runs] == [begun.uid]

    def test_threads_refresh_and_ask_at_once(self, store: Store, index: Index) -> None:
        uids = [_ended(store, "e", metrics={"m": number}) for number in range(5)]

        def ask(_: int) -> list[str]:
            index.refresh()
            return [run.uid for run in index.page("metrics.m >= 0", "metrics.m").runs]

        assert in_threads(ask) == [uids] * 8

    # -- values -------------------------------------------------------------------------------------------------

    def test_params_and_tags_come_out_as_they_went_in(self, store: Store, index: Index) -> None:
        params = {f"k{number:02}": value for number, value in enumerate(FACTS)}
        tags = dict.fromkeys(KEYS, "a\0b\ud800é")
        uid = _ended(store, "e", params=params, tags=tags)
        index.refresh()
        ((run,), facts) = index.runs([uid]), index.runs([uid])[0].facts
        assert facts is not None
        assert_same(dict(facts.params), params)
        assert_same(dict(facts.tags), dict(sorted(tags.items())))
        assert (run.uid, run.experiment, run.number) == (uid, "e", 1)

    def test_keys_are_in_the_order_of_their_code_points(self, store: Store, index: Index) -> None:
        uid = _ended(store, "e", metrics=dict.fromkeys(KEYS, 1.0), params=dict.fromkeys(KEYS, 1))
        index.refresh()
        assert index.keys("metrics") == index.keys("params") == sorted(KEYS)
        assert list(index.series([uid])[uid]) == sorted(KEYS)
        assert list(index.series([uid], [KEYS[1], "nothing"])[uid]) == [KEYS[1]]

    @pytest.mark.parametrize("value", NUMBERS)
    def test_a_series_in_numbers(self, store: Store, index: Index, value: float) -> None:
        uid = _ended(store, "e", metrics={"m": value})
        index.refresh()
        series = index.series([uid])[uid]["m"]
        assert_same([series.first, series.last, series.min, series.max], [value] * 4)
        assert (series.points, series.finite) == (1, 0 if math.isnan(value) else 1)
        assert series.last_step is None

    def test_a_query_finds_numbers_as_they_are(self, store: Store, index: Index) -> None:
        uids = {repr(value): _ended(store, "e", metrics={"m": value}, params={"p": value}) for value in NUMBERS}
        index.refresh()
        for query, expected in (
            ("= nan", ["nan"]), ("= inf", ["inf"]), ("= -inf", ["-inf"]), ("= 0", ["0.0", "-0.0"]),
            ("> 1", ["1.5", "1.7976931348623157e+308", "inf"]), ("< -1", ["-inf"]),
        ):  # fmt: skip
            for name in ("metrics.m", "params.p"):
                found = {run.uid for run in index.page(f"{name} {query}").runs}
                assert found == {uids[text] for text in expected}, (name, query)

    def test_whole_numbers_beyond_every_word_are_told_apart(self, store: Store, index: Index) -> None:
        values = [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 10**30, 10**30 + 1]
        uids = {value: _ended(store, "e", params={"p": value}) for value in values}
        index.refresh()
        for value, uid in uids.items():
            assert [run.uid for run in index.page(f"params.p = {value}").runs] == [uid]
        assert len(index.page(f"params.p > {2**63}").runs) == 3

    # -- pages --------------------------------------------------------------------------------------------------

    def test_pages_visit_each_run_once_and_missing_values_come_last(self, store: Store, index: Index) -> None:
        values = [3.0, None, 1.0, math.nan, 2.0, None, 1.0]
        uids = [_ended(store, "e", metrics={} if value is None else {"m": value}) for value in values]
        index.refresh()
        seen = [[run.uid for run in page.runs] for page in index.pages(order_by="metrics.m", limit=2)]
        assert [len(page) for page in seen] == [2, 2, 2, 1]
        order = [uid for page in seen for uid in page]
        assert order == [uids[place] for place in (2, 6, 4, 0, 3, 1, 5)]

    def test_what_cannot_be_understood_is_refused(self, index: Index) -> None:
        index.refresh()
        for wrong in ({"query": "metrics.m >"}, {"limit": 0}, {"cursor": "x"}, {"order_by": ",,"}, {"limit": "3"}):
            with pytest.raises((InvalidArgument, QuerySyntaxError, WrongType)):
                index.page(**wrong)

    def test_runs_are_found_by_number_by_uid_and_by_its_beginning(self, store: Store, index: Index) -> None:
        uids = [_ended(store, "a/b") for _ in range(3)]
        index.refresh()
        for text, expected in (("a/b#1", uids[0]), ("a/b#-1", uids[2]), (uids[1], uids[1]), (uids[1][:31], uids[1])):
            assert index.one(RunReference.parse(text)).uid == expected
        for text in ("a/b#4", "a#1", "f" * 32):
            with pytest.raises(RunNotFound):
                index.one(RunReference.parse(text))

    def test_experiments_count_what_is_not_deleted(self, store: Store, index: Index) -> None:
        gone = [_ended(store, name) for name in ("a", "a/b", "a/b", "ü")][2]
        store.open_run(gone).annotate([(model.ATTRIBUTE, "deleted", True)])
        index.refresh()
        assert [(found.name, found.runs) for found in index.experiments()] == [("a", 1), ("a/b", 1), ("ü", 1)]
        assert [found.name for found in index.experiments("a/*")] == ["a/b"]
        assert len(index.page(include_deleted=True).runs) == 4
        assert [run.uid for run in index.page("deleted = true").runs] == [gone]

    # -- cards --------------------------------------------------------------------------------------------------

    def test_cards_and_links(self, store: Store, index: Index) -> None:
        run = _ended(store, "e")
        name, version = CardName("model", "team/x", "größe"), Version.parse("1.0.0")
        store.claim_version(name, lambda _: version)
        uid = model.new_uid()
        store.complete_card(name, version, {
            "uid": uid, **name._asdict(), "version": "1.0.0", "created_ns": SECOND, "user": "u", "host": None,
            "description": "a\0b", "metadata": {"nan": math.nan}, "tags": {"t": "1"}, "artifacts": [], "inputs": [],
            "run": run, "run_role": "output",
        })  # fmt: skip
        index.refresh()
        (card,) = index.cards(CardFilter(tags=("t=1",)))
        assert (card.uid, card.description, card.run) == (uid, "a\0b", run)
        assert_same(dict(card.metadata), {"nan": math.nan})
        assert [(link.card, link.uid, link.role) for link in index.links([run])] == [(uid, run, "output")]
        assert index.cards(CardFilter(kind="data")) == []

    def test_what_has_contents_is_found_by_their_digest(self, store: Store, index: Index) -> None:
        mine, theirs, digest = _ended(store, "e"), _ended(store, "e"), "a" * 64
        for path in ("model.bin", "again.bin"):
            store.open_run(mine).annotate([(model.ARTIFACT, path, {"digest": digest, "size": 1})])
        store.open_run(theirs).annotate([(model.ARTIFACT, "other.bin", {"digest": "b" * 64, "size": 1})])
        name, version = CardName("model", "team", "m"), Version.parse("1.0.0")
        store.claim_version(name, lambda _: version)
        uid = model.new_uid()
        store.complete_card(name, version, {
            "uid": uid, **name._asdict(), "version": "1.0.0", "created_ns": SECOND, "user": "u", "host": None,
            "description": None, "metadata": {}, "tags": {}, "inputs": [],
            "artifacts": [{"name": "m", "digest": digest, "size": 1, "kind": "file", "metadata": {}}],
        })  # fmt: skip
        index.refresh()
        found = [(one.digest, one.target, one.uid) for one in index.holders([digest, "c" * 64])]
        assert found == [(digest, "card", uid), (digest, "run", mine)]
        assert index.holders([]) == []


def _ended(
    store: Store, experiment: str, *, metrics: Mapping[str, float] | None = None,
    params: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """A run that has ended; its uid."""
    begun = begin_run(store, experiment)
    assert begun is not None
    facts: Iterable[tuple[str, Mapping[str, Any]]] = ((model.PARAM, params or {}), (model.TAG, tags or {}))
    for kind, values in facts:
        for key, value in values.items():
            begun.recorder.event(kind, key, value)
    for key, value in (metrics or {}).items():
        begun.recorder.scalar(key, value)
    begun.recorder.event(model.STOP, "stop", {"status": "succeeded"})
    begun.recorder.close()
    return begun.uid
