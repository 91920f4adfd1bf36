"""A logdir: each directory below it that has event files is a run."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile, InvalidArgument, NotFound
from runlore.importers._folders import files_below
from runlore.importers._names import uid_of
from runlore.importers._records import End, Fact, LiveSource, Points, SourceRun
from runlore.importers.tensorboard.events import Event, read_event
from runlore.importers.tensorboard.tfrecord import Broken, read_records
from runlore.model import STATUS, SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._records import Record

KIND = "tensorboard"
MARK = "tfevents"
"""What is in the name of every event file."""

_BATCH = 1_000


@dataclass
class _EventFile:
    """How far a file was read."""

    path: str
    place: int = 0
    is_broken: bool = False


@dataclass
class LoggedRun(SourceRun):
    """The event files of one directory.

    Attributes:
        live: whether it may go on: then it has no end, and `records` gives what came since the last call.
    """

    live: bool = False
    _files: dict[str, _EventFile] = field(default_factory=dict)
    _kinds: dict[str, str] = field(default_factory=dict)
    _left_out: dict[str, int] = field(default_factory=dict)
    _status: str = SUCCEEDED
    _latest_ns: int = 0

    def add_file(self, path: str) -> None:
        """Another file of the directory."""
        self._files.setdefault(path, _EventFile(path))

    def records(self) -> Iterator[Record]:
        """What its files say, one after the other."""
        for file in sorted(self._files.values(), key=lambda item: item.path):
            if not file.is_broken:
                yield from _batched(self._read(file))
        if not self.live:
            self._tell()
            yield End(self._status, max(self._latest_ns, self.started_ns))

    def _read(self, file: _EventFile) -> Iterator[Record]:
        skipped = 0
        try:
            for data in read_records(file.path, file.place):
                file.place = data.end
                if data.data is None:
                    skipped += 1
                    continue
                try:
                    yield from self._records(read_event(data.data))
                except DamagedFile as error:
                    self.problems.append(f"left out: an event of {file.path!r} before {data.end:,}: {error}")
        except Broken as error:
            file.is_broken = True
            size = os.path.getsize(file.path) - file.place
            self.problems.append(f"left out: the last {size:,} bytes of {file.path!r}: {error} is damaged")
        except (DamagedFile, OSError) as error:
            self.problems.append(f"left out: {file.path!r}: {error}")
        if skipped:
            self.problems.append(f"left out: {skipped:,} events of {file.path!r} whose checksum is not right")

    def _records(self, event: Event) -> Iterator[Record]:
        self._latest_ns = max(self._latest_ns, event.time_ns)
        for record in event.records(self._kinds, self._left_out):
            if isinstance(record, Fact) and record.kind == STATUS:
                self._status = record.key
            else:
                yield record

    def _tell(self) -> None:
        """Say what was left out at the end of all files."""
        for file in self._files.values():
            rest = os.path.getsize(file.path) - file.place if os.path.exists(file.path) else 0
            if rest and not file.is_broken:
                self.problems.append(f"{file.path!r} ends with {rest:,} bytes of an event that is not there as a whole")
        for kind, count in sorted(self._left_out.items()):
            self.problems.append(f"left out: {count:,} values of the kind {kind!r}, which has no form here")
        self._left_out.clear()


def _batched(records: Iterator[Record]) -> Iterator[Record]:
    """The same, with points of one series put together."""
    waiting: dict[str, Points] = {}
    for record in records:
        if not isinstance(record, Points):
            yield record
            continue
        known = waiting.get(record.key)
        if known is None:
            waiting[record.key] = record
            continue
        for column, more in zip(known[1:], record[1:], strict=True):
            column.extend(more)  # type: ignore[attr-defined]  # lists, made by `Event`
        if len(known.values) >= _BATCH:
            yield waiting.pop(record.key)
    yield from waiting.values()


class LogDirectory(LiveSource):
    """The runs of a logdir. Calls of `runs` find directories and files that came meanwhile.

    Args:
        path: a directory, or one event file.
        live: whether it is being written to.

    Raises:
        NotFound: nothing is there.
    """

    kind = KIND

    def __init__(self, path: str, *, live: bool = False) -> None:
        if not os.path.exists(path):
            raise NotFound(f"{path!r}: nothing is there; name a logdir of TensorBoard")
        self.location = path
        self.problems: list[str] = []
        self._live = live
        self._runs: dict[str, LoggedRun] = {}
        self._unread: set[str] = set()

    def runs(self) -> list[LoggedRun]:
        """All runs, by the time of their first event.

        Raises:
            InvalidArgument: there is no event file, and none is waited for.
        """
        files = [(os.path.basename(self.location), self.location)] if os.path.isfile(self.location) else None
        for name, path in files or files_below(self.location):
            if MARK in os.path.basename(name):
                self._add(os.path.dirname(name), path)
        if not self._live:
            self.problems += [f"left out: {path!r} has no event that can be read" for path in sorted(self._unread)]
            if not self._runs and not self._unread:
                raise InvalidArgument(f"{self.location!r} has no event files (…{MARK}…) in it; name a logdir")
        return sorted(self._runs.values(), key=lambda run: (run.started_ns, run.id))

    def _add(self, folder: str, path: str) -> None:
        run = self._runs.get(folder)
        if run is None:
            first = _first_event(path)
            if first is None:
                self._unread.add(path)
                return
            experiment = os.path.basename(os.path.abspath(self.location)) or KIND
            identity = f"{os.path.basename(path)}|{struct.pack('<q', first.time_ns).hex()}"
            run = self._runs[folder] = LoggedRun(
                folder or ".", uid_of(KIND, identity, first.time_ns), experiment, first.time_ns,
                {"name": folder or None}, live=self._live,
            )  # fmt: skip
        self._unread.discard(path)
        run.add_file(path)

    def stop(self) -> None:
        """Nobody writes any more: the next `records` of each run end it."""
        self._live = False
        for run in self._runs.values():
            run.live = False


def _first_event(path: str) -> Event | None:
    """The first event of a file; None where there is none yet, or none that can be read."""
    try:
        for data in read_records(path):
            if data.data is not None:
                return read_event(data.data)
    except (Broken, DamagedFile, OSError):
        return None  # told where nothing else of the directory can be read either
    return None
