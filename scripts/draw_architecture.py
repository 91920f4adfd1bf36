"""Draws the rooms of the package and who builds on whom, from the imports: docs/explanation/architecture.svg.

The lowest layer is at the bottom; within a layer, a room stands above those that it imports. An arrow leads from a room
to one that it imports; where it reaches that one through another room too, the arrow is left out, and so is every arrow
to the words of layer 0 but the journal's, so that the picture stays readable. `--write` writes the file, without
it the script says whether the file is current. `tests/test_architecture_picture.py` runs it.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

from import_graph import LAYERS, SOURCE, Tree, read_tree

PICTURE = SOURCE.parents[1] / "docs" / "explanation" / "architecture.svg"

BOX_WIDTH, BOX_HEIGHT = 150, 46
GAP_X, GAP_Y = 14, 44
MARGIN = 24
LABEL_WIDTH = 92

NAMES = {
    0: "words",
    1: "journal",
    2: "keeping",
    3: "recording, reading",
    4: "speaking to others",
    5: "front doors",
}
"""What the rooms of a layer have in common."""

SAYS = {
    "errors": "what can go wrong",
    "model": "words as code",
    "config": "settings",
    "names": "names, encoded",
    "files": "opening files safely",
    "json_files": "JSON of strangers, bounded",
    "stored_text": "text that any store holds",
    "plain": "values as JSON has them",
    "nodes": "small frozen values",
    "notices": "said once",
    "leaving": "with which code",
    "notebook": "HTML of strangers' words",
    "scratch": "a place for a moment",
    "failures": "whose failure it is",
    "versions": "semantic versions",
    "recorder": "contract: appending",
    "journal": "bytes of one writer",
    "store": "contract: runs, contents",
    "query": "the language",
    "capture": "git, console, hardware",
    "media": "objects as bytes",
    "run": "the write handle",
    "index": "contract: asking",
    "catalog": "the index in SQL",
    "opening": "which index a store has",
    "reader": "read handles",
    "registry": "cards and lineage",
    "tracing": "spans",
    "housekeeping": "gc, merge, export",
    "dialects": "others' Python APIs",
    "importers": "others' records",
    "integrations": "what others train",
    "server": "store and index over HTTP",
    "ship": "sending, in one thread",
    "wire": "records as bytes",
    "remote": "a server as a store",
    "testing": "a store in memory, suites",
    "cli": "the command line",
    "demo": "the demo",
}
"""A room in a few words."""


SVG = "http://www.w3.org/2000/svg"
TITLE = "The rooms of Runlore by layer, and what each builds on"
STYLE = """<style>
:root { --ink: #1c211f; --soft: #5b6560; --line: #9aa5a0; --box: #ffffff; --edge: #c9d1cd }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebe8; --soft: #9aa5a0; --line: #66716c; --box: #1b201e; --edge: #3a433f }
}
text { font-family: Inter, system-ui, sans-serif; fill: var(--ink) }
.room { font-size: 13px; font-weight: 600 }
.says { font-size: 10px; fill: var(--soft) }
.layer { font-size: 15px; font-weight: 600; fill: var(--soft) }
rect { fill: var(--box); stroke: var(--edge) }
path { fill: none; stroke: var(--line); marker-end: url(#tip) }
#tip path { fill: var(--line); stroke: none; marker-end: none }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0,0 L8,4 L0,8 Z"/></marker></defs>"""


class Place(NamedTuple):
    """Where a box stands."""

    x: float
    y: float


def room_imports(tree: Tree) -> dict[str, set[str]]:
    """Room → the rooms that it imports, at any level; types alone are left out."""
    found: dict[str, set[str]] = {room: set() for room in _rooms(tree)}
    for item in tree.imports:
        if item.target in tree.modules and item.kind != "typing":
            room, other = _room(item.importer), _room(item.target)
            if room in found and other in found and room != other:
                found[room].add(other)
    return found


def _rooms(tree: Tree) -> set[str]:
    return {room for room in map(_room, tree.modules) if not room.startswith("_")}


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The graph without edges that a longer way replaces."""
    below = {room: _below(room, graph) for room in graph}
    return {
        room: {other for other in others if not any(other in below[third] for third in others if third != other)}
        for room, others in graph.items()
    }


def _below(room: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [room]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def draw(tree: Tree) -> str:
    """The picture as SVG."""
    edges = {
        room: {other for other in others if LAYERS[other] or LAYERS[room] < 2}
        for room, others in reduced(room_imports(tree)).items()
    }
    rows = _rows(edges)
    width = LABEL_WIDTH + 2 * MARGIN + max(len(row) for _, row in rows) * (BOX_WIDTH + GAP_X) - GAP_X
    height = 2 * MARGIN + len(rows) * (BOX_HEIGHT + GAP_Y) - GAP_Y
    places = _places(rows, width)
    body = [_line(places[room], places[other]) for room in sorted(edges) for other in sorted(edges[room])]
    said: set[int] = set()
    for index, (layer, _) in enumerate(rows):
        if layer not in said:
            said.add(layer)
            body += _label(layer, MARGIN + index * (BOX_HEIGHT + GAP_Y))
    body += [_box(room, places[room]) for room in sorted(places)]
    return _frame(width, height, body)


def _label(layer: int, y: float) -> list[str]:
    says = [
        f'<text class="says" x="{MARGIN}" y="{y + 34 + 12 * line}">{escape(text)}</text>'
        for line, text in enumerate(NAMES[layer].split(", "))
    ]
    return [f'<text class="layer" x="{MARGIN}" y="{y + 20}">{layer}</text>', *says]


def _rows(edges: dict[str, set[str]]) -> list[tuple[int, list[str]]]:
    """(layer, rooms) from the top down. Rooms are ordered by where those stand that they lead to: few arrows cross."""
    rows: list[tuple[int, list[str]]] = []
    stand: dict[str, float] = {}
    for layer in sorted({LAYERS[room] for room in edges}):
        left = {room for room in edges if LAYERS[room] == layer}
        while left:
            ready = {room for room in left if not edges[room] & left}
            if not ready:
                raise ValueError(f"the rooms {', '.join(sorted(left))} import one another in a circle")
            row = sorted(ready, key=lambda room: (_middle([stand[other] for other in edges[room]]), room))
            stand.update({room: (at + 0.5) / len(row) for at, room in enumerate(row)})
            rows.append((layer, row))
            left -= ready
    return rows[::-1]


def _middle(places: list[float]) -> float:
    return sum(places) / len(places) if places else 0.5


def _places(rows: list[tuple[int, list[str]]], width: float) -> dict[str, Place]:
    places = {}
    for index, (_, row) in enumerate(rows):
        room_for = (width - LABEL_WIDTH - 2 * MARGIN) / len(row)
        for at, room in enumerate(row):
            x = LABEL_WIDTH + MARGIN + room_for * (at + 0.5) - BOX_WIDTH / 2
            places[room] = Place(round(x), MARGIN + index * (BOX_HEIGHT + GAP_Y))
    return places


def _line(start: Place, end: Place) -> str:
    """A curve from the bottom of one box to the top of another."""
    x1, y1, x2, y2 = start.x + BOX_WIDTH / 2, start.y + BOX_HEIGHT, end.x + BOX_WIDTH / 2, end.y - 4
    bend = min(60.0, (y2 - y1) / 2)
    return f'<path d="M{x1:.0f},{y1} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2}"/>'


def _box(room: str, place: Place) -> str:
    return (
        f'<g><rect x="{place.x}" y="{place.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>'
        f'<text class="room" x="{place.x + 10}" y="{place.y + 20}">{escape(room)}</text>'
        f'<text class="says" x="{place.x + 10}" y="{place.y + 35}">{escape(SAYS[room])}</text></g>'
    )


def _frame(width: float, height: float, body: list[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="{SVG}" viewBox="0 0 {width:.0f} {height}" role="img" aria-label="{TITLE}">',
            STYLE,
            *body,
            "</svg>",
            "",
        ]
    )


def main() -> int:
    """Write the picture, or say whether it is current."""
    picture = draw(read_tree(SOURCE))
    if "--write" in sys.argv[1:]:
        PICTURE.write_text(picture, "utf-8")
        return 0
    known = PICTURE.read_text("utf-8") if PICTURE.exists() else ""
    if known == picture:
        return 0
    print(f"{Path(PICTURE).name} is out of date: python scripts/draw_architecture.py --write")
    return 1


if __name__ == "__main__":
    sys.exit(main())
