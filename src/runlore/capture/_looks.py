"""How text looks on a terminal: colours, bold, underlined and the like, beside the text and never in it.

A look is written as the parameters of ECMA-48's SGR in a fixed order, such as `1;31` (bold and red); the empty text is
the plain look. Everything else that a terminal can be told is no look: a record holds nothing that could control the
terminal or the page of who reads it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Span: TypeAlias = tuple[int, int, str]
    """First character, the one after the last, and the look of those in between."""
    Looks: TypeAlias = dict[str, list[list[int]]]
    """Of a batch of lines: for each look the places that have it, as [line, first character, the one after the last]"""

PLAIN = ""
MAX_SPANS = 512
"""Places of one line that are remembered; what comes after them is plain."""

_FLAGS = frozenset({1, 2, 3, 4, 7, 9})
"""Bold, dim, italic, underlined, reversed, struck."""
_OFF = {21: (1,), 22: (1, 2), 23: (3,), 24: (4,), 27: (7,), 29: (9,), 39: (38,), 49: (48,)}
_EXTENDED = _FOREGROUND, _BACKGROUND, _UNDERLINE = 38, 48, 58
_COLOURS = {
    **dict.fromkeys((*range(30, 38), *range(90, 98)), _FOREGROUND),
    **dict.fromkeys((*range(40, 48), *range(100, 108)), _BACKGROUND),
}
_MODES = {5: 1, 2: 3}
"""How many numbers follow the mode of an extended colour: an index of 256, or red, green and blue."""


@lru_cache(maxsize=1024)
def changed(look: str, arguments: str) -> str:
    """The look after an SGR sequence with these arguments. What is unknown or malformed changes nothing.

    Example:
        >>> changed("", "31;1"), changed("1;31", "22"), changed("1;31", ""), changed("", "38;5;208")
        ('1;31', '31', '', '38;5;208')
    """
    slots: dict[int, str] = {}
    _apply(slots, look)
    _apply(slots, arguments)
    return ";".join(slots[slot] for slot in sorted(slots))


def _apply(slots: dict[int, str], arguments: str) -> None:
    if not arguments:
        slots.clear()
        return
    if any(not (character.isdecimal() or character in ";:") for character in arguments):
        return  # a private sequence, which has another meaning
    groups = [[int(part[:5] or 0) for part in group.split(":")] for group in arguments.split(";")]
    position = 0
    while position < len(groups):
        group = groups[position]
        position += 1
        if group[0] in _EXTENDED:
            position += _extended(slots, group, [one[0] for one in groups[position : position + 4]])
        else:
            _single(slots, group)


def _single(slots: dict[int, str], group: list[int]) -> None:
    code = group[0]
    if code == 0:
        slots.clear()
    elif code in _OFF or group[:2] == [4, 0]:
        for slot in _OFF.get(code, (4,)):
            slots.pop(slot, None)
    elif code in _FLAGS:
        slots[code] = str(code)
    elif code in _COLOURS:
        slots[_COLOURS[code]] = str(code)


def _extended(slots: dict[int, str], group: list[int], following: list[int]) -> int:
    """A colour of 256 or of 24 bits. Returns how many of the groups that follow belong to it."""
    slot = group[0]
    numbers = group[1:] or following
    if len(group) > 5 and group[1] == 2:
        numbers = [2, *group[3:]]  # the form with colons may name a colour space
    count = _MODES.get(numbers[0], 0) if numbers else 0
    values = numbers[1 : 1 + count]
    if slot != _UNDERLINE and count and len(values) == count and max(values) < 256:
        slots[slot] = ";".join(map(str, (slot, numbers[0], *values)))
    return 0 if len(group) > 1 or not following else 1 + count


def paint(spans: list[Span], start: int, end: int, look: str) -> None:
    """Give characters of a line a look, whatever they had before. In place; spans stay in the order of the text."""
    if start >= end:
        return
    if spans and spans[-1][1] > start:
        after = [(max(first, end), last, old) for first, last, old in spans if last > end]
        cut(spans, start)
    else:
        after = []
    if look:
        if spans and spans[-1][1] == start and spans[-1][2] == look:
            spans[-1] = (spans[-1][0], end, look)
        elif len(spans) < MAX_SPANS:
            spans.append((start, end, look))
    spans += after[: max(0, MAX_SPANS - len(spans))]


def cut(spans: list[Span], end: int) -> None:
    """Leave out what is behind the first `end` characters. In place."""
    while spans and spans[-1][0] >= end:
        spans.pop()
    if spans and spans[-1][1] > end:
        spans[-1] = (spans[-1][0], end, spans[-1][2])


def part(spans: Iterable[Span], start: int, end: int) -> tuple[Span, ...]:
    """The spans of a piece of a line, counted from the piece's beginning."""
    return tuple(
        (max(first, start) - start, min(last, end) - start, look)
        for first, last, look in spans
        if first < end and last > start
    )


def gathered(lines: Iterable[Iterable[Span]]) -> Looks:
    """The looks of a batch: lines that have none take no room.

    Example:
        >>> gathered([[(0, 3, "31")], [], [(2, 4, "1"), (5, 6, "31")]])
        {'31': [[0, 0, 3], [2, 5, 6]], '1': [[2, 2, 4]]}
    """
    looks: Looks = {}
    for number, spans in enumerate(lines):
        for start, end, look in spans:
            looks.setdefault(look, []).append([number, start, end])
    return looks
