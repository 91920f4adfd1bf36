"""Segments: the columns of a long journal that is still being written, kept so that no reader decodes it twice.

    segments/<writer>/state.json               how far the journal was read, and how much of the files below counts
    segments/<writer>/<generation>/<key>.time  one file a column of each series: time, step, value, sequence, position
    segments/<writer>/<generation>/events      one JSON line an event

Readers append to these files what the journal gained, under a lock, then replace `state.json`; a series is mapped, not
read. Bytes that `state.json` does not count yet do not exist for readers, and those that it counts never change, so a
mapping stays valid. Nothing waits for the disk: what was written before the system's last start is not trusted.

All of it is derived: it can be deleted at any time, and goes when the run is sealed. It lies in the run's directory,
or in the cache directory where the store cannot be written to.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.config import cache_directory
from runlore.errors import DamagedFile
from runlore.files import is_directory, open_binary, open_regular
from runlore.journal import liveness
from runlore.journal.decode import Context, Event, is_closed, read
from runlore.model import new_uid
from runlore.names import is_uid
from runlore.store.points import Part, positions
from runlore.store.seal_lock import sealing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from runlore.journal.decode import Chunk

SEGMENTS = "segments"
MIN_BYTES = 32 * 1024 * 1024
"""Shorter journals are decoded faster than files are opened."""
MAX_KEYS = 4096
"""A journal with more series has short ones."""
_VERSION = 2
"""Those of version 1 may lack points: readers took bytes for damaged that they had read too early."""
_PIECE_BYTES = 1 << 24
_COLUMNS = (("time", "<i8"), ("step", "<f8"), ("value", "<f8"), ("sequence", "<i8"), ("position", "<i4"))
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})


class Series(NamedTuple):
    """How much of a series the files hold."""

    points: int
    last_ns: int
    ordered: bool
    """Whether times never fall."""


class Segments(NamedTuple):
    """What the files hold of one journal."""

    folder: str
    """Of the generation."""
    begin: int
    """Offset in the journal from which on they hold it."""
    context: Context
    """Where the journal goes on."""
    series: dict[int, Series]
    """By the id of the key in the journal."""
    event_bytes: int

    def parts(self, writer: int, wanted: frozenset[str] | None) -> list[Part]:
        """The series wanted, mapped into memory."""
        import numpy as np

        chosen = [
            (number, series) for number, series in self.series.items()
            if wanted is None or self.context.keys[number] in wanted
        ]  # fmt: skip
        parts = []
        for number, series in chosen:
            time_ns, step, value, sequence, position = (
                _mapped(self._path(number, name), kind, series.points) for name, kind in _COLUMNS
            )
            key = np.broadcast_to(np.uint32(0), value.shape)
            alone = len(chosen) == 1
            parts.append(
                Part(
                    key, [self.context.keys[number]], step, time_ns, value, writer, sequence,
                    None if alone else position, ordered=alone and series.ordered,
                )
            )  # fmt: skip
        return parts

    def events(self) -> tuple[list[Event], list[tuple[int, dict[str, Any]]]]:
        """The events, and the changes of extra columns."""
        events, extras = [], []
        if self.event_bytes:
            with open_binary(os.path.join(self.folder, "events")) as file:
                for line in file.read(self.event_bytes).splitlines():
                    sequence, *rest = json.loads(line)
                    if len(rest) == 1:
                        extras.append((sequence, rest[0]))
                    else:
                        events.append(Event(sequence, *rest))
        return events, extras

    def _path(self, number: int, column: str) -> str:
        return os.path.join(self.folder, f"{number}.{column}")

    def append(self, chunk: Chunk) -> Segments:
        """Write what the journal gained, behind what counts. It counts once the result is saved."""
        series = dict(self.series)
        for number, columns in _by_key(chunk):
            before = series.get(number, Series(0, -(2**63), ordered=True))
            for (name, kind), column in zip(_COLUMNS, columns, strict=True):
                _write_at(self._path(number, name), before.points * int(kind[-1]), column.astype(kind).tobytes())
            times = columns[0]
            ordered = before.ordered and before.last_ns <= int(times[0]) and bool((times[1:] >= times[:-1]).all())
            series[number] = Series(before.points + len(times), max(before.last_ns, int(times[-1])), ordered)
        lines = [json.dumps([sequence, columns]) for sequence, columns in chunk.extras]
        lines += [json.dumps(list(event)) for event in chunk.events]
        text = "".join(line + "\n" for line in lines).encode("ascii")
        if text:
            _write_at(os.path.join(self.folder, "events"), self.event_bytes, text)
        return Segments(self.folder, self.begin, chunk.context, series, self.event_bytes + len(text))

    def save(self, path: str) -> None:
        """Let what was appended count."""
        state = {
            "version": _VERSION,
            "boot": liveness.boot_id(),
            "host": os.uname().nodename,
            "folder": os.path.basename(self.folder),
            "begin": self.begin,
            "context": self.context.dump(),
            "series": self.series,
            "event_bytes": self.event_bytes,
        }
        temporary = f"{path}.tmp"
        with open(temporary, "w", encoding="ascii") as file:
            json.dump(state, file)
        os.replace(temporary, path)


def refresh(directory: str, writer: str, path: str, context: Context | None) -> Segments | None:
    """Segments of a journal that is being written, brought up to date.

    Args:
        directory: the run's directory.
        writer: the journal's writer.
        path: the journal.
        context: where its sealed part ends; None: nothing of it is sealed.

    Returns:
        What they hold: all of the journal, or, while another reader brings them up to date, its beginning. None where
        the journal is short, has too many series, or there is no room for segments.
    """
    begin = context.offset if context is not None else 0
    if os.lstat(path).st_size - begin < MIN_BYTES:
        return None
    for place in _places(directory):
        folder = os.path.join(place, writer)
        try:
            if not _make(place, folder, directory):
                return None
            with sealing(folder) as lock:
                found = _load(folder, begin)
                if lock is None or (found is None and is_closed(path)):  # a closed one is about to be sealed
                    return found
                return _update(folder, path, context, found)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
    return None


def discard(directory: str) -> None:
    """Remove the segments of a run."""
    import shutil

    for place in _places(directory):
        if os.path.isdir(place):
            shutil.rmtree(place, ignore_errors=True)  # what another reader writes just now goes with the next sealing


def _places(directory: str) -> tuple[str, str]:
    name = hashlib.sha256(os.fsencode(os.path.realpath(directory))).hexdigest()[:32]
    return os.path.join(directory, SEGMENTS), os.path.join(cache_directory(), SEGMENTS, name)


def _make(place: str, folder: str, directory: str) -> bool:
    """Make the folder, but never a run's directory that was deleted meanwhile.

    Returns:
        Whether it is there; if not, a link or a file is in the way.
    """
    if os.path.dirname(place) != directory:
        os.makedirs(os.path.dirname(place), exist_ok=True)
    for path in (place, folder):
        with suppress(FileExistsError):
            os.mkdir(path)
        if not is_directory(path):
            return False
    return True


def _load(folder: str, begin: int) -> Segments | None:
    """The segments in the folder, if they can be trusted and hold the journal from this offset on."""
    try:
        with open_binary(os.path.join(folder, "state.json")) as file:
            state = json.load(file)
    except (FileNotFoundError, DamagedFile):
        return None
    except ValueError:
        return None  # cut off by a loss of power: they are made again
    here = (_VERSION, liveness.boot_id(), os.uname().nodename, begin)
    if (state["version"], state["boot"], state["host"], state["begin"]) != here:
        return None
    series = {int(number): Series(*values) for number, values in state["series"].items()}
    path = os.path.join(folder, str(state["folder"]))
    if not is_uid(str(state["folder"])) or not is_directory(path):
        return None  # nobody but a stranger names another place
    return Segments(path, begin, Context.load(state["context"]), series, state["event_bytes"])


def _update(folder: str, path: str, context: Context | None, found: Segments | None) -> Segments | None:
    """Append what the journal gained; begin a new generation where there is none."""
    state = os.path.join(folder, "state.json")
    if found is None:
        import shutil

        for name in os.listdir(folder):
            if is_directory(os.path.join(folder, name)):
                shutil.rmtree(os.path.join(folder, name))
        generation = os.path.join(folder, new_uid())
        os.mkdir(generation)
        begin = context.offset if context is not None else 0
        found = Segments(generation, begin, context or Context(), {}, 0)
    while True:
        chunk = read(path, found.context, max_bytes=_PIECE_BYTES)
        if chunk.damage:  # what lies behind may turn out otherwise: it is read from the journal, each time
            return found
        if max(chunk.context.keys, default=0) >= MAX_KEYS:
            return None
        if chunk.context.offset != found.context.offset or not os.path.exists(state):
            found = found.append(chunk)
            found.save(state)
        if not chunk.more:
            return found


def _by_key(chunk: Chunk) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The points of each series, in the order in which they were recorded: the columns of the files."""
    import numpy as np

    points = chunk.points
    if not len(points.key):
        return
    order = np.argsort(points.key.astype(np.uint16), kind="stable")
    key = points.key[order]
    columns = (points.time_ns, points.step, points.value, points.sequence, positions(points.sequence))
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(key)], strict=True):
        rows = order[start:end]
        yield int(key[start]), tuple(column[rows] for column in columns)


def _mapped(path: str, kind: str, points: int) -> NDArray[Any]:
    """A column, mapped into memory.

    Raises:
        DamagedFile: a link, FIFO, directory or device is in the place of its file.
    """
    import numpy as np

    with open_binary(path) as file:
        return np.memmap(file, kind, "r", shape=(points,)).view(np.ndarray)


def _write_at(path: str, offset: int, data: bytes) -> None:
    descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT)
    try:
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written
    finally:
        os.close(descriptor)
