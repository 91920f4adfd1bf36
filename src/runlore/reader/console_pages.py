"""The console of a run by line numbers: pages of it, searches over all of it.

Lines are counted from 1, among those of the streams that are asked for. The lines of a run that ended stay as they are;
those of one that goes on grow at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from runlore import model
from runlore.query.regex import compile_pattern
from runlore.reader.console import ConsoleLines
from runlore.reader.series_cache import ENTRY_BYTES, BoundedCache, version_of
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from runlore.index.records import RunRecord
    from runlore.reader.console import ConsoleLine
    from runlore.reader.session import Session

STREAMS = ("stdout", "stderr", "logging")
_LINE_BYTES = 200
"""What a line takes besides its text, roughly."""
_LOOK_BYTES = 120

_ERROR = re.compile(
    r"\b(?:Traceback \(most recent call last\)|(?:[A-Za-z_.]*(?:Error|Exception)|FATAL|CRITICAL)\b)"
).search
_ERROR_LEVELS = frozenset({"ERROR", "CRITICAL", "FATAL"})


class FinalLine(NamedTuple):
    """A line as it stood on the terminal in the end.

    Attributes:
        text: what was written last.
        rewritten: how often it had been written before, by carriage returns.
    """

    text: str
    rewritten: int


@dataclass(frozen=True)
class Matches:
    """What a search found.

    Attributes:
        count: lines that match.
        lines: their numbers, at most as many as asked for.
        first_error: number of the first line that says that something failed, whatever was searched for; None: none.
    """

    count: int
    lines: tuple[int, ...]
    first_error: int | None


class ConsoleReader:
    """Reads consoles. Threads may share it.

    Args:
        session: whose runs.
        max_bytes: of consoles that are kept for the next page.
    """

    def __init__(self, session: Session, max_bytes: int) -> None:
        self._session = session
        self._kept: BoundedCache[list[ConsoleLine]] = BoundedCache(max_bytes)

    @property
    def bytes(self) -> int:
        """What is kept takes."""
        return self._kept.bytes

    def lines(self, run: RunRecord, streams: Collection[str] = ()) -> list[ConsoleLine]:
        """All lines of these streams, in time order. The list is not to be changed.

        Args:
            run: whose.
            streams: of `STREAMS`; without any: all, but of `logging` only what no handler printed.

        Raises:
            RunNotFound: it was deleted meanwhile.
        """
        name = (run.uid, version_of(run), tuple(sorted(streams)))
        found = self._kept.get(name)
        if found is None:
            events = self._session.open_run(run).events([model.LOG])
            found = list(ConsoleLines(streams).of(events))
            self._kept.put(name, found, sum(map(_bytes_of, found)) + ENTRY_BYTES)
        return found


def _bytes_of(line: ConsoleLine) -> int:
    return len(line.text) + len(line.looks) * _LOOK_BYTES + _LINE_BYTES


def final(text: str) -> FinalLine:
    r"""What a terminal shows of a line in which carriage returns stand: what came after the last one.

    Example:
        >>> final("10%\r100%\r"), final("plain")
        (FinalLine(text='100%', rewritten=1), FinalLine(text='plain', rewritten=0))
    """
    if "\r" not in text:
        return FinalLine(text, 0)
    states = [state for state in text.split("\r") if state]
    return FinalLine(states[-1], len(states) - 1) if states else FinalLine("", 0)


def search(
    lines: Sequence[ConsoleLine], wanted: str, *, regex: bool = False, case: bool = False, limit: int = 10_000
) -> Matches:
    """The lines in which something stands; a search for nothing finds none.

    Args:
        lines: of a console.
        wanted: text, or a regular expression of RE2.
        regex: whether it is one.
        case: whether upper and lower case are different.
        limit: how many numbers are given.

    Raises:
        InvalidArgument: it is no regular expression.
    """
    found: list[int] = []
    count, first_error = 0, None
    matches = _matcher(wanted, regex=regex, case=case)
    for number, line in enumerate(lines, 1):
        if first_error is None and is_error(line):
            first_error = number
        if matches is not None and matches(line.text):
            count += 1
            if len(found) < limit:
                found.append(number)
    return Matches(count, tuple(found), first_error)


def is_error(line: ConsoleLine) -> bool:
    """Whether a line says that something failed: a record of that level, a traceback, the name of an exception."""
    return line.level in _ERROR_LEVELS or _ERROR(line.text) is not None


def _matcher(wanted: str, *, regex: bool, case: bool) -> Callable[[str], bool] | None:
    if not wanted:
        return None
    if regex:
        pattern = compile_pattern(to_stored(wanted) if case else f"(?i){to_stored(wanted)}")
        return lambda text: pattern.search(to_stored(text)) is not None
    if case:
        return lambda text: wanted in text
    folded = wanted.casefold()
    return lambda text: folded in text.casefold()
