"""Tables: what fits where they go, and a word on what does not.

On a terminal the columns are aligned, and below common headings where their names begin alike. Long texts are cut.
Where there is no room for all columns, those that a reader needs stay, and the others are named in a note. In a pipe
each row is one line with a tab between two cells, whole, below a line with the columns' names.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from runlore.cli import _streams
from runlore.cli._output import Cell, layout_width, len_of, note, paint, shorten, shorten_head, shown
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_CELL = 60
"""Characters of one cell in a wide terminal,"""
MIN_CELL = 16
"""of one in a narrow terminal, beside the first column: of a long name the beginning says enough,"""
LEAST_CELL = 6
"""and of one where even the columns that are needed hardly fit."""
NAMED = 6
"""Columns that a note names, of those that were left out."""

_GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    group: str = ""
    """What stands above it and its neighbours of the same group: `metrics`, where the column is `metrics.loss`."""
    right: bool = False
    """Numbers are aligned to the right, and never cut."""
    whole: bool = False
    """Never cut: uids, which people copy from here, and times."""
    needed: bool = False
    """Never left out."""
    hidden: bool = False
    """Shown only where it is asked for, by name or with all others."""
    most: int = MAX_CELL
    """Characters of a cell, where there is room."""
    tail: bool = False
    """Of a long text the end is shown: the number of a run."""

    @property
    def label(self) -> str:
        """What it is called where columns are chosen, and in a pipe."""
        return f"{self.group}.{self.name}" if self.group else self.name


class View(NamedTuple):
    """How a table is wanted."""

    columns: str | None = None
    """Names of columns, with commas; by default those that are not hidden."""
    wide: bool = False
    """Every column, nothing cut, whatever the width."""


_PLAIN = View()


def print_table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell | str]], view: View = _PLAIN, *,
    how: str = "--columns chooses, --wide and --json show all",
) -> None:  # fmt: skip
    """Print a table, and on stderr the names of columns that had to be left out.

    Args:
        columns: all that there are; the first is always shown.
        rows: a cell or text for each column.
        view: what the user wants.
        how: what the user can do about columns that were left out.

    Raises:
        InvalidArgument: `view.columns` names a column that there is not.
    """
    limit = layout_width()
    lines, left_out = lay_out(columns, rows, view, limit)
    for line in lines:
        _streams.write(line + "\n")
    if left_out:
        note(f"left out for want of room: {named(left_out)}; {how}")


def lay_out(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell | str]], view: View, limit: int | None
) -> tuple[Iterable[str], list[str]]:
    """A table as lines of at most so many columns (None: for a pipe), and which of its columns are left out.

    Raises:
        InvalidArgument: `view.columns` names a column that there is not.
    """
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    places = _chosen(columns, cells, view)
    columns = [columns[place] for place in places]
    cells = [[Cell(shown(row[place].text), row[place].style) for place in places] for row in cells]
    if limit is None:
        texts = [[shown(column.label) for column in columns], *([cell.text for cell in row] for row in cells)]
        return ("\t".join(line).rstrip("\t") for line in texts), []
    needed = [index == 0 or column.needed or view.columns is not None for index, column in enumerate(columns)]
    widths = _widths(columns, cells, None if view.wide else limit)
    kept = _fitting(columns, widths, needed, inf if view.wide else limit)
    if not view.wide:
        _squeeze(columns, widths, kept, limit)
    shown_columns, shown_widths = [columns[index] for index in kept], [widths[index] for index in kept]
    lines = [
        *_heads(shown_columns, shown_widths),
        *(_row(shown_columns, [row[index] for index in kept], shown_widths) for row in cells),
    ]
    return lines, [column.label for index, column in enumerate(columns) if index not in set(kept)]


def named(labels: Sequence[str]) -> str:
    """Some names, and how many more there are.

    Example:
        >>> named(["a", "b"]), named([f"column {index}" for index in range(20)])[-20:]
        ('a, b', 'column 5 and 14 more')
    """
    shown_ones = ", ".join(shorten(shown(label), 40) for label in labels[:NAMED])
    more = len(labels) - NAMED
    return f"{shown_ones} and {more:,} more" if more > 0 else shown_ones


def _chosen(columns: Sequence[Column], cells: Sequence[Sequence[Cell]], view: View) -> list[int]:
    """Places of the columns to show, in order: named ones as they were named, behind the first."""
    if view.columns is None:
        return [
            place
            for place, column in enumerate(columns)
            if not column.hidden or (view.wide and any(row[place].text for row in cells))
        ]
    at: dict[str, int] = {}
    for place, column in enumerate(columns):
        at.setdefault(column.label, place)
    found = [0]
    for name in split_names(view.columns):
        if name not in at:
            raise InvalidArgument(f"--columns: there is no column {name!r}; there are {', '.join(at)}")
        found.append(at[name])
    return list(dict.fromkeys(found))


def split_names(text: str) -> list[str]:
    """Names with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[Cell]], limit: int | None) -> list[int]:
    """How wide each column is, with long texts cut where the width is limited."""
    widths = []
    for index, column in enumerate(columns):
        width = max([len_of(shown(column.name)), *(len_of(row[index].text) for row in cells)])
        if limit is not None and not (column.whole or column.right):
            most = MAX_CELL if index == 0 else max(MIN_CELL, min(MAX_CELL, limit // 4))
            width = min(width, most, column.most)
        widths.append(width)
    return widths


def _fitting(columns: Sequence[Column], widths: list[int], needed: Sequence[bool], limit: float) -> list[int]:
    """The columns that fit: those that are needed, and the others as they come.

    Columns of a group that are narrower than its heading are made wider.
    """
    room = limit + len(_GAP)
    before = ""
    for index, column in enumerate(columns):
        if needed[index]:
            room -= _below(column, widths[index], before) + len(_GAP)
            before = column.group
    kept: list[int] = []
    for index, column in enumerate(columns):
        if not needed[index]:
            taken = _below(column, widths[index], columns[kept[-1]].group) + len(_GAP)
            if taken > room:
                continue
            room -= taken
        kept.append(index)
    for group, places in _groups(columns, kept):
        widths[places[0]] += max(0, len(group) - _span(widths, places))
    return kept


def _below(column: Column, width: int, before: str) -> int:
    """How wide a column is that may be the first one below a heading."""
    return width if column.group == before else max(width, len(column.group))


def _groups(columns: Sequence[Column], kept: Iterable[int]) -> list[tuple[str, list[int]]]:
    """Neighbours that have a heading in common, with it."""
    return [(group, list(places)) for group, places in groupby(kept, key=lambda index: columns[index].group)]


def _span(widths: Sequence[int], places: Sequence[int]) -> int:
    return sum(widths[place] for place in places) + len(_GAP) * (len(places) - 1)


def _squeeze(columns: Sequence[Column], widths: list[int], kept: Sequence[int], limit: int) -> None:
    """Narrow the widest texts until all columns fit; below `LEAST_CELL` lines grow longer instead."""
    excess = sum(widths[index] + len(_GAP) for index in kept) - len(_GAP) - limit
    soft = [index for index in kept if not (columns[index].whole or columns[index].right)]
    while excess > 0 and soft:
        widest = max(soft, key=lambda index: widths[index])
        if widths[widest] <= LEAST_CELL:
            return
        widths[widest] -= 1
        excess -= 1


def _heads(columns: Sequence[Column], widths: Sequence[int]) -> Iterable[str]:
    """One line of names, below one of groups where there are any."""
    if any(column.group for column in columns):
        above = []
        for group, places in _groups(columns, range(len(columns))):
            span = _span(widths, places)
            above.append(Cell(shorten(group, span).ljust(span), "dim"))
        yield _line(above)
    yield _row(columns, [Cell(shown(column.name), "bold") for column in columns], widths)


def _row(columns: Sequence[Column], row: Sequence[Cell], widths: Sequence[int]) -> str:
    placed = []
    for column, cell, width in zip(columns, row, widths, strict=True):
        cut = shorten_head if column.tail else shorten
        text = cell.text if column.right or column.whole else cut(cell.text, width)
        fill = " " * (width - len_of(text))
        placed.append(Cell(fill + text if column.right else text + fill, cell.style))
    return _line(placed)


def _line(cells: Sequence[Cell]) -> str:
    while cells and not cells[-1].text.strip():
        cells = cells[:-1]
    last = len(cells) - 1
    texts = (paint(cell.text.rstrip() if i == last else cell.text, cell.style) for i, cell in enumerate(cells))
    return _GAP.join(texts)
