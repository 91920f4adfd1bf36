"""What a store is, as tests: a kind of store passes them by overriding the fixture `store`.

    from runlore.testing.store_suite import StoreSuite

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)

Needs pytest. Everything goes through the contracts; nothing is known of the kind.
"""

from __future__ import annotations

import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from runlore.errors import (
    AlreadyExists,
    ArtifactNotFound,
    InvalidArgument,
    RunEnded,
    RunloreError,
    RunNotFound,
    WrongType,
)
from runlore.model import new_uid
from runlore.store.cards import CardName
from runlore.versions import Version, next_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runlore.recorder import Recorder
    from runlore.store.base import RecordedRun, Store

KEYS = ("loss", "train/acc", "größe", "損失", "a b", "`tick`", "100%", "#", "\ud800x", "z" * 300)
"""Names that every store keeps, and gives back as they are."""

NUMBERS = (0.0, -0.0, 1.5, -1e-308, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan)
"""Values and, but for NaN, steps."""

FACTS = (
    None,
    True,
    0,
    -1,
    2**53 + 1,
    2**63,
    10**30,
    0.1,
    -0.0,
    math.inf,
    math.nan,
    "",
    "text",
    "\ud800",
    "a\0b",
    [1, [2]],
    {"k": None},
)
"""Values of events."""


def same(left: Any, right: Any) -> bool:
    """Whether two values are one and the same: NaN is NaN, and -0.0 is not 0.0."""
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def in_threads(function: Callable[[int], Any], count: int = 8) -> list[Any]:
    """What the function returns for 0, 1, 2 …, called at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, range(count)))


class StoreSuite:
    """The tests. Each begins with an empty store."""

    @pytest.fixture
    def store(self) -> Store:
        """An empty store of the kind that is tested."""
        raise NotImplementedError("override the fixture `store`: it gives an empty store of your kind")

    @pytest.fixture
    def run(self, store: Store) -> RecordedRun:
        """A run without any record."""
        uid = new_uid()
        assert store.create_run("e/f", uid)
        return store.open_run(uid, experiment="e/f")

    @pytest.fixture
    def recorder(self, run: RecordedRun) -> Any:
        """A writer of that run, closed in the end."""
        recorder = run.record()
        yield recorder
        recorder.close()

    # -- runs ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("experiment", ["iris", "a/b/c", "Größe 1", "100%", "..x", "0" * 32, "x" * 300])
    def test_a_run_is_made_once_and_found_by_its_uid(self, store: Store, experiment: str) -> None:
        uid = new_uid()
        assert store.create_run(experiment, uid)
        assert not store.create_run(experiment, uid)
        assert store.open_run(uid).uid == uid
        assert store.open_run(uid, experiment=experiment).uid == uid

    def test_of_several_that_make_the_same_run_one_is_told_so(self, store: Store) -> None:
        uid = new_uid()
        assert sorted(in_threads(lambda _: store.create_run("e", uid))) == [False] * 7 + [True]

    def test_a_run_that_is_not_there_is_not_found(self, store: Store) -> None:
        uid = new_uid()
        store.create_run("e", uid)
        for wanted, experiment in (
            (new_uid(), None),
            (new_uid(), "e"),
            (uid, "other"),
            ("no uid", None),
            ("../e", None),
        ):
            with pytest.raises(RunNotFound):
                store.open_run(wanted, experiment=experiment)

    def test_a_run_that_could_not_begin_is_taken_back(self, store: Store) -> None:
        uid = new_uid()
        store.create_run("e", uid)
        store.abandon_run("e", uid)
        with pytest.raises(RunNotFound):
            store.open_run(uid)

    # -- points -------------------------------------------------------------------------------------------------

    def test_points_come_back_bit_for_bit(self, run: RecordedRun, recorder: Recorder) -> None:
        expected: list[tuple[str, float, int, float]] = []
        for key in KEYS:
            for value in NUMBERS:
                recorder.scalar(key, value, step=len(expected), time=len(expected))
                expected.append((key, float(len(expected)), len(expected) * 10**9, value))
        points = run.points()
        found = zip(
            [points.names[key] for key in points.key], points.step.tolist(), points.time_ns.tolist(),
            points.value.tolist(), strict=True,
        )  # fmt: skip
        assert same(list(map(list, found)), list(map(list, expected)))
        assert points.names == sorted(KEYS)

    @pytest.mark.parametrize("step", [None, 0, -5, 2**53, 0.25, *NUMBERS[:-1]])
    def test_steps_of_any_kind(self, run: RecordedRun, recorder: Recorder, step: float | None) -> None:
        recorder.scalar("m", 1.0, step=step)
        assert same(run.points().step.tolist(), [math.nan if step is None else float(step)])

    def test_a_row_is_points_of_one_step_and_time(self, run: RecordedRun, recorder: Recorder) -> None:
        recorder.row({"b": 1, "a": 2.5}, step=3, time=4)
        points = run.points()
        assert [points.names[key] for key in points.key] == ["b", "a"]
        assert points.value.tolist() == [1.0, 2.5]
        assert set(points.step.tolist()) == {3.0}
        assert set(points.time_ns.tolist()) == {4 * 10**9}

    def test_points_of_several_writers_are_in_the_order_of_their_times(self, run: RecordedRun) -> None:
        recorders = [run.record() for _ in range(3)]
        for time in (5, 1, 3, 2, 4, 0):
            recorders[time % 3].scalar("m", time, time=time)
        assert run.points().value.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        assert len(run.points().writers) == 3
        for recorder in recorders:
            recorder.close()

    def test_only_the_series_that_are_wanted(self, store: Store, run: RecordedRun, recorder: Recorder) -> None:
        recorder.row({"a": 1, "b": 2, "c": 3})
        assert run.points(["a", "c", "nothing"]).value.tolist() == [1.0, 3.0]
        assert len(run.points([])) == 0
        ((uid, points),) = store.points([run.uid], ["b"])
        assert (uid, points.value.tolist()) == (run.uid, [2.0])

    def test_what_is_no_number_is_refused_and_nothing_is_recorded(self, run: RecordedRun, recorder: Recorder) -> None:
        for wrong in ("text", None, [1, 2], object()):
            with pytest.raises((WrongType, InvalidArgument)):
                recorder.scalar("m", wrong)
            with pytest.raises((WrongType, InvalidArgument)):
                recorder.row({"m": 1.0, "n": wrong})
        for step in ("1", math.nan, 10**400):
            with pytest.raises((WrongType, InvalidArgument)):
                recorder.scalar("m", 1.0, step=step)
        for key in ("", 5, None):
            with pytest.raises((WrongType, InvalidArgument)):
                recorder.scalar(key, 1.0)  # type: ignore[arg-type]
        assert len(run.points()) == 0

    def test_threads_share_a_recorder(self, run: RecordedRun, recorder: Recorder) -> None:
        in_threads(lambda number: [recorder.scalar("m", number * 100 + n) for n in range(100)])
        assert sorted(run.points().value.tolist()) == [float(number) for number in range(800)]
        assert recorder.lost == 0

    # -- events -------------------------------------------------------------------------------------------------

    def test_events_come_back_as_they_were(self, run: RecordedRun, recorder: Recorder) -> None:
        for number, value in enumerate(FACTS):
            assert recorder.event("param", f"k{number}", value, step=number, time_ns=number, extra={"x": value})
        found = run.events()
        assert same([event.value for event in found], list(FACTS))
        assert same([event.extra["x"] for event in found], list(FACTS))
        assert [(event.kind, event.key, event.step, event.time_ns) for event in found] == [
            ("param", f"k{number}", float(number), number) for number in range(len(FACTS))
        ]

    def test_only_the_kinds_that_are_wanted(self, store: Store, run: RecordedRun, recorder: Recorder) -> None:
        for kind in ("note", "tag", "note"):
            recorder.event(kind, "k", kind)
        assert [event.kind for event in run.events(["note"])] == ["note", "note"]
        assert run.events([]) == []
        ((uid, events),) = store.events([run.uid], ["tag"])
        assert (uid, [event.value for event in events]) == (run.uid, ["tag"])

    def test_columns_hold_for_what_is_recorded_afterwards(self, run: RecordedRun, recorder: Recorder) -> None:
        recorder.event("note", "before", 1, time_ns=1)
        recorder.columns({"fold": 3})
        recorder.event("note", "within", 2, time_ns=2)
        recorder.event("note", "own", 3, time_ns=3, extra={"fold": 4})
        recorder.columns({})
        recorder.event("note", "after", 4, time_ns=4)
        assert [event.extra for event in run.events()] == [{}, {"fold": 3}, {"fold": 4}, {}]

    def test_what_json_cannot_hold_is_refused(self, run: RecordedRun, recorder: Recorder) -> None:
        for wrong in (object(), b"bytes", {1, object()}):
            with pytest.raises((WrongType, InvalidArgument)):
                recorder.event("param", "k", wrong)
        assert run.events() == []

    def test_a_closed_recorder_records_nothing(self, run: RecordedRun) -> None:
        recorder = run.record()
        recorder.close()
        recorder.close()
        for record in (
            lambda: recorder.scalar("m", 1.0),
            lambda: recorder.row({"m": 1.0}),
            lambda: recorder.event("note", "k"),
        ):
            with pytest.raises(RunEnded):
                record()

    def test_a_follower_gives_each_event_once(self, run: RecordedRun, recorder: Recorder) -> None:
        recorder.event("note", "k", 1)
        follower = run.follow(["note"])
        assert [event.value for event in follower.poll()] == [1]
        assert follower.poll() == []
        other = run.record()
        other.event("note", "k", 2)
        recorder.event("tag", "k", "unwanted")
        assert [event.value for event in follower.poll()] == [2]
        other.close()
        assert follower.poll() == []

    def test_the_start_event_is_found(self, run: RecordedRun, recorder: Recorder) -> None:
        assert run.start() == {}
        recorder.event("start", "start", {"experiment": "e/f", "number": 7})
        assert run.start() == {"experiment": "e/f", "number": 7}

    def test_facts_are_added_from_outside(self, run: RecordedRun, recorder: Recorder) -> None:
        recorder.event("tag", "k", "first")
        recorder.close()
        far_ahead = 2**62
        time = run.annotate([("tag", "k", "later"), ("note", "note", "seen")], after_ns=far_ahead)
        assert time > far_ahead
        assert [(event.kind, event.value) for event in run.events()] == [
            ("tag", "first"),
            ("tag", "later"),
            ("note", "seen"),
        ]
        with pytest.raises(RunloreError):
            run.annotate([("note", "note", "whole"), ("note", "note", object())])
        assert len(run.events()) == 3

    def test_liveness(self, run: RecordedRun) -> None:
        recorder = run.record()
        assert run.is_alive()[0]
        recorder.stop("succeeded", {})
        recorder.close()
        assert not run.is_alive()[0]

    def test_an_experiment_is_removed_as_a_whole(self, store: Store) -> None:
        gone, kept = new_uid(), new_uid()
        for experiment, uid in (("e", gone), ("e/f", kept)):
            store.create_run(experiment, uid)
            store.claim_number(experiment, uid)
            recorder = store.open_run(uid).record()  # a run in which nothing is yet may just be beginning
            recorder.event("start", "start", {})
            recorder.close()
        run = store.open_run(gone)
        assert store.delete_experiment("e") == 1
        with pytest.raises(RunNotFound):
            run.events()
        with pytest.raises(RunNotFound):
            store.open_run(gone)
        assert list(store.points([gone, kept])) and [uid for uid, _ in store.points([gone, kept])] == [kept]
        assert store.claim_number("e", new_uid()) == 1
        assert store.claim_number("e/f", new_uid()) == 2

    # -- claims -------------------------------------------------------------------------------------------------

    def test_numbers_are_consecutive_and_no_two_runs_share_one(self, store: Store) -> None:
        found = in_threads(lambda _: [store.claim_number("a", new_uid()) for _ in range(5)])
        assert sorted(number for numbers in found for number in numbers) == list(range(1, 41))
        assert store.claim_number("b", new_uid()) == 1

    def test_a_name_has_one_holder(self, store: Store) -> None:
        won = in_threads(lambda number: store.claim("names", "résumé/1", {"uid": str(number)}))
        assert sorted(won) == [False] * 7 + [True]
        holder = {"uid": str(won.index(True))}
        assert store.claimed("names", "résumé/1") == {**holder, "name": "résumé/1"}
        assert store.claimed("other names", "résumé/1") is None
        assert not store.release("names", "résumé/1", {"uid": "somebody else"})
        assert store.release("names", "résumé/1", holder)
        assert not store.release("names", "résumé/1", holder)
        assert store.claimed("names", "résumé/1") is None

    def test_what_is_claimed_is_replaced_by_one_at_a_time(self, store: Store) -> None:
        assert not store.reclaim("names", "n", {}, {"turn": 0})
        assert store.claimed("names", "n") is None
        assert store.claim("names", "n", {"turn": 0})

        def count(_: int) -> list[bool]:
            return [store.reclaim("names", "n", {"turn": turn}, {"turn": turn + 1}) for turn in range(10)]

        assert sum(sum(done) for done in in_threads(count)) == 10
        assert store.claimed("names", "n") == {"turn": 10, "name": "n"}
        assert not store.release("names", "n", {"turn": 0})
        assert store.release("names", "n", {"turn": 10})

    def test_the_claims_of_a_namespace(self, store: Store) -> None:
        for name in ("b", "a", "..", "c/d"):
            assert store.claim("n", name, {"uid": name})
        assert store.claim("m", "a", {})
        assert [(about["name"], about["uid"]) for about in store.claims("n")] == [
            (n, n) for n in ("..", "a", "b", "c/d")
        ]
        assert store.claims("nobody's") == []

    # -- contents -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 5_000])
    def test_contents_come_back(self, store: Store, tmp_path: Path, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        assert not store.has_content(digest)
        path = tmp_path / "file"
        path.write_bytes(content)
        assert store.put_bytes(content) == (digest, len(content))
        assert store.put_file(path) == (digest, len(content))
        assert store.has_content(digest)
        with store.open_content(digest) as file:
            assert file.read() == content
            file.seek(len(content) // 2)
            assert file.read() == content[len(content) // 2 :]
        with open(store.content_path(digest), "rb") as file:
            assert file.read() == content

    def test_contents_that_are_not_there(self, store: Store) -> None:
        for digest in ("0" * 64, "../../etc/passwd", "", "x"):
            assert not store.has_content(digest)
            with pytest.raises(ArtifactNotFound):
                store.open_content(digest)
            with pytest.raises(ArtifactNotFound):
                store.content_path(digest)

    def test_a_file_that_is_not_there(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="nothing"):
            store.put_file(os.path.join(tmp_path, "nothing"))

    # -- cards --------------------------------------------------------------------------------------------------

    def test_versions_are_given_out_once(self, store: Store) -> None:
        card = CardName("model", "team/nlp", "größe 1")
        assert store.versions_taken(card) == []
        found = in_threads(lambda _: store.claim_version(card, lambda taken: next_version(taken, "minor")))
        assert sorted(map(str, found), key=Version.parse) == [f"0.{number}.0" for number in range(1, 9)]
        assert sorted(store.versions_taken(card)) == sorted(found)
        with pytest.raises(AlreadyExists):
            store.claim_version(card, lambda _: Version.parse("0.3.0"))
