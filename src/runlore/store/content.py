"""What a run holds, wherever it lies: in journals, in sealed Parquet, in both, while it is being written and sealed.

A writer that was sealed and whose journal is there again (copied once more, or grown since) is read from Parquet up to
where the sealing ended, and from the journal after that: a second copy of the same bytes changes nothing. A reader that
meets a sealing half-done sees exactly the old or exactly the new state.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from runlore.errors import DamagedFile, RunNotFound
from runlore.journal import liveness
from runlore.journal.decode import CLOSED, Context, Damage, read_pieces
from runlore.journal.facts import closed_facts
from runlore.store import points, segments
from runlore.store.journal_files import journal_paths
from runlore.store.points import Part, RunPoints
from runlore.store.sealed.files import Sealed, Superseded, identity, open_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from runlore.journal.decode import Chunk, Event

__all__ = ["JournalState", "RunPoints", "StoredEvent", "journals", "read_events", "read_points"]

Result = TypeVar("Result")

_ATTEMPTS = 100
"""To read a run while others seal it, which they do once."""


class StoredEvent(NamedTuple):
    """One recorded fact that is not a point of a series."""

    writer: str
    sequence: int
    """Offset of its record in the writer's journal."""
    time_ns: int
    step: float | None
    kind: str
    key: str
    value: Any
    extra: dict[str, Any]
    """Its own extra columns, and those that its writer gave to all its records."""


@dataclass
class JournalState:
    """A journal file, as reading all of it finds it."""

    path: str
    writer: str
    size: int
    header: dict[str, Any] = field(default_factory=dict)
    state: str = "open"
    """`closed`, `open`, `torn` or `unreadable`; see `runlore.journal.decode`."""
    lost: int = 0
    damage: list[Damage] = field(default_factory=list)
    sealed: bool = False
    """Whether sealed files hold all of it."""


class UnsealedJournal(NamedTuple):
    """A journal that has something that no sealed file has."""

    writer: str
    path: str
    context: Context | None
    """Where the sealed part ends; None: nothing of it is sealed."""


def read_points(directory: str, keys: Collection[str] | None = None) -> RunPoints:
    """The points of a run's series, as far as they are committed.

    Points that were recorded with extra columns of their own are events of kind `metric`: see `read_events`.

    Args:
        directory: the run's directory.
        keys: the series wanted; None: all. Of a sealed run, only these are read.

    Raises:
        RunNotFound: there is no such directory.
        UnsupportedFormat: a newer version of Runlore wrote it.
        DamagedFile: sealed files are not what they should be.
    """
    wanted = None if keys is None else frozenset(keys)
    return _consistently(directory, lambda run: _read_points(directory, run, wanted))


def read_events(directory: str, kinds: Collection[str] | None = None) -> list[StoredEvent]:
    """The events of a run, in the order (time, writer, sequence).

    Args:
        directory: the run's directory.
        kinds: the kinds wanted; None: all.

    Raises:
        RunNotFound, UnsupportedFormat, DamagedFile: as for `read_points`.
    """
    wanted = None if kinds is None else frozenset(kinds)
    return _consistently(directory, lambda run: _read_events(directory, run, wanted))


def journals(directory: str) -> list[JournalState]:
    """The journals of a run, each read to its end, in the order of their writers.

    Raises:
        RunNotFound, UnsupportedFormat, DamagedFile: as for `read_points`.
    """
    return _consistently(directory, lambda run: _journal_states(directory, run))


def _consistently(directory: str, function: Callable[[Sealed | None], Result]) -> Result:
    """The function's result, computed again where a sealing was committed meanwhile.

    A sealer removes journals only after it committed the files that hold them. So whoever looks at the sealed files
    first, then at the journals, and finds the sealed files unchanged afterwards, missed nothing.
    """
    for _ in range(_ATTEMPTS):
        found = open_sealed(directory)
        try:
            result = function(found)
        except (FileNotFoundError, Superseded) as error:
            if not os.path.isdir(directory):
                raise _no_run(directory) from None
            last: Exception = error
            continue  # a sealer removed what it had sealed
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            last = error
            continue  # the same, on a network mount
        finally:
            if found is not None:
                found.close()
        if identity(directory) == (None if found is None else found.identity):
            if found is None and not os.path.isdir(directory):
                raise _no_run(directory)
            return result
        last = Superseded("it was sealed meanwhile")
    raise DamagedFile(
        f"the run {directory!r} cannot be read: its files change or vanish while they are read, {_ATTEMPTS} times in a "
        f"row ({last}). Nothing was changed; look at its directory"
    )


def _no_run(directory: str) -> RunNotFound:
    return RunNotFound(f"there is no run at {directory!r}; it may have been deleted or moved")


# -- journals -------------------------------------------------------------------------------------------------------


def unsealed(directory: str, run: Sealed | None) -> list[UnsealedJournal]:
    """The journals that may have something that the sealed files have not."""
    found = []
    for writer, path in journal_paths(directory):
        about = run.writers.get(writer) if run is not None else None
        if about is None:
            found.append(UnsealedJournal(writer, path, None))
        elif about["state"] != CLOSED:
            context = Context.load(about["context"])
            if os.lstat(path).st_size > context.offset:
                found.append(UnsealedJournal(writer, path, context))
    return found


def damage_text(writer: str, damage: Damage) -> str:
    """A stretch of a journal that could not be read, in words."""
    return f"{writer}: {damage.reason}, at {damage.offset:,} ({damage.length:,} bytes)"


def _journal_states(directory: str, run: Sealed | None) -> list[JournalState]:
    pending = {journal.writer for journal in unsealed(directory, run)}
    states = []
    for writer, path in journal_paths(directory):
        state = JournalState(path, writer, os.lstat(path).st_size, sealed=writer not in pending)
        for chunk in read_pieces(path):
            state.header, state.state, state.lost = chunk.context.header, chunk.state, chunk.lost
            state.damage += chunk.damage
        problem = liveness.lock_problem(path)
        state.damage += [Damage(0, 0, problem)] if problem else []
        states.append(state)
    return states


# -- points ---------------------------------------------------------------------------------------------------------


def _read_points(directory: str, run: Sealed | None, wanted: frozenset[str] | None) -> RunPoints:
    pending = unsealed(directory, run)
    known = set(run.writers) if run is not None else set()
    writers = sorted(known.union(journal.writer for journal in pending))
    ids = {writer: index for index, writer in enumerate(writers)}
    headers: list[dict[str, Any]] = [{} for _ in writers]
    parts: list[Part] = []
    extras: list[tuple[int, int, dict[str, Any]]] = []
    if run is not None:
        parts += run.points(ids, wanted)
        extras += [(ids[writer], sequence, columns) for writer, sequence, columns in run.extras]
        for writer, about in run.writers.items():
            headers[ids[writer]] = about["header"]
    for journal in pending:
        number = ids[journal.writer]
        context = journal.context
        segment = segments.refresh(directory, *journal)
        if segment is not None:
            context = segment.context
            parts += segment.parts(number, wanted)
            extras += [(number, sequence, columns) for sequence, columns in segment.events()[1]]
        for chunk in read_pieces(journal.path, context):
            parts += _chunk_part(chunk, number, wanted)
            extras += [(number, sequence, columns) for sequence, columns in chunk.extras]
            headers[number] = chunk.context.header
    joined = points.join(parts)
    return RunPoints(
        joined.key, joined.names, joined.step, joined.time_ns, joined.value, joined.writer, writers, headers,
        joined.sequence, _changes(extras),
    )  # fmt: skip


def _chunk_part(chunk: Chunk, writer: int, wanted: frozenset[str] | None) -> list[Part]:
    found = chunk.points
    if not len(found.key):
        return []
    table, names = points.lookup(chunk.context.keys, wanted)
    key = table[found.key]
    mask = key >= 0
    if wanted is None or mask.all():  # as in a run of few keys: nothing has to be copied
        return [Part(key, names, found.step, found.time_ns, found.value, writer, found.sequence, None)]
    return [
        Part(
            key[mask], names, found.step[mask], found.time_ns[mask], found.value[mask], writer, found.sequence[mask],
            None,
        )
    ]  # fmt: skip


def _changes(extras: Sequence[tuple[Any, int, dict[str, Any]]]) -> list[tuple[Any, int, dict[str, Any]]]:
    """The changes of extra columns, in order, without those that change nothing."""
    changes: list[tuple[Any, int, dict[str, Any]]] = []
    for writer, sequence, columns in sorted(extras, key=lambda item: (item[0], item[1])):
        before = changes[-1][2] if changes and changes[-1][0] == writer else {}
        if columns != before:
            changes.append((writer, sequence, columns))
    return changes


# -- events ---------------------------------------------------------------------------------------------------------


def _read_events(directory: str, run: Sealed | None, wanted: frozenset[str] | None) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    extras: list[tuple[str, int, dict[str, Any]]] = []
    if run is not None:
        extras += run.extras
        found += [StoredEvent(*event) for event in run.events(wanted)]
    for journal in unsealed(directory, run):
        for events, changes in _event_pieces(directory, journal):
            extras += [(journal.writer, sequence, columns) for sequence, columns in changes]
            found += [StoredEvent(journal.writer, *event) for event in events if wanted is None or event.kind in wanted]
    found = _with_extras(found, _changes(extras))
    found.sort(key=lambda event: (event.time_ns, event.writer, event.sequence))
    return found


def _event_pieces(
    directory: str, journal: UnsealedJournal
) -> list[tuple[Iterable[Event], Iterable[tuple[int, dict[str, Any]]]]]:
    """The events of a journal and its extra columns, in pieces."""
    context = journal.context
    whole = closed_facts(journal.path) if context is None else None
    if whole is not None:
        return [whole]
    pieces: list[tuple[Iterable[Event], Iterable[tuple[int, dict[str, Any]]]]] = []
    segment = segments.refresh(directory, *journal)
    if segment is not None:
        context = segment.context
        pieces.append(segment.events())
    pieces += [(chunk.events, chunk.extras) for chunk in read_pieces(journal.path, context)]
    return pieces


def _with_extras(found: list[StoredEvent], changes: list[tuple[str, int, dict[str, Any]]]) -> list[StoredEvent]:
    """Give each event the columns that its writer gave to all its records; its own come first."""
    if not changes:
        return found
    from bisect import bisect_right

    places = [(writer, sequence) for writer, sequence, _ in changes]
    merged = []
    for event in found:
        index = bisect_right(places, (event.writer, event.sequence)) - 1
        if index >= 0 and places[index][0] == event.writer and changes[index][2]:
            event = event._replace(extra={**changes[index][2], **event.extra})  # noqa: PLW2901 - the same event, whole
        merged.append(event)
    return merged
