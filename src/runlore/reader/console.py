"""The lines of a run's console, put together from the events that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runlore.reader.console_looks import looks_of_lines, shifted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from runlore.reader.console_looks import Span
    from runlore.store.content import StoredEvent

MAX_LINE_CHARACTERS = 64 * 1024 * 1024
"""A line that is longer is handed out in parts, so that a reader's memory is bounded."""


class ConsoleLine(NamedTuple):
    """One line of a console, without its end."""

    time_ns: int
    stream: str
    text: str
    level: str | None
    """Of a `logging` record."""
    looks: tuple[Span, ...] = ()
    """Where the text did not look plain on the terminal, in its order."""


class ConsoleLines:
    r"""Puts lines together: one that was too long for an event goes on in the next one of its stream and process.

    Args:
        streams: only these: `stdout`, `stderr`, `logging`. Without any: all, but of `logging` only those records that
            no handler printed on the console, where they are already.

    Example:
        >>> import runlore
        >>> with runlore.start("iris", capture=False) as run:
        ...     run.log_event("log", "stdout", "one\nbegin", goes_on=True)
        ...     run.log_event("log", "stdout", "ning\nthree")
        >>> lines = ConsoleLines()
        >>> [line.text for line in lines.of(runlore.get_run(run.uid).events("log"))]
        ['one', 'beginning', 'three']
    """

    def __init__(self, streams: Collection[str] = ()) -> None:
        self._streams = frozenset(streams)
        self._open: dict[tuple[str, str], tuple[ConsoleLine, list[str], int]] = {}

    def of(self, events: Iterable[StoredEvent]) -> Iterator[ConsoleLine]:
        """All lines of these log events, in time order."""
        yield from self.feed(events)
        yield from self.close()

    def feed(self, events: Iterable[StoredEvent]) -> Iterator[ConsoleLine]:
        """The lines that these events finish; more may be fed later."""
        for event in events:
            if self._is_wanted(event):
                yield from self._lines(event)

    def close(self) -> Iterator[ConsoleLine]:
        """The lines whose ends were not recorded: that of a process that was killed."""
        left, self._open = self._open, {}
        for line, pieces, _ in left.values():
            yield line._replace(text="".join(pieces))

    def _is_wanted(self, event: StoredEvent) -> bool:
        if self._streams:
            return event.key in self._streams
        return event.key != "logging" or not event.extra.get("printed")

    def _lines(self, event: StoredEvent) -> Iterator[ConsoleLine]:
        offsets = event.extra.get("offsets_ms") or ()
        level = event.extra.get("level")
        texts = str(event.value).split("\n")
        looks = looks_of_lines(event.extra.get("looks"), texts)
        for index, text in enumerate(texts):
            time_ns = event.time_ns + (offsets[index] * 1_000_000 if index < len(offsets) else 0)
            line = ConsoleLine(time_ns, event.key, text, level, looks.get(index, ()))
            goes_on = index == len(texts) - 1 and event.extra.get("goes_on") is True
            whole = self._join((event.writer, event.key), line, goes_on=goes_on)
            if whole is not None:
                yield whole

    def _join(self, place: tuple[str, str], line: ConsoleLine, *, goes_on: bool) -> ConsoleLine | None:
        """The line as a whole, or None while it goes on."""
        known = self._open.pop(place, None)
        if known is None and not goes_on:
            return line
        first, pieces, characters = known or (line, [], 0)
        if known is not None and line.looks:
            first = first._replace(looks=(*first.looks, *shifted(line.looks, characters)))
        pieces.append(line.text)
        characters += len(line.text)
        if goes_on and characters < MAX_LINE_CHARACTERS:
            self._open[place] = first, pieces, characters
            return None
        return first._replace(text="".join(pieces))
