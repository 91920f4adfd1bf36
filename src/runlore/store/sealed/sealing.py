"""Sealing: rewriting the journals of an ended run as Parquet, then removing them.

A sealing writes points and events to new files, commits them as `runlore.store.sealed.committing` says, and removes the
journals that were sealed; damaged ones are moved to `damaged/` instead. A crash after any step of it loses nothing:
what it leaves behind is finished or cleared away by the next sealing of the run. Journals that are recorded later lie
beside the Parquet files, and the next sealing takes them in; it rewrites the points only if there are new ones.
"""

from __future__ import annotations

import os
from contextlib import closing
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.errors import DamagedFile, ReadOnlyStore, RunloreError
from runlore.files import is_regular
from runlore.journal import liveness
from runlore.journal.decode import CLOSED, UNREADABLE, Context, Event, is_closed, read, read_pieces
from runlore.journal.folder import journal_path
from runlore.model import new_uid
from runlore.store import content, segments
from runlore.store.journal_files import journal_paths
from runlore.store.listing import run_directories
from runlore.store.points import Part, lookup
from runlore.store.seal_lock import Lock, sealing
from runlore.store.sealed.committing import LockLost, replacing, settle
from runlore.store.sealed.files import EVENTS, METRICS, Sealed, open_sealed
from runlore.store.sealed.sorting import PointSorter
from runlore.store.sealed.writer import EventsFile, MetricsFile
from runlore.store.summary import RunSummary

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.store.content import UnsealedJournal
    from runlore.store.directory import DirectoryStore

SEALED = "sealed"
NOTHING = "nothing"
"""All of it is sealed already, or nothing was recorded."""
LIVE = "live"
"""A writer lives, or may live."""
BUSY = "busy"
"""Somebody else is sealing the run."""
FAILED = "failed"

DAMAGED = "damaged"
"""The directory, within a run's, of journals that had damage when they were sealed."""
_PIECE_ROWS = 1 << 21


class SealResult(NamedTuple):
    """What a sealing did."""

    outcome: str
    """`sealed`, `nothing`, `live` or `busy`."""
    reason: str = ""
    points: int = 0
    """Points of the whole run."""
    events: int = 0
    journals: int = 0
    """Journals that were sealed now."""
    journal_bytes: int = 0
    sealed_bytes: int = 0
    """Size of the Parquet files."""


class StoreSealing(NamedTuple):
    """What sealing the runs of a store did."""

    outcomes: dict[str, int]
    """Outcome → number of runs; `failed` for those that could not be sealed."""
    failures: list[tuple[str, str]]
    """(directory of the run, why)."""
    journal_bytes: int
    sealed_bytes: int


def seal_run(store: DirectoryStore, directory: str, *, force: bool = False) -> SealResult:
    """Seal a run, if it ended: every journal was closed, or its writer is known to be dead.

    Where only the age of a journal tells that its writer is dead (a host that cannot be asked), it has to be silent for
    a week. Safe to call from several processes at once, while the run is read, and while somebody joins it.

    Args:
        store: the store that the run belongs to.
        directory: the run's directory.
        force: believe that a writer is dead where only the age of its journal says so.

    Raises:
        ReadOnlyStore: the run's directory cannot be written to.
        OSError: the disk is full, or failing. The run is as it was, or sealed.
        UnsupportedFormat, DamagedFile: a file cannot be read. The run is as it was.
    """
    if not os.access(directory, os.W_OK):
        raise ReadOnlyStore(
            f"the run {directory!r} cannot be sealed: store {store.root!r} cannot be written to. Nothing was changed"
        )
    with sealing(directory) as lock:
        if lock is None:
            return SealResult(BUSY, "another process is sealing it")
        run = open_sealed(directory)
        try:
            settle(directory, run)
            if run is not None:
                _clear_journals(directory, run.writers)
            pending = content.unsealed(directory, run)
            living = next(filter(None, (_living(journal, force=force) for journal in pending)), "")
            if living:
                return SealResult(LIVE, living)
            return _Sealing(directory, run, pending).seal(lock) if pending else SealResult(NOTHING)
        finally:
            if run is not None:
                run.close()


def seal_store(
    store: DirectoryStore, *, progress: Callable[[int, int], None] | None = None, limit: int | None = None,
    force: bool = False,
) -> StoreSealing:  # fmt: skip
    """Seal the ended runs of a store. What goes wrong with one run does not keep the others from being sealed.

    Args:
        store: the store.
        progress: called with (runs looked at, runs to look at) after each run.
        limit: stop after so many runs were sealed.
        force: as for `seal_run`.

    Raises:
        ReadOnlyStore: the store cannot be written to.
    """
    runs = [directory for directory in run_directories(store.runs_root) if journal_paths(directory)]
    total = StoreSealing({}, [], 0, 0)
    for index, directory in enumerate(runs):
        try:
            result = seal_run(store, directory, force=force)
        except ReadOnlyStore:
            raise
        except (OSError, RunloreError) as error:
            result = SealResult(FAILED, str(error))
            total.failures.append((directory, str(error)))
        total.outcomes[result.outcome] = total.outcomes.get(result.outcome, 0) + 1
        total = total._replace(
            journal_bytes=total.journal_bytes + result.journal_bytes,
            sealed_bytes=total.sealed_bytes + result.sealed_bytes,
        )
        if progress is not None:
            progress(index + 1, len(runs))
        if limit is not None and total.outcomes.get(SEALED, 0) >= limit:
            break
    return total


# -- who lives ------------------------------------------------------------------------------------------------------


def _living(journal: UnsealedJournal, *, force: bool) -> str:
    """Why the journal cannot be sealed: its writer lives, or may live. Empty where it can.

    Raises:
        DamagedFile: it cannot be read.
    """
    chunk = read(journal.path, max_bytes=1)
    if chunk.state == UNREADABLE:
        raise DamagedFile(
            f"the journal {journal.path!r} {chunk.damage[0].reason}. The run is as it was; remove the journal, or put "
            "it back from a copy of the store"
        )
    alive, how = liveness.is_alive(journal.path, chunk.context.header)
    if is_closed(journal.path):
        return ""
    if alive and (how != "age" or not force):
        return f"the writer {journal.writer} lives ({how})"
    if how == "age" and not force:
        silence = time_ns() - os.stat(journal.path).st_mtime_ns
        if silence < liveness.SURELY_DEAD_NS:
            host = chunk.context.header.get("host", "an unknown host")
            return f"the writer {journal.writer} on {host} may live; it wrote {silence // 10**9:,} s ago"
    return ""


# -- one sealing ----------------------------------------------------------------------------------------------------


class _Sealing:
    """One sealing of one run."""

    def __init__(self, directory: str, run: Sealed | None, pending: list[UnsealedJournal]) -> None:
        self.directory = directory
        self.run = run
        self.pending = pending
        self.generation = new_uid()
        self.writers: dict[str, Any] = dict(run.writers) if run is not None else {}
        names = sorted({*self.writers, *(journal.writer for journal in pending)})
        self.ids = {writer: index for index, writer in enumerate(names)}
        self.summary = RunSummary.load(run.about["summary"]) if run is not None else RunSummary()
        self.new_points = 0

    def seal(self, lock: Lock) -> SealResult:
        with replacing(self.directory) as new:
            with closing(PointSorter(self.directory)) as points, EventsFile(new.events) as file:
                self._take_events(file)
                self._take_journals(file, points)
                about = self._write_points(new.metrics, points)
                file.describe(about)
            try:
                new.commit(self.generation, lock)
            except LockLost as error:
                return SealResult(BUSY, str(error))
        _clear_journals(self.directory, self.writers)
        segments.discard(self.directory)
        return SealResult(
            SEALED, "", about["points"], file.count, len(self.pending),
            sum(self.writers[journal.writer]["bytes"] for journal in self.pending), _sealed_bytes(self.directory),
        )  # fmt: skip

    def _take_events(self, file: EventsFile) -> None:
        """What was sealed before."""
        if self.run is None:
            return
        for writer, *event in self.run.events():
            file.add(writer, [Event(*event)])
        for writer, sequence, columns in self.run.extras:
            file.add_extras(writer, [(sequence, columns)])

    def _take_journals(self, file: EventsFile, points: PointSorter) -> None:
        for journal in self.pending:
            size = os.stat(journal.path).st_size
            known = self.writers.get(journal.writer, {})
            damage = list(known.get("damage", []))
            number = self.ids[journal.writer]
            for chunk in read_pieces(journal.path, journal.context):
                self.summary.add_points(journal.writer, chunk.points, chunk.context.keys)
                self.summary.add_events(journal.writer, chunk.events)
                file.add(journal.writer, chunk.events)
                file.add_extras(journal.writer, chunk.extras)
                damage += [content.damage_text(journal.writer, item) for item in chunk.damage]
                self.new_points += len(chunk.points.key)
                table, names = lookup(chunk.context.keys, None)
                found = chunk.points
                points.add(
                    Part(
                        table[found.key], names, found.step, found.time_ns, found.value, number, found.sequence, None
                    )
                )  # fmt: skip
            self.writers[journal.writer] = {
                "bytes": size,
                "context": chunk.context.dump(),
                "state": CLOSED if chunk.state == CLOSED else "dead",
                "lost": chunk.lost,
                "damage": damage,
                "header": chunk.context.header,
            }

    def _write_points(self, path: str, points: PointSorter) -> dict[str, Any]:
        """Write the points, unless they are those that are sealed already. Returns the footer of the events."""
        count = self.new_points
        if self.run is not None:
            count += self.run.about["points"]
            if self.new_points:
                with self.run.metrics() as before:
                    for part in before.pieces(self.ids, _PIECE_ROWS):
                        points.add(part)
            else:
                self.generation = self.run.about["generation"]
        if self.run is None or self.new_points:
            with MetricsFile(path, self.generation, list(self.ids), points) as file:
                file.write()
        return {
            "generation": self.generation,
            "points": count,
            "summary": self.summary.dump(),
            "start": self.summary.detail.start,
            "writers": self.writers,
        }


def _sealed_bytes(directory: str) -> int:
    return sum(os.stat(os.path.join(directory, name)).st_size for name in (METRICS, EVENTS))


# -- clearing up ----------------------------------------------------------------------------------------------------


def _clear_journals(directory: str, writers: dict[str, Any]) -> None:
    """Remove the journals that sealed files hold all of; keep those that had damage."""
    for writer, path in journal_paths(directory):
        about = writers.get(writer)
        if about is None or not is_regular(path) or _has_more(path, about):
            continue
        if about["damage"]:
            _keep_damaged(directory, writer, path)
        else:
            os.unlink(path)
        for beside in (liveness.lock_path(path), liveness.sender_path(path)):
            if is_regular(beside):
                os.unlink(beside)


def _has_more(path: str, about: dict[str, Any]) -> bool:
    """Whether the journal has something that was not there when it was sealed; its size need not tell."""
    context = Context.load(about["context"])
    if about["state"] == CLOSED or os.stat(path).st_size <= context.offset:
        return False
    chunk = read(path, context, max_bytes=1)
    return chunk.context.offset != context.offset or chunk.state == CLOSED


def _keep_damaged(directory: str, writer: str, path: str) -> None:
    folder = os.path.join(directory, DAMAGED)
    os.makedirs(folder, exist_ok=True)
    place = journal_path(folder, writer)
    number = 1
    while os.path.lexists(place):
        if is_regular(place) and _same_bytes(place, path):
            os.unlink(path)
            return
        number += 1
        place = journal_path(folder, f"{writer}-{number}")
    os.rename(path, place)


def _same_bytes(one: str, other: str) -> bool:
    import filecmp

    return filecmp.cmp(one, other, shallow=False)
