"""Folders of W&B: each `….wandb` is one session of a run; a run that was resumed has several."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from functools import partial
from math import nan
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile, InvalidArgument, NotFound
from runlore.importers._folders import files_below
from runlore.importers._framed_log import LogReader
from runlore.importers._json_values import leaves, number_of
from runlore.importers._names import uid_of
from runlore.importers._protobuf import message, piece, text, whole
from runlore.importers._records import End, Fact, File, Points, Source, SourceRun
from runlore.importers.wandb import records as said
from runlore.importers.wandb.media import media_files, text_file
from runlore.model import ALERT, FAILED, LOG, PARAM, SUCCEEDED, TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.importers._protobuf import Fields
    from runlore.importers._records import Record

KIND = "wandb"
SUFFIX = ".wandb"
FILES = "files"
"""The folder of a session that holds what it kept."""

_MEDIA = "media/"
"""Within it, what histories refer to."""
_STREAMS = {0: "stderr", 1: "stdout"}
_OWN = "_"
"""Keys that begin so are W&B's own: `_step`, `_timestamp`, `_wandb`."""


@dataclass
class OfflineRun(SourceRun):
    """A run, of one session or several."""

    sessions: list[str] = field(default_factory=list)
    """Their files, in the order of their time."""

    def records(self) -> Iterator[Record]:
        """All that its sessions recorded; summaries only where they are more than the latest value."""
        state = _State(self.problems, self.started_ns)
        for path in self.sessions:
            yield from _session(path, state)
        yield from state.rest()


class _State:
    """What is known of a run while its records are read."""

    def __init__(self, problems: list[str], started_ns: int) -> None:
        self.problems = problems
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.keys: set[str] = set()
        self.lines = dict.fromkeys(_STREAMS.values(), "")
        self.latest_ns = started_ns
        self.status: str | None = None
        self.artifacts = 0

    def rest(self) -> Iterator[Record]:
        """What is only known at the end."""
        for key, value in leaves({key: item for key, item in self.config.items() if not key.startswith(_OWN)}):
            yield Fact(PARAM, key, value)
        for key, value in leaves({key: item for key, item in self.summary.items() if not key.startswith(_OWN)}):
            if key in self.keys or isinstance(value, (dict, list)) or value is None:
                continue
            if isinstance(value, str):
                yield Fact(TAG, f"summary/{key}", value)
            else:
                yield Points(key, [nan], [self.latest_ns], [float(value)])
        if self.artifacts:
            self.problems.append(
                f"left out: {self.artifacts:,} artifacts: their contents lie in W&B's cache, not in the run"
            )
        if self.status:
            yield End(self.status, self.latest_ns)


def _session(path: str, state: _State) -> Iterator[Record]:
    reader = _log(path)
    folder = os.path.join(os.path.dirname(path), FILES)
    state.status = None
    for data in reader.records():
        try:
            yield from _record(message(data), folder, state)
        except DamagedFile as error:  # noqa: PERF203 - the others are taken in
            state.problems.append(f"left out: a record of {path!r}: {error}")
    state.problems += reader.damage
    for name, place in files_below(folder):
        if not name.startswith(_MEDIA):
            yield File(name, place)


def _record(record: Fields, folder: str, state: _State) -> Iterator[Record]:
    for number, read in _READERS.items():
        if number in record:
            yield from read(message(piece(record, number)), folder, state)


def _run(run: Fields, _: str, state: _State) -> Iterator[Record]:
    _change(state.config, message(piece(run, 4)))
    for tag in run.get(10, ()):
        if not isinstance(tag, int):
            yield Fact(TAG, bytes(tag).decode("utf-8", "replace"), "")
    for number, name in ((7, "job_type"), (12, "sweep_id")):
        if number in run:
            yield Fact(TAG, name, text(run, number))


def _alert(alert: Fields, _: str, state: _State) -> Iterator[Record]:
    about = {"text": text(alert, 2), "level": {"WARN": "warning"}.get(text(alert, 3), text(alert, 3).lower())}
    yield Fact(ALERT, text(alert, 1) or "alert", about, state.latest_ns)


def _known(change: Fields, _: str, state: _State, *, of: str) -> Iterator[Record]:
    """A config or a summary, which is told at the end."""
    _change(getattr(state, of), change)
    yield from ()


def _artifact(_: Fields, __: str, state: _State) -> Iterator[Record]:
    state.artifacts += 1
    yield from ()


def _exit(end: Fields, _: str, state: _State) -> Iterator[Record]:
    state.status = FAILED if whole(end, 1) else SUCCEEDED
    yield from ()


def _change(known: dict[str, Any], change: Fields) -> None:
    """Put updates of a config or summary where they belong, and take out what was removed."""
    _merge(known, said.values(change.get(1, [])))
    for path in said.removed(change.get(2, [])):
        place: Any = known
        for part in path[:-1]:
            place = place.get(part) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(path[-1], None)


def _merge(known: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        inner = known.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            _merge(inner, value)
        else:
            known[key] = value


def _history(history: Fields, folder: str, state: _State) -> Iterator[Record]:
    found = said.values(history.get(1, []), history=True)
    step = float(whole(message(piece(history, 2)), 1)) if 2 in history else found.get("_step")
    at, moment = found.get("_timestamp"), state.latest_ns
    if isinstance(at, (int, float)) and 0 < at < 9e9:
        from runlore.journal.values import time_ns_of

        moment = state.latest_ns = time_ns_of(float(at))
    step = float(step) if isinstance(step, (int, float)) else nan
    for key, value in leaves({key: item for key, item in found.items() if not key.startswith(_OWN)}):
        state.keys.add(key)
        number = number_of(value)
        if number is not None:
            yield Points(key, [step], [moment], [number])
        elif isinstance(value, dict) and "_type" in value:
            yield from media_files(key, value, folder, step, moment, state.problems)
        elif isinstance(value, str):
            yield text_file(key, value, step, moment)
        elif value is not None:
            state.problems.append(f"left out: {key!r} at step {step:g}, which is a {type(value).__name__}")


def _stats(stats: Fields, _: str, state: _State) -> Iterator[Points]:
    moment = said.time_ns(stats, 2)
    state.latest_ns = max(state.latest_ns, moment)
    for item in said.messages(stats.get(3, [])):
        number = number_of(said.of_json(text(item, 16)))
        if number is not None:
            yield Points(f"system/{text(item, 1).replace('.', '/')}", [nan], [moment], [number])


def _output(output: Fields, _: str, state: _State) -> Iterator[Fact]:
    """Whole lines of the console. Pieces of a line are put together."""
    stream = _STREAMS.get(whole(output, 1), "stdout")
    *lines, state.lines[stream] = (state.lines[stream] + text(output, 3)).split("\n")
    for line in lines:
        yield Fact(LOG, stream, line, said.time_ns(output, 2) or state.latest_ns)


_READERS: dict[int, Callable[[Fields, str, _State], Iterator[Record]]] = {
    said.HISTORY: _history,
    said.SUMMARY: partial(_known, of="summary"),
    said.CONFIG: partial(_known, of="config"),
    said.STATS: _stats,
    said.OUTPUT: _output,
    said.ALERT: _alert,
    said.ARTIFACT: _artifact,
    said.RUN: _run,
    said.EXIT: _exit,
}
"""By the number of the field of a record that holds it."""


class RunFolders(Source):
    """The runs below a folder.

    Args:
        path: a folder `wandb`, that of one run, or one `….wandb`.

    Raises:
        NotFound: nothing is there.
    """

    kind = KIND

    def __init__(self, path: str) -> None:
        if not os.path.exists(path):
            raise NotFound(f"{path!r}: nothing is there; name a folder wandb, or offline-run-… in it")
        self.location = path
        self.problems: list[str] = []

    def runs(self) -> list[OfflineRun]:
        """All runs, by their start.

        Raises:
            InvalidArgument: there is none.
        """
        inside = [path for name, path in files_below(self.location) if name.endswith(SUFFIX)]
        paths = [self.location] if os.path.isfile(self.location) else inside
        if not paths:
            raise InvalidArgument(f"{self.location!r} has no …{SUFFIX} in it; name a folder wandb")
        found: dict[str, OfflineRun] = {}
        heads = []
        for path in paths:
            try:
                heads.append((*_head(path), path))
            except (DamagedFile, OSError) as error:  # noqa: PERF203 - as above
                self.problems.append(f"left out: {path!r}: {error}")
        for started_ns, run, path in sorted(heads, key=lambda head: (head[0], head[2])):
            name, project = text(run, 1), text(run, 3) or "uncategorized"
            identity = f"{text(run, 2)}/{project}/{name}"
            about = {
                "name": text(run, 8) or None, "description": text(run, 9) or None, "group": text(run, 6) or None,
                "host": text(run, 13) or None,
            }  # fmt: skip
            known = found.setdefault(
                identity, OfflineRun(name, uid_of(KIND, identity, 0), project, started_ns, about)
            )  # fmt: skip
            known.sessions.append(path)
        return sorted(found.values(), key=lambda run: (run.started_ns, run.id))


def _log(path: str) -> LogReader:
    """A file of W&B: a mark, two bytes of magic and the version stand before its records."""
    return LogReader(path, zlib.crc32, mark=b":W&B", header_bytes=7)


def _head(path: str) -> tuple[int, Fields]:
    """(start in ns, the record of the run) of a session.

    Raises:
        DamagedFile: it has none that can be read.
        OSError: it cannot be read.
    """
    for data in _log(path).records():
        record = message(data)
        if said.RUN in record:
            run = message(piece(record, said.RUN))
            return said.time_ns(run, 17), run
    raise DamagedFile("it does not say which run it is of")
