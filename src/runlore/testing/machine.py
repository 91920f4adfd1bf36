"""A store and its index against the store in memory, through everything that may happen to them.

Runs start, log, end, crash, are resumed, edited and deleted; cards are registered and talked about; a kind of store
adds what may happen to it (it is sealed, its index is thrown away). Whatever is asked of both, both answer the same.

    class MyMachine(StoreMachine):
        def open_store(self): ...

    TestMyStore = MyMachine.TestCase

Needs Hypothesis.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from runlore import model
from runlore.index.records import CardFilter
from runlore.index.reference import RunReference
from runlore.query.values import Clock
from runlore.run.recording import begin_run
from runlore.store import cards as said
from runlore.store.cards import CardName
from runlore.testing import strategies
from runlore.testing.comparing import assert_same
from runlore.testing.memory_store import MemoryStore
from runlore.versions import next_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.index.base import Index
    from runlore.recorder import Recorder
    from runlore.store.base import Store

SECOND = 1_000_000_000
CLOCK = Clock(now_ns=10_000 * SECOND, zone=dt.timezone.utc)
LATER_NS = 1 << 62
"""Later than any clock: what is said from outside gets the same time in both stores."""

CARD_FACTS = [
    (said.ALIAS, "champion", True), (said.ALIAS, "champion", False), (said.TAG, "t", None), (said.TAG, "é", "2"),
    (said.NOTE, "note", "n"), (said.STAGE, "stage", "prod"), (said.DELETED, "deleted", True),
    (said.DELETED, "deleted", False),
]  # fmt: skip


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to a `MemoryStore`, and asks both."""

    live = Bundle("live")
    ended = Bundle("ended")
    cards = Bundle("cards")

    # -- what a kind of store says ------------------------------------------------------------------------------

    def open_store(self) -> tuple[Store, Index]:
        """An empty store of the kind that is tested, and its index."""
        raise NotImplementedError("give an empty store of your kind, and its index")

    def let_die(self, uid: str, recorder: Recorder) -> None:
        """Let the writer die, as by `kill -9`: nothing is recorded of its end."""
        raise NotImplementedError("let the writer of your kind die")

    # -- setting up ---------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """Two empty stores."""
        self.store, self.index = self.open_store()
        self.memory = MemoryStore()
        self.oracle = self.memory.index()
        self.time_s = 1_000
        self.said_ns = LATER_NS
        self.recorders: dict[str, tuple[Recorder, Recorder]] = {}

    def teardown(self) -> None:
        """Close what is open."""
        for pair in getattr(self, "recorders", {}).values():
            for recorder in pair:
                recorder.close()

    def now(self) -> int:
        """Another second, the same for both."""
        self.time_s += 1
        return self.time_s

    # -- recording ----------------------------------------------------------------------------------------------

    @rule(target=live, experiment=strategies.experiments, name=st.none() | strategies.texts, nested=st.booleans())
    def start(self, experiment: str, name: str | None, nested: bool) -> str:
        """A run begins."""
        uid = model.new_uid()
        parent = next(iter(self.memory.recorded), None) if nested else None
        about = {"name": name, "parent": parent, "user": "ü", "host": "h"}
        time_ns = self.now() * SECOND
        begun = [begin_run(store, experiment, uid=uid, about=about, time_ns=time_ns) for store in self.stores]
        assert begun[0] is not None and begun[1] is not None
        assert begun[0].number == begun[1].number
        self.recorders[uid] = (begun[0].recorder, begun[1].recorder)
        return uid

    @property
    def stores(self) -> tuple[Store, Store]:
        """The one that is tested, and the oracle."""
        return self.store, self.memory

    @rule(uid=live, key=strategies.keys, value=strategies.numbers, step=strategies.steps)
    def log_scalar(self, uid: str, key: str, value: float, step: float | None) -> None:
        """A point."""
        time = self.now()
        for recorder in self.recorders[uid]:
            recorder.scalar(key, value, step, time)

    @rule(uid=live, row=st.dictionaries(strategies.keys, strategies.numbers, max_size=4), step=strategies.steps)
    def log_row(self, uid: str, row: dict[str, float], step: float | None) -> None:
        """Points of one step."""
        time = self.now()
        for recorder in self.recorders[uid]:
            recorder.row(row, step, time)

    @rule(
        uid=live,
        kind=st.sampled_from([model.PARAM, model.NOTE, model.METRIC]),
        key=strategies.keys,
        value=strategies.params,
    )
    def log_event(self, uid: str, kind: str, key: str, value: Any) -> None:
        """A fact. Of the kind `metric` it is a point where it is a number."""
        self._event(uid, kind, key, value)

    @rule(uid=live, key=strategies.keys, value=st.none() | strategies.texts)
    def tag(self, uid: str, key: str, value: str | None) -> None:
        """A tag is set, or removed."""
        self._event(uid, model.TAG, key, value)

    @rule(uid=live, key=strategies.keys)
    def unset_param(self, uid: str, key: str) -> None:
        """A param counts no longer."""
        self._event(uid, model.UNSET, key, model.PARAM)

    @rule(
        uid=live,
        name=st.sampled_from(["a.txt", "b/ü.png", "a.txt"]),
        content=st.binary(max_size=4),
        step=strategies.steps,
    )
    def log_artifact(self, uid: str, name: str, content: bytes, step: float | None) -> None:
        """Contents are kept, and an event names them."""
        kept = [store.put_bytes(content) for store in self.stores]
        assert kept[0] == kept[1]
        value = {"digest": kept[0][0], "size": kept[0][1], "media_type": "x/y", "kind": "file", "caption": "é"}
        self._event(uid, model.ARTIFACT, name, value, step)

    def _event(self, uid: str, kind: str, key: str, value: Any, step: float | None = None) -> None:
        time_ns = self.now() * SECOND
        for recorder in self.recorders[uid]:
            recorder.event(kind, key, value, step=step, time_ns=time_ns)

    @rule(target=ended, uid=consumes(live), status=st.sampled_from(["succeeded", "failed", "stopped"]))
    def finish(self, uid: str, status: str) -> str:
        """A run ends."""
        self._event(uid, model.STOP, "stop", {"status": status})
        for recorder in self.recorders.pop(uid):
            recorder.close()
        return uid

    @rule(target=ended, uid=consumes(live))
    def crash(self, uid: str) -> str:
        """The program dies."""
        mine, _ = self.recorders.pop(uid)
        self.let_die(uid, mine)
        self.memory.recorded[uid].crash()
        return uid

    @rule(target=live, uid=consumes(ended))
    def resume(self, uid: str) -> str:
        """A run goes on."""
        first, second = (store.open_run(uid).record() for store in self.stores)
        self.recorders[uid] = (first, second)
        self._event(uid, model.RESUME, "resume", {})
        return uid

    # -- what is said from outside ------------------------------------------------------------------------------

    @rule(uid=st.one_of(live, ended), name=st.sampled_from(["name", "description", "group"]), text=strategies.texts)
    def edit(self, uid: str, name: str, text: str) -> None:
        """An attribute is changed."""
        self._annotate(uid, (model.ATTRIBUTE, name, text))

    @rule(uid=st.one_of(live, ended), mark=st.sampled_from(["deleted", "archived"]), value=st.booleans())
    def mark(self, uid: str, mark: str, value: bool) -> None:
        """A run goes into the trash, or comes back."""
        self._annotate(uid, (model.ATTRIBUTE, mark, value))

    @rule(uid=ended, key=strategies.keys, value=st.none() | strategies.texts)
    def tag_later(self, uid: str, key: str, value: str | None) -> None:
        """A tag is edited after the end."""
        self._annotate(uid, (model.TAG, key, value), (model.NOTE, "note", "é"))

    def _annotate(self, uid: str, *facts: tuple[str, str, Any]) -> None:
        times = [store.open_run(uid).annotate(facts, after_ns=self.said_ns) for store in self.stores]
        assert times[0] == times[1]
        self.said_ns = times[0]

    # -- cards --------------------------------------------------------------------------------------------------

    @rule(
        target=cards,
        name=st.sampled_from(["m", "größe"]),
        kind=st.sampled_from(["model", "data"]),
        known=st.none() | cards,
    )
    def register(self, name: str, kind: str, known: Any) -> tuple[CardName, str, str]:
        """A version is registered, perhaps made from another card, by a run."""
        card = CardName(kind, "team/x", name)
        uid = model.new_uid()
        versions = [store.claim_version(card, lambda taken: next_version(taken, "minor")) for store in self.stores]
        assert versions[0] == versions[1]
        content: dict[str, Any] = {
            "name": "w",
            "digest": None,
            "size": 1,
            "media_type": "x/y",
            "kind": "file",
            "metadata": {},
        }
        about = {
            "uid": uid, **card._asdict(), "version": str(versions[0]), "created_ns": self.now() * SECOND, "user": "u",
            "host": None, "description": "é", "metadata": {"a": [1, None]}, "tags": {"t": "1"}, "artifacts": [content],
            "inputs": [{"uid": known[2]}] if known else [], "run": next(iter(self.memory.recorded), None),
            "run_role": "output",
        }  # fmt: skip
        for store in self.stores:
            store.complete_card(card, versions[0], about)
        return card, str(versions[0]), uid

    @rule(card=cards, fact=st.sampled_from(CARD_FACTS))
    def say(self, card: tuple[CardName, str, str], fact: tuple[str, str, Any]) -> None:
        """Something is said of a card."""
        times = [store.annotate_card(*card, [fact], after_ns=self.said_ns) for store in self.stores]
        assert times[0] == times[1]
        self.said_ns = times[0]

    @rule(card=cards, run=st.one_of(live, ended))
    def use(self, card: tuple[CardName, str, str], run: str) -> None:
        """A run uses a card."""
        self.say(card, (said.USE, run, "input"))

    # -- asking -------------------------------------------------------------------------------------------------

    @rule(query=strategies.queries, order=strategies.orders, limit=st.none() | st.integers(1, 3), deleted=st.booleans())
    def ask(self, query: Any, order: Any, limit: int | None, deleted: bool) -> None:
        """All pages of a query."""
        self.index.refresh()
        found = [self._pages(index, query, order, limit, deleted) for index in (self.index, self.oracle)]
        assert found[0] == found[1], (query, order, limit)

    @staticmethod
    def _pages(index: Index, query: Any, order: Any, limit: int | None, deleted: bool) -> list[list[str]]:
        pages = []
        cursor = None
        while True:
            page = index.page(query, order, limit, cursor, include_deleted=deleted, clock=CLOCK)
            pages.append([run.uid for run in page.runs])
            cursor = page.next_cursor
            if cursor is None:
                return pages

    @rule(pattern=st.sampled_from([None, "a", "a/*", "**", "a/**", ["ü", "a*"], "nothing"]))
    def ask_for_experiments(self, pattern: Any) -> None:
        """Experiments, keys, and runs within them."""
        self.index.refresh()
        assert_same(self.index.experiments(pattern), self.oracle.experiments(pattern))
        for kind in ("params", "metrics", "tags"):
            assert_same(self.index.keys(kind, experiment=pattern), self.oracle.keys(kind, experiment=pattern))

    @rule(experiment=strategies.experiments, number=st.integers(-3, 5))
    def ask_for_one(self, experiment: str, number: int) -> None:
        """A run by its number, and by the beginning of its uid."""
        self.index.refresh()
        for text in (f"{experiment}#{number}", *(uid[:20] for uid in list(self.memory.recorded)[:1])):
            reference = RunReference.parse(text)
            found, expected = (index.find(reference, facts=False) for index in (self.index, self.oracle))
            assert [run.uid for run in found] == [run.uid for run in expected]

    @invariant()
    def everything_reads_as_it_was_recorded(self) -> None:
        """Every run with its facts, series and artifacts; every card with its links."""
        if not hasattr(self, "index"):
            return
        self.index.refresh()
        uids = list(self.memory.recorded)
        assert_same(_runs(self.index, uids), _runs(self.oracle, uids))
        assert_same(self.index.series(uids), self.oracle.series(uids))
        assert_same(self.index.artifacts(uids), self.oracle.artifacts(uids))
        for wanted in (CardFilter(deleted=True), CardFilter(order_by="created", limit=2), CardFilter(tags=("t=1",))):
            assert_same(self.index.cards(wanted), self.oracle.cards(wanted))
        assert_same(self.index.links(uids), self.oracle.links(uids))
        digests = [one.digest for known in self.oracle.artifacts(uids).values() for one in known if one.digest]
        assert_same(self.index.holders(digests), self.oracle.holders(digests))


def _runs(index: Index, uids: Sequence[str]) -> list[Any]:
    """Runs, without how it was found who lives, and without what a kind keeps for itself."""
    found = index.runs(uids)
    return [
        dataclasses.replace(run, liveness=None, facts=run.facts and dataclasses.replace(run.facts, detail=""))
        for run in found
    ]
