"""HTML with which a notebook shows objects: small tables and pictures, of text that strangers may have written.

Everything that comes from a store is escaped, and a picture is only ever an `<img>`: what it holds cannot run.
"""

from __future__ import annotations

import json
import math
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_ROWS = 20
"""Rows of a table of facts; how many more there are is said."""

MAX_PICTURE_BYTES = 5_000_000
"""A notebook keeps what it shows in its file."""

_MAX_CHARACTERS = 300
_SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/svg+xml"})
_CELL = ' style="text-align:left;vertical-align:top"'


def text(value: Any) -> str:
    """Anything that a run can hold, as escaped text that is not too long.

    Example:
        >>> text("<b>"), text(0.123456789), text([1, 2]), text(None)
        ('&lt;b&gt;', '0.123457', '[1, 2]', '')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        shown = f"{value:.6g}" if math.isfinite(value) else str(value)
    elif isinstance(value, str):
        shown = value
    elif isinstance(value, (list, tuple, dict)):
        shown = json.dumps(value, ensure_ascii=False, default=repr)
    else:
        shown = str(value)
    if len(shown) > _MAX_CHARACTERS:
        shown = f"{shown[:_MAX_CHARACTERS]}…"
    return escape(shown.encode("utf-8", "backslashreplace").decode("utf-8"))


def table(rows: Iterable[Sequence[Any]], headings: Sequence[str] = ()) -> str:
    """A table of plain values; the first cell of each row names it where there are no headings."""
    parts = ["<table>"]
    if headings:
        parts.append(f"<thead><tr>{''.join(f'<th{_CELL}>{text(name)}</th>' for name in headings)}</tr></thead>")
    parts.append("<tbody>")
    for row in rows:
        cells = [f"<td{_CELL}>{text(cell)}</td>" for cell in row]
        if not headings and cells:
            cells[0] = f"<th{_CELL}>{text(row[0])}</th>"
        parts.append(f"<tr>{''.join(cells)}</tr>")
    parts.append("</tbody></table>")
    return "".join(parts)


def section(title: str, facts: Mapping[str, Any]) -> str:
    """A titled table of facts that can be folded away; nothing where there are none."""
    if not facts:
        return ""
    some = list(facts.items())[:MOST_ROWS]
    more = len(facts) - len(some)
    return f"<details open><summary>{text(title)} ({len(facts):,})</summary>{table(some)}{left_out(more)}</details>"


def left_out(more: int) -> str:
    """What is said of rows that are not shown."""
    return f"<p>… and {more:,} more</p>" if more > 0 else ""


def heading(title: str, *, beside: str = "") -> str:
    """The line above an object."""
    return f"<div><b>{text(title)}</b>{f' <span>{text(beside)}</span>' if beside else ''}</div>"


def picture(data: bytes, media_type: str) -> str:
    """The picture, as its bytes are; what a browser does not show, or is too large for a notebook, is said instead.

    Scripts of an SVG do not run in an `<img>`.
    """
    if media_type not in _SHOWN:
        return f"<p>{text(media_type)}, {len(data):,} bytes</p>"
    if len(data) > MAX_PICTURE_BYTES:
        return f"<p>{text(media_type)}, {len(data):,} bytes: too many to be shown in a notebook</p>"
    from base64 import b64encode

    return f'<img style="max-width:100%" src="data:{media_type};base64,{b64encode(data).decode("ascii")}"/>'


def is_shown(media_type: str | None, size: int | None) -> bool:
    """Whether `picture` would show contents like these."""
    return media_type in _SHOWN and size is not None and size <= MAX_PICTURE_BYTES
