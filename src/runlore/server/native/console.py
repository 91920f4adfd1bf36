"""The console of a run: pages of it, searches, and all of it as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import StreamingResponse

from runlore.reader.console_pages import STREAMS, final, search
from runlore.server.endpoint import Endpoint, Parameter
from runlore.server.native.asking import RUN, find_run
from runlore.server.native.files import attachment
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.index.records import RunRecord
    from runlore.reader.console import ConsoleLine
    from runlore.server.endpoint import Call

MAX_LINES = 10_000
MAX_CHARACTERS = 20_000
"""Of a line in a page; the rest is in the raw text."""
_AT_ONCE = 5_000


class Line(msgspec.Struct):
    """A line. `rewritten`: how often carriage returns had it written anew; `text` is what stood there in the end.

    `looks`: where it was coloured, as [first character, the one after the last, look], counted in code points; a look
    is the parameters of an SGR sequence, such as `1;31`.
    """

    n: int
    stream: str
    time_ms: float
    text: str
    rewritten: int
    level: str | None
    cut: bool
    looks: list[tuple[int, int, str]]


class ConsolePage(msgspec.Struct):
    """Lines from number `first` on; `next` is where the next page begins. `ended`: no further lines will come."""

    lines: list[Line]
    first: int
    total: int
    next: int
    ended: bool


class ConsoleMatches(msgspec.Struct):
    """Lines in which something stands, and the first line that says that something failed."""

    count: int
    lines: list[int]
    first_error: int | None


def console(call: Call) -> ConsolePage:
    """A page of lines."""
    run, lines = _lines(call)
    limit = call.integer("limit", 1_000, low=1, high=MAX_LINES)
    tail = call.integer("tail", 0, high=MAX_LINES)
    first = max(1, len(lines) - tail + 1) if tail else call.integer("from", 1, low=1)
    count = tail or limit
    history = call.flag("history")
    shown = [_line(number, line, history=history) for number, line in
             enumerate(lines[first - 1 : first - 1 + count], first)]  # fmt: skip
    return ConsolePage(shown, first, len(lines), first + len(shown), not run.is_open)


def console_search(call: Call) -> ConsoleMatches:
    """Where something stands in the whole console."""
    _, lines = _lines(call)
    limit = call.integer("limit", MAX_LINES, low=0, high=1_000_000)
    found = search(lines, call.text("q") or "", regex=call.flag("regex"), case=call.flag("case"), limit=limit)
    return ConsoleMatches(found.count, list(found.lines), found.first_error)


def console_raw(call: Call) -> StreamingResponse:
    """All of it, as text."""
    run, lines = _lines(call)
    name = f"{run.experiment.rpartition('/')[2]}-{run.number}.log" if run.number is not None else f"{run.uid}.log"
    return StreamingResponse(_text(lines), media_type="text/plain; charset=utf-8", headers=attachment(name))


def _lines(call: Call) -> tuple[RunRecord, list[ConsoleLine]]:
    streams = call.texts("stream")
    for stream in streams:
        if stream not in STREAMS:
            raise Problem(
                400, f"stream={stream[:100]!r} should be one of {', '.join(STREAMS)}", field="stream",
                value=stream[:100],
            )  # fmt: skip
    run = find_run(call)
    return run, call.context.consoles.lines(run, streams)


def _line(number: int, line: ConsoleLine, *, history: bool) -> Line:
    text, rewritten = (line.text, 0) if history else final(line.text)
    text, is_cut = text[:MAX_CHARACTERS], len(text) > MAX_CHARACTERS
    looks = [(span.start, span.end, span.look) for span in line.looks if span.end <= len(text)] if not rewritten else []
    return Line(number, line.stream, line.time_ns / 1e6, text, rewritten, line.level, is_cut, looks)


def _text(lines: list[ConsoleLine]) -> Iterator[bytes]:
    for start in range(0, len(lines), _AT_ONCE):
        text = "".join(f"{line.text}\n" for line in lines[start : start + _AT_ONCE])
        yield text.encode("utf-8", "backslashreplace")


_STREAM = Parameter(
    "stream", "Only these streams; without it all, but no records of `logging` that were printed too.",
    {"type": "string", "enum": list(STREAMS)}, repeated=True,
)  # fmt: skip
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
_FLAG: dict[str, Any] = {"type": "string", "enum": ["0", "1"]}

ENDPOINTS = (
    Endpoint(
        "GET", "/runs/{uid:text}/console", console, "Lines of a run's console.", path_parameters=[RUN], problems=[404],
        parameters=[
            _STREAM, Parameter("from", "The first line, counted from 1.", _COUNT),
            Parameter("limit", f"How many, at most {MAX_LINES:,}.", _COUNT),
            Parameter("tail", "The last so many lines instead.", _COUNT),
            Parameter("history", "1: lines with all that carriage returns had overwritten.", _FLAG),
        ],
        answer=ConsolePage,
    ),
    Endpoint(
        "GET", "/runs/{uid:text}/console/search", console_search, "Where something stands in a run's console.",
        path_parameters=[RUN], problems=[404],
        parameters=[
            _STREAM, Parameter("q", "What to look for."), Parameter("regex", "1: it is a regular expression.", _FLAG),
            Parameter("case", "1: upper and lower case are different.", _FLAG),
            Parameter("limit", "How many line numbers to give.", {"type": "integer", "minimum": 0}),
        ],
        answer=ConsoleMatches,
    ),
    Endpoint(
        "GET", "/runs/{uid:text}/console/raw", console_raw, "A run's console as text.", path_parameters=[RUN],
        parameters=[_STREAM], answer="text/plain", problems=[404],
    ),
)  # fmt: skip
