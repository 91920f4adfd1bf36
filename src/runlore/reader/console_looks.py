"""How lines of a console looked on their terminal: colours beside the text. Anybody may have recorded them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_SPANS = 1_000
"""Of a line; more are not shown."""

_LOOK = re.compile(r"[0-9]{1,3}(?:;[0-9]{1,3}){0,20}")


class Span(NamedTuple):
    """A part of a line that looks alike.

    Attributes:
        start: its first character, counted from 0 in code points.
        end: the one after its last.
        look: parameters of an SGR sequence of ECMA-48, such as `1;31`: bold and red.
    """

    start: int
    end: int
    look: str


def looks_of_lines(recorded: Any, texts: Sequence[str]) -> dict[int, tuple[Span, ...]]:
    r"""The looks of the lines of one event, by the lines' numbers from 0.

    Args:
        recorded: the event's column `looks`: for each look the places that have it, as [line, start, end]. What is not
            of this form, or outside of the lines, is left out: whoever can log an event could have written it.
        texts: the lines.

    Example:
        >>> looks_of_lines({"1;31": [[1, 0, 5]], "\x1b[2J": [[0, 0, 1]]}, ["plain", "Error: no"])
        {1: (Span(start=0, end=5, look='1;31'),)}
    """
    if not isinstance(recorded, dict):
        return {}
    found: dict[int, list[Span]] = {}
    for look, places in recorded.items():
        if not isinstance(places, list) or _LOOK.fullmatch(look) is None:
            continue
        for place in places:
            if _is_place(place, texts):
                line, start, end = place
                found.setdefault(line, []).append(Span(start, end, look))
    return {line: _in_order(spans) for line, spans in found.items()}


def shifted(spans: Iterable[Span], characters: int) -> tuple[Span, ...]:
    """The spans of a piece that so many characters of its line stand before."""
    return tuple(Span(start + characters, end + characters, look) for start, end, look in spans)


def _is_place(place: Any, texts: Sequence[str]) -> bool:
    if not isinstance(place, list) or len(place) != 3 or any(type(number) is not int for number in place):
        return False
    line, start, end = place
    return bool(0 <= line < len(texts) and 0 <= start < end <= len(texts[line]))


def _in_order(spans: list[Span]) -> tuple[Span, ...]:
    """As they stand in the text; of two that overlap the first."""
    ordered: list[Span] = []
    for span in sorted(spans):
        if len(ordered) < MAX_SPANS and (not ordered or span.start >= ordered[-1].end):
            ordered.append(span)
    return tuple(ordered)
