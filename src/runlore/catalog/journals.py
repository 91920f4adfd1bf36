"""Reading what the journals of one run gained: points and events for its summary, marks of how far they were read."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import DamagedFile
from runlore.files import refuse_others
from runlore.journal import format as fmt
from runlore.journal import liveness
from runlore.journal.decode import CLOSED, Chunk, Context, read
from runlore.journal.format import JOURNAL
from runlore.store.journal_files import header_of
from runlore.store.listing import directory_problem, is_text

if TYPE_CHECKING:
    from runlore.store.summary import RunSummary

_PIECE_BYTES = 1 << 26
_SMALL_BYTES = 1 << 20


class Mark(NamedTuple):
    """How far a journal was read, as in the table of journals."""

    offset: int
    state: str
    context: str
    lost: int
    damage: str


class JournalsReader:
    """Reads what the journals of one run gained."""

    def __init__(self, directory: str, summary: RunSummary, marks: dict[str, Mark]) -> None:
        self.directory = directory
        self.summary = summary
        self.marks = marks
        self.alive: bool | None = None
        self.liveness: str | None = None
        self.settled = True
        self.unreadable: list[str] = []
        """Journals that cannot be read at all, and why."""

    def read(self) -> bool:
        """Returns whether the run is still there."""
        journals = os.path.join(self.directory, JOURNAL)
        problem = directory_problem(journals)
        if problem is not None:
            self.unreadable.append(f"{JOURNAL}/ {problem}")
            return True
        try:
            names = sorted(name for name in os.listdir(journals) if name.endswith(fmt.SUFFIX))
        except FileNotFoundError:
            return os.path.isdir(self.directory)
        for name in names:
            path = os.path.join(journals, name)
            if not is_text(name):
                self.unreadable.append(f"a journal has a name that is no text, {os.fsencode(name)!r}; rename it")
                continue
            try:
                refuse_others(path)
                self._journal(path, name.removesuffix(fmt.SUFFIX))
            except FileNotFoundError:
                return False  # it is being sealed or moved; the next refresh sees the result
            except DamagedFile as error:
                self.unreadable.append(str(error))
        return True

    def _journal(self, path: str, writer: str) -> None:
        mark = self.marks.get(writer)
        if (mark is not None and mark.state == "closed") or (mark is None and self._small_closed(path, writer)):
            return
        context = Context.load(mark.context) if mark is not None else None
        damage = json.loads(mark.damage) if mark is not None else []
        header = context.header if context is not None and context.header else header_of(path)
        alive, how = liveness.is_alive(path, header)  # before reading: a dead writer writes no more
        while True:
            chunk = read(path, context, max_bytes=_PIECE_BYTES)
            context = chunk.context
            damage += self._take(writer, chunk)
            if not chunk.more:
                break
        closed = chunk.state == CLOSED
        if alive and not closed:
            self.alive, self.liveness, self.settled = True, how, False
        elif not closed:
            self.alive, self.liveness = bool(self.alive), self.liveness or how
            if header.get("boot", liveness.boot_id()) != liveness.boot_id():
                self.settled = False  # a copy of a run that may go on elsewhere, and be copied again
        self.marks[writer] = _mark(chunk, "closed" if closed else "open", damage)

    def _small_closed(self, path: str, writer: str) -> bool:
        """Take a new journal if it is small and closed, as most are: whether its writer lives need not be known."""
        chunk = read(path, max_bytes=_SMALL_BYTES)
        if chunk.state != CLOSED or chunk.more:
            return False
        self.marks[writer] = _mark(chunk, "closed", self._take(writer, chunk))
        return True

    def _take(self, writer: str, chunk: Chunk) -> list[str]:
        """Take what a journal gained into account; returns what of it could not be read."""
        self.summary.add_points(writer, chunk.points, chunk.context.keys)
        self.summary.add_events(writer, chunk.events)
        return [f"{writer}: {item.reason}, at {item.offset:,} ({item.length:,} bytes)" for item in chunk.damage]


def _mark(chunk: Chunk, state: str, damage: list[str]) -> Mark:
    return Mark(chunk.context.offset, state, chunk.context.dump(), chunk.lost, json.dumps(damage))
