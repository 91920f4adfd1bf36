"""What commands print: one JSON document, or lines.

Results go to stdout, everything else (notes, progress, errors) to stderr. Whatever a text is made of, what reaches the
terminal cannot control it, and can be encoded there: that is done here, for all of them. Colours are for terminals, and
never with `NO_COLOR`. Tables are in `runlore.cli._table`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlore.cli import _streams
from runlore.cli._format import lines, printable, printable_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATUS_STYLES = {"succeeded": "green", "running": "cyan", "failed": "red", "crashed": "magenta", "stopped": "yellow"}


@dataclass(frozen=True)
class Cell:
    """Text with a style."""

    text: str
    style: str = ""


def status_cell(status: str) -> Cell:
    """A status in its colour."""
    return Cell(status, STATUS_STYLES.get(status, ""))


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document: indented on a terminal, on one line otherwise."""
    _streams.write(json_line(document, indent=2 if sys.stdout.isatty() else None))


def json_line(document: Mapping[str, Any], indent: int | None = None) -> str:
    """A JSON document, and the end of its line."""
    from runlore.plain import json_text

    return printable_json(json_text(document, indent=indent), ascii_only=not _streams.is_utf8()) + "\n"


def layout_width() -> int | None:
    """Columns of the terminal, or as many as `COLUMNS` says; None where nothing is to be laid out, as in a pipe."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given) > 0:
        return int(given)
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80 if sys.stdout.isatty() else None


def is_coloured() -> bool:
    """Whether stdout takes colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "unknown")


def paint(text: str, style: str) -> str:
    """The text in a style, where stdout takes colours: `bold`, `dim`, a colour, or its number among 256."""
    if not style or not is_coloured():
        return text
    import click

    if style in ("bold", "dim"):
        return click.style(text, bold=style == "bold" or None, dim=style == "dim" or None)
    return click.style(text, fg=int(style) if style.isdigit() else style)


def shown(text: str) -> str:
    """The text on one line, as stdout shows it."""
    return _streams.encodable(printable(text))


def say(text: str = "", style: str = "") -> None:
    """Print a result: a line, or several."""
    _streams.write(paint(_streams.encodable(lines(text)), style) + "\n")


def note(text: str) -> None:
    """Print a line that is not part of the result, on stderr."""
    _streams.tell(lines(text) + "\n")


def print_fields(fields: Iterable[tuple[str, Cell | str | None]], *, indent: str = "") -> None:
    """Print names and values: on a terminal aligned, with further lines below the first; elsewhere with a tab between.

    Pairs with an empty value are left out; None shows the name alone.
    """
    kept = []
    for name, value in fields:
        cell = value if isinstance(value, Cell) else Cell(value or "")
        if cell.text or value is None:
            kept.append((shown(name), cell))
    if layout_width() is None:
        for name, cell in kept:
            _streams.write(f"{name}\t{shown(cell.text)}".rstrip("\t") + "\n")
        return
    longest = max((len_of(name) for name, _ in kept), default=0)
    for name, cell in kept:
        head = indent + name + " " * (longest - len_of(name)) + "  "
        below = "\n" + " " * len_of(head)
        texts = [paint(text, cell.style) for text in _streams.encodable(lines(cell.text)).split("\n")]
        _streams.write(paint(head, "dim") + below.join(texts) + "\n" if cell.text else f"{indent}{name}\n")


def len_of(text: str) -> int:
    """Columns that the text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shorten(text: str, most: int) -> str:
    """The text in at most so many columns of a terminal, with an ellipsis where its end was cut."""
    if len_of(text) <= most:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, max(0, most - len(_mark()))).rstrip() + _mark()


def shorten_head(text: str, most: int) -> str:
    """As `shorten`, but the beginning is cut: of what tells apart by its end."""
    if len_of(text) <= most:
        return text
    while text and len_of(text) > most - len(_mark()):
        text = text[1:]
    return _mark() + text


def _mark() -> str:
    return "…" if _streams.is_utf8() else "..."
