"""Reading what the journals of one run gained: points and events for its summary, marks of how far they were read."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.files import directory_problem
from runlore.journal import liveness
from runlore.journal.decode import CLOSED, UNREADABLE, Chunk, Context, read, read_header, read_pieces
from runlore.journal.folder import JOURNAL
from runlore.store.journal_files import journal_paths
from runlore.store.listing import is_text

if TYPE_CHECKING:
    from runlore.store.summary import RunSummary

SEALED = "sealed"
"""State of a mark: the journal is in the sealed files."""
_SMALL_BYTES = 1 << 20


class Mark(NamedTuple):
    """How far a journal was read, as in the table of journals."""

    offset: int
    state: str
    context: str
    lost: int
    damage: str
    file: str = ""
    """Which file it was that had damage; empty where there is none."""


class JournalsReader:
    """Reads what the journals of one run gained.

    Attributes:
        alive: whether some writer lives; None: every journal is closed.
        liveness: what told so.
        settled: nothing more can come without the directory changing.
        unreadable: what of it cannot be read at all at the moment, and why.
        is_doubtful: a journal that was read is gone, or one in which there was damage is not that file any more, and
            will not grow by itself: what the catalog has of the run is to be replaced by what reading all of it anew
            gives.
    """

    def __init__(self, directory: str, summary: RunSummary, marks: dict[str, Mark]) -> None:
        self.directory = directory
        self.summary = summary
        self.marks = marks
        self.alive: bool | None = None
        self.liveness: str | None = None
        self.settled = True
        self.unreadable: list[str] = []
        self.is_doubtful = False

    def read(self) -> bool:
        """Returns whether the run is still there."""
        problem = directory_problem(os.path.join(self.directory, JOURNAL))
        if problem is not None:
            self._cannot_read(f"{JOURNAL}/ {problem}")
            return True
        paths = journal_paths(self.directory)
        there = {writer for writer, _ in paths}
        self.is_doubtful = any(mark.state != SEALED and writer not in there for writer, mark in self.marks.items())
        if not paths:
            return os.path.isdir(self.directory)
        for writer, path in paths:
            if not is_text(writer):
                self._cannot_read(f"a journal has a name that is no text, {os.fsencode(writer)!r}; rename it")
                continue
            try:
                self._journal(path, writer)
            except FileNotFoundError:
                return False  # it is being sealed or moved; the next refresh sees the result
        return True

    def _journal(self, path: str, writer: str) -> None:
        mark = self.marks.get(writer)
        if (mark is not None and mark.state == "closed") or (mark is None and self._small_closed(path, writer)):
            self._doubt(path, mark)
            return
        context = Context.load(mark.context) if mark is not None else None
        damage: list[str] = json.loads(mark.damage) if mark is not None else []
        header = context.header if context is not None and context.header else read_header(path)
        alive, how = liveness.is_alive(path, header)  # before reading: a dead writer writes no more
        problem = liveness.lock_problem(path)
        if problem:
            self._cannot_read(f"{writer}: {problem}")
        for chunk in read_pieces(path, context):
            damage += self._take(writer, chunk)
        closed = chunk.state == CLOSED
        if not closed:
            self._note_life(alive=alive, how=how)
            # A copy of a run that may go on elsewhere, or did since it was copied, may be copied again.
            if not alive and (how == "age" or liveness.may_come_again(path, chunk.context.header)):
                self.settled = False
        if chunk.state == UNREADABLE:
            self._cannot_read(f"{writer}: {chunk.damage[0].reason}")
            return
        if closed or not alive:
            self._doubt(path, mark)
        self.marks[writer] = _mark(path, chunk, "closed" if closed else "open", damage)

    def _small_closed(self, path: str, writer: str) -> bool:
        """Take a new journal if it is small and closed, as most are: whether its writer lives need not be known."""
        chunk = read(path, max_bytes=_SMALL_BYTES)
        if chunk.state != CLOSED or chunk.more:
            return False
        self.marks[writer] = _mark(path, chunk, "closed", self._take(writer, chunk))
        return True

    def _take(self, writer: str, chunk: Chunk) -> list[str]:
        """Take what a journal gained into account; returns what of it could not be read."""
        if chunk.state == UNREADABLE:
            return []
        self.summary.add_points(writer, chunk.points, chunk.context.keys)
        self.summary.add_events(writer, chunk.events)
        if chunk.damage:
            self.settled = False  # it may be put right by a better copy
        return [f"{writer}: {item.reason}, at {item.offset:,} ({item.length:,} bytes)" for item in chunk.damage]

    def _note_life(self, *, alive: bool, how: str) -> None:
        """Take account of a journal that was not closed."""
        if alive:
            self.alive, self.liveness, self.settled = True, how, False
        else:
            self.alive, self.liveness = bool(self.alive), self.liveness or how

    def _cannot_read(self, problem: str) -> None:
        self.unreadable.append(problem)
        self.settled = False

    def _doubt(self, path: str, mark: Mark | None) -> None:
        """Look whether a journal that had damage, and that nobody writes to, is another file by now."""
        if mark is not None and mark.file:
            self.settled = False
            self.is_doubtful = self.is_doubtful or mark.file != _file(path)


def _mark(path: str, chunk: Chunk, state: str, damage: list[str]) -> Mark:
    told = list(dict.fromkeys(damage))
    context = chunk.context
    return Mark(context.offset, state, context.dump(), chunk.lost, json.dumps(told), _file(path) if told else "")


def _file(path: str) -> str:
    """Which file it is, in which state, as far as that can be told without reading it."""
    status = os.lstat(path)
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"
