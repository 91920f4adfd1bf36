"""A run in memory: a list of what was recorded, and who recorded it. The plainest thing that keeps the contract."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.errors import InvalidArgument, RunEnded, RunNotFound, WrongType
from runlore.journal.values import number_of, step_of, time_ns_of, to_bytes
from runlore.model import EVENT_KINDS, LOST, RUNNING, START, STOP, new_uid
from runlore.names import check_key
from runlore.recorder import Recorder
from runlore.store.base import Follower, RecordedRun
from runlore.store.content import StoredEvent
from runlore.store.points import RunPoints

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from runlore.store.base import Fact


class Point(NamedTuple):
    """One point of a series; `row` orders those that were recorded at once."""

    writer: str
    sequence: int
    row: int
    time_ns: int
    step: float
    key: str
    value: float


class MemoryRecorder(Recorder):
    """Appends to a list, which has room for everything."""

    def __init__(self, run: MemoryRun) -> None:
        self.writer = new_uid()
        self.closed = False
        self.pid = os.getpid()
        self._run = run
        self._sequence = 0
        self._lost = 0
        self._columns: dict[str, Any] = {}
        run.recorders.append(self)

    @property
    def lost(self) -> int:  # noqa: D102 - described by the contract
        return self._lost

    def scalar(self, key: str, value: Any, step: Any = None, time: Any = None) -> None:  # noqa: D102
        self.row({key: value}, step, time)

    def row(self, values: Mapping[str, Any], step: Any = None, time: Any = None) -> None:  # noqa: D102
        numbers = {check_key(key, "key"): number_of(key, value) for key, value in values.items()}
        place = step_of(step)
        moment = time_ns() if time is None else time_ns_of(time)
        with self._run.lock:
            sequence = self._next()
            self._run.points_.extend(
                Point(self.writer, sequence, row, moment, place, key, value)
                for row, (key, value) in enumerate(numbers.items())
            )

    def event(  # noqa: D102
        self, kind: str, key: str, value: Any = None, *, step: Any = None, time_ns: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> bool:  # fmt: skip
        for name, text in (("kind", kind), ("key", key)):
            if not isinstance(text, str):
                raise WrongType(f"{name}={text!r} must be a string, not {type(text).__name__}")
        if time_ns is not None and not (isinstance(time_ns, int) and -(2**63) <= time_ns < 2**63):
            raise InvalidArgument(f"time_ns={time_ns!r} must be nanoseconds since 1970 as int64")
        kept = _as_kept({"v": value, "x": dict(extra or {})}, f"{kind} {key!r}")
        place = step_of(step)
        with self._run.lock:
            sequence = self._next()
            columns = {**self._columns, **kept["x"]}
            moment = _now() if time_ns is None else time_ns
            no_step = None if math.isnan(place) else place
            self._run.events_.append(
                StoredEvent(self.writer, sequence, moment, no_step, kind, key, kept["v"], columns)
            )  # fmt: skip
        return True

    def stop(self, status: str, about: Mapping[str, Any]) -> None:  # noqa: D102
        self.event(STOP, "stop", {"status": status, **about})

    def columns(self, columns: Mapping[str, Any]) -> None:  # noqa: D102
        kept = _as_kept(dict(columns), "extra columns")
        with self._run.lock:
            sequence = self._next()
            self._columns = kept
            self._run.extras_.append((self.writer, sequence, kept))

    def lose(self, key: str, what: str, error: BaseException) -> None:  # noqa: D102
        self._lost += 1
        self.event(LOST, key, {"lost": what, "reason": str(error)})

    def say(self, text: str) -> None:  # noqa: D102
        sys.stderr.write(f"runlore: {text}\n")

    def discard(self) -> None:  # noqa: D102
        self.close()
        self._run.recorders.remove(self)

    def close(self) -> None:  # noqa: D102
        self.closed = True

    def _next(self) -> int:
        if self.closed:
            raise RunEnded("the recorder was closed; open another one to record more")
        self._sequence += 1
        return self._sequence


_now = time_ns


def _as_kept(value: Any, argument: str) -> Any:
    """The value as JSON brings it back."""
    return json.loads(to_bytes(value, argument).decode("utf-8", "surrogatepass"))


class MemoryRun(RecordedRun):
    """What was recorded of one run."""

    def __init__(self, uid: str, experiment: str) -> None:
        self.uid = uid
        self._experiment = experiment
        self.location = f"memory:{experiment}/{uid}"
        self.recorders: list[MemoryRecorder] = []
        self.points_: list[Point] = []
        self.events_: list[StoredEvent] = []
        self.extras_: list[tuple[str, int, dict[str, Any]]] = []
        self.lock = threading.RLock()
        self.gone = False

    @property
    def experiment(self) -> str:  # noqa: D102 - described by the contract
        return self._experiment

    def _check(self) -> None:
        if self.gone:
            raise RunNotFound(f"the run {self.uid!r} was deleted")

    def points(self, keys: Collection[str] | None = None) -> RunPoints:  # noqa: D102 - described by the contract
        import numpy as np

        self._check()
        with self.lock:
            chosen = sorted(
                (point for point in self.points_ if keys is None or point.key in keys),
                key=lambda point: (point.time_ns, point.writer, point.sequence, point.row),
            )
            writers = sorted(recorder.writer for recorder in self.recorders)
            extras = [(writers.index(writer), sequence, columns) for writer, sequence, columns in self.extras_]
        names = sorted({point.key for point in chosen})
        return RunPoints(
            np.array([names.index(point.key) for point in chosen], dtype=np.uint32),
            names,
            np.array([point.step for point in chosen], dtype=np.float64),
            np.array([point.time_ns for point in chosen], dtype=np.int64),
            np.array([point.value for point in chosen], dtype=np.float64),
            np.array([writers.index(point.writer) for point in chosen], dtype=np.uint32),
            writers,
            [{} for _ in writers],
            np.array([point.sequence for point in chosen], dtype=np.int64),
            sorted(extras, key=lambda change: change[:2]),
        )

    def events(self, kinds: Collection[str] | None = None) -> list[StoredEvent]:  # noqa: D102
        self._check()
        with self.lock:
            found = [event for event in self.events_ if kinds is None or event.kind in kinds]
        return sorted(found, key=lambda event: (event.time_ns, event.writer, event.sequence))

    def follow(self, kinds: Collection[str] | None = None) -> MemoryFollower:  # noqa: D102
        return MemoryFollower(self, kinds)

    def start(self) -> dict[str, Any]:  # noqa: D102
        return next((dict(event.value) for event in self.events([START])), {})

    def record(self, *, first: bool = False, lazily: bool = False) -> MemoryRecorder:  # noqa: ARG002, D102 - all are found
        self._check()
        with self.lock:
            return MemoryRecorder(self)

    def annotate(self, facts: Iterable[Fact], *, after_ns: int = 0) -> int:  # noqa: D102
        facts = list(facts)
        for kind, key, value in facts:
            check_key(key, kind if kind in EVENT_KINDS else "key")
            _as_kept(value, f"{kind} {key!r}")
        time = max(_now(), after_ns + 1)
        recorder = self.record()
        for kind, key, value in facts:
            recorder.event(kind, key, value, time_ns=time)
        recorder.close()
        return time

    def is_alive(self) -> tuple[bool, str]:  # noqa: D102
        with self.lock:
            open_ones = [recorder for recorder in self.recorders if not recorder.closed]
        return (True, "lock") if open_ones else (False, "closed")

    def crash(self) -> None:
        """Let every writer of the run die, as a program that is killed does: nothing says how the run ended."""
        for recorder in self.recorders:
            recorder.close()

    def status(self) -> str:
        """`running` where a writer lives; for messages of tests. The index says more."""
        return RUNNING if self.is_alive()[0] else "ended"


class MemoryFollower(Follower):
    """Remembers how many events it gave."""

    def __init__(self, run: MemoryRun, kinds: Collection[str] | None) -> None:
        self._run = run
        self._kinds = kinds
        self._seen: set[tuple[str, int]] = set()

    def poll(self) -> list[StoredEvent]:  # noqa: D102 - described by the contract
        new = [event for event in self._run.events(self._kinds) if (event.writer, event.sequence) not in self._seen]
        self._seen.update((event.writer, event.sequence) for event in new)
        return new
