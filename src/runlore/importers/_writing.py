"""Writing one run of a source into a store, once: what is there already is left as it is.

Of each series a source gives its points in one order, to which it only ever appends. So where the store has so many of
them, those are the first ones: of an import that was cut off, or of an earlier one. Facts and files are known by what
they say. Whether that holds is not believed but compared, see `runlore.importers._proof`.
"""

from __future__ import annotations

import mimetypes
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from runlore._version import __version__
from runlore.errors import DamagedFile, InvalidArgument, NotStored, RunNotFound, WrongType
from runlore.importers._names import path_name
from runlore.importers._proof import Evidence, Tally, fact_identity
from runlore.importers._reading import check_readable
from runlore.importers._records import End, Fact, File, Points
from runlore.model import ARTIFACT, RESUME, START, STOP
from runlore.names import check_key
from runlore.run.recording import begin_run

if TYPE_CHECKING:
    from runlore.importers._records import Record, SourceRun
    from runlore.recorder import Recorder
    from runlore.store.base import RecordedRun, Store


class RunWriter:
    """One run that is taken in. Whoever made it closes it.

    Args:
        store: where to.
        run: of the source.

    Attributes:
        source: the same run.
        is_new: whether the store had nothing of it.
        number: of the run in its experiment; None where a server gives it later.
        written: records that were not there yet.
        evidence: what the source gave.

    Raises:
        ReadOnlyStore, NotReachable, OSError: the store takes nothing.
    """

    def __init__(self, store: Store, run: SourceRun) -> None:
        self._store, self.source = store, run
        self.written = 0
        self.evidence = Evidence()
        self._known_points: Counter[str] = Counter()
        self._known_facts: set[bytes] = set()
        self._end: tuple[str, int] | None = None
        self._opened: Recorder | None = None
        self.run = self._open()

    @property
    def _recorder(self) -> Recorder:
        """What appends to the run: made with the first record, so that what has nothing new is not touched."""
        if self._opened is None:
            self._opened = self.run.record()
        return self._opened

    def _open(self) -> RecordedRun:
        source = self.source
        about = {**source.about, "imported": source.id}
        begun = None
        try:
            run = self._store.open_run(source.uid)
        except RunNotFound:
            begun = begin_run(
                self._store, source.experiment, uid=source.uid, about=about, time_ns=source.started_ns
            )  # fmt: skip
            run = begun.run if begun else self._store.open_run(source.uid)
        self.is_new = begun is not None
        if begun is not None:
            self.number, self._opened = begun.number, begun.recorder
            return run
        self._learn(run)
        said = run.start()
        if not said:  # an import was killed between making the run and its first record
            said = {"experiment": source.experiment, "number": self._store.claim_number(source.experiment, source.uid),
                    "runlore": __version__, **about}  # fmt: skip
            self._opened = run.record()
            self._opened.event(START, "start", said, time_ns=source.started_ns)
        self.number = said.get("number")
        return run

    def _learn(self, run: RecordedRun) -> None:
        """Look at what the store has of the run."""
        points = run.points()
        counts = np.bincount(points.key, minlength=len(points.names)).tolist()
        self._known_points.update(dict(zip(points.names, counts, strict=True)))
        for event in run.events():
            self._known_facts.add(fact_identity(event.kind, event.key, event.value, event.step, event.time_ns))
            if event.kind == START and self.source.is_start_guessed:
                self.source.started_ns = event.time_ns
            if event.kind == STOP and isinstance(event.value, dict):
                self._end = event.value.get("status", ""), event.time_ns

    # -- records ------------------------------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """Write a record that is not there yet. What cannot be stored is a problem of the run."""
        try:
            if isinstance(record, Points):
                self._take_points(record)
            elif isinstance(record, Fact):
                self._take_fact(record)
            elif isinstance(record, File):
                self._take_file(record)
            else:
                self._take_end(record)
        except (DamagedFile, InvalidArgument, WrongType) as error:
            self.source.problems.append(f"left out: {' '.join(str(error).split())}")

    def _take_points(self, points: Points) -> None:
        check_key(points.key, "key")
        self.evidence.add_points(points)
        known = min(self._known_points[points.key], len(points.values))
        self._known_points[points.key] -= known
        times = np.asarray(points.times_ns[known:], "datetime64[ns]")
        record = self._recorder.scalar
        for step, time, value in zip(points.steps[known:], times, points.values[known:], strict=True):
            record(points.key, float(value), None if step != step else float(step), time)  # noqa: PLR0124 - NaN: none
        self.written += len(points.values) - known

    def _take_fact(self, fact: Fact) -> None:
        check_key(fact.key, "key")
        if self._is_new_fact(fact.kind, fact.key, fact.value, fact.step, fact.time_ns):
            self._record(fact.kind, fact.key, fact.value, fact.step, fact.time_ns)

    def _take_file(self, file: File) -> None:
        check_readable(file)
        name = path_name(file.name, "unnamed")
        inside = isinstance(file.content, bytes)
        digest, size = self._store.put_bytes(file.content) if inside else self._store.put_file(file.content)  # type: ignore[arg-type]
        kind = file.media_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        value = {**file.metadata, "digest": digest, "size": size, "kind": file.kind, "media_type": kind}
        if self._is_new_fact(ARTIFACT, name, value, file.step, None, size):
            self._record(ARTIFACT, name, value, file.step, file.time_ns)

    def _is_new_fact(
        self, kind: str, key: str, value: Any, step: float | None, time_ns: int | None, size: int | None = None
    ) -> bool:  # fmt: skip
        at = self.source.started_ns if time_ns is None else time_ns
        identity = fact_identity(kind, key, value, step, at)
        self.evidence.add_fact(identity, size)
        new = identity not in self._known_facts
        self._known_facts.add(identity)
        return new

    def _record(self, kind: str, key: str, value: Any, step: float | None, time_ns: int | None) -> None:
        if time_ns is None and self.is_new:
            time_ns = self.source.started_ns  # in a run that was there, what changed counts from now
        self._recorder.event(kind, key, value, step=step, time_ns=time_ns)
        self.written += 1

    def _take_end(self, end: End) -> None:
        if self._end == (end.status, end.time_ns):
            return
        if self._end is not None:  # the first end counts until the run is resumed
            self._recorder.event(RESUME, "resume", {"imported": self.source.id}, time_ns=self._end[1])
        self._recorder.event(STOP, "stop", {"status": end.status}, time_ns=end.time_ns)
        self._end = end.status, end.time_ns
        self.written += 1

    # -- the end ------------------------------------------------------------------------------------------------

    def check(self) -> tuple[Tally, list[dict[str, Any]]]:
        """What the store has of the run now, read back; and a few points of both sides.

        Raises:
            NotStored: records could not be kept.
        """
        lost = self._opened.lost if self._opened is not None else 0
        if lost:
            raise NotStored(
                f"{lost:,} records of run {self.source.uid} could not be kept. Make room, and import again: what is "
                "there is not taken twice"
            )
        self.run.sync()
        points = self.run.points()
        return self.evidence.kept(points, self.run.events()), self.evidence.compared(points)

    def close(self) -> None:
        """Let go of the run. Its status stays as the source gave it."""
        if self._opened is not None:
            self._opened.close()
