"""What commands print: one JSON document, or tables and lines that fit where they go.

Results go to stdout, everything else (notes, progress, errors) to stderr. On a terminal a table shows the columns that
fit and says how many it left out; without one, lines are as long as they need to be, or as `COLUMNS` says. Colours are
for terminals, and never with `NO_COLOR`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

UNLIMITED = 1_000_000
MAX_CELL = 60
"""Characters of one cell where the width is limited,"""
MIN_CELL = 16
"""and of one in a narrow terminal, beside the first column: of a long name the beginning says enough."""

STATUS_STYLES = {"succeeded": "green", "running": "cyan", "failed": "red", "crashed": "magenta", "stopped": "yellow"}


class Column(NamedTuple):
    """A column of a table."""

    title: str
    right: bool = False
    """Numbers are aligned to the right."""
    style: str = ""
    whole: bool = False
    """Never cut: uids, which people copy from here, and times."""


@dataclass(frozen=True)
class Cell:
    """Text with a style."""

    text: str
    style: str = ""


def status_cell(status: str) -> Cell:
    """A status in its colour."""
    from runlore.cli._format import printable

    return Cell(printable(status), STATUS_STYLES.get(status, ""))


# -- JSON -----------------------------------------------------------------------------------------------------------


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document: indented on a terminal, on one line otherwise."""
    from runlore.reader.plain import dump_json

    sys.stdout.flush()
    sys.stdout.buffer.write(dump_json(document, indent=2 if sys.stdout.isatty() else None) + b"\n")
    sys.stdout.buffer.flush()


# -- lines ----------------------------------------------------------------------------------------------------------


def width() -> int:
    """Columns that a line may have: as `COLUMNS` says, as the terminal has, or unlimited."""
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    if sys.stdout.isatty():
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    return UNLIMITED


def console(*, stderr: bool = False) -> Console:
    """A Rich console that prints text as it is: no markup, no highlighting, no emoji."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=width(), soft_wrap=True)


def is_coloured() -> bool:
    """Whether stdout takes colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "unknown")


def say(text: str = "", style: str = "") -> None:
    """Print a line of a result."""
    if style and is_coloured():
        console().print(text, style=style)
    else:
        sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line that is not part of the result, on stderr."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


# -- tables ---------------------------------------------------------------------------------------------------------


def print_table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell | str]], *, title: str = "", longest: int | None = None
) -> int:
    """Print a table; long texts are cut, and the columns further to the right give way, where there is no room.

    Args:
        columns: their titles, and how they are laid out.
        rows: of cells or texts.
        title: above the table.
        longest: characters of a cell beside the first column; by default a quarter of the width.

    Returns:
        How many columns were left out.
    """
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    limit = width()
    if limit < UNLIMITED:
        most = [MAX_CELL, *[longest or max(MIN_CELL, min(MAX_CELL, limit // 4))] * (len(columns) - 1)]
        cells = [
            [Cell(cell.text if column.whole else shorten(cell.text, at_most), cell.style)
             for column, cell, at_most in zip(columns, row, most, strict=True)]
            for row in cells
        ]  # fmt: skip
    widths = [
        max([len_of(column.title), *(len_of(row[index].text) for row in cells)]) for index, column in enumerate(columns)
    ]
    count = _fitting(widths, limit)
    if title:
        say(title, "bold")
    heads = [Cell(column.title, "bold") for column in columns]
    for row in [heads, *cells]:
        _print_row(columns[:count], row[:count], widths)
    return len(columns) - count


def len_of(text: str) -> int:
    """Columns that the text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shorten(text: str, most: int) -> str:
    """The text in at most so many columns of a terminal, with an ellipsis where it was cut."""
    if len_of(text) <= most:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, most - 1).rstrip() + "…"


def _fitting(widths: Sequence[int], limit: int) -> int:
    used = 0
    for index, one in enumerate(widths):
        used += one + (2 if index else 0)
        if used > limit and index:
            return index
    return len(widths)


def _print_row(columns: Sequence[Column], row: Sequence[Cell], widths: Sequence[int]) -> None:
    parts = []
    for index, (column, cell) in enumerate(zip(columns, row, strict=True)):
        fill = " " * (widths[index] - len_of(cell.text))
        last = index == len(row) - 1
        text = fill + cell.text if column.right else cell.text + ("" if last else fill)
        parts.append((text, cell.style or column.style))
    if not is_coloured():
        sys.stdout.write("  ".join(text for text, _ in parts).rstrip() + "\n")
        return
    from rich.text import Text

    line = Text()
    for index, (text, style) in enumerate(parts):
        line.append(("  " if index else "") + text, style=style or None)
    console().print(line)


def print_fields(fields: Iterable[tuple[str, Cell | str | None]]) -> None:
    """Print names and values; of a value with several lines, the others below the first.

    Pairs with an empty value are left out; None shows the name alone.
    """
    shown = []
    for name, value in fields:
        cell = value if isinstance(value, Cell) else Cell(value or "")
        if cell.text or value is None:
            shown.append((name, cell))
    longest = max((len_of(name) for name, _ in shown), default=0)
    for name, cell in shown:
        head = name + " " * (longest - len_of(name)) + "  "
        text = cell.text.replace("\n", "\n" + " " * len_of(head))
        if is_coloured():
            from rich.text import Text

            console().print(Text.assemble((head, "dim"), (text, cell.style)))
        else:
            sys.stdout.write((head + text).rstrip() + "\n")
