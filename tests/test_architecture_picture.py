"""The picture of the architecture is drawn from the imports, and current."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from draw_architecture import PICTURE, SAYS, draw, reduced, room_imports
from import_graph import SOURCE, read_tree


def test_the_picture_is_current():
    message = "run `python scripts/draw_architecture.py --write`"
    assert PICTURE.read_text("utf-8") == draw(read_tree(SOURCE)), message


def test_every_room_is_in_it_with_what_it_is_for():
    texts = {element.text for element in ET.fromstring(PICTURE.read_text("utf-8")).iter() if element.text}
    rooms = set(room_imports(read_tree(SOURCE)))
    assert rooms <= texts
    assert {SAYS[room] for room in rooms} <= texts
    assert rooms == set(SAYS)


def test_an_arrow_that_a_longer_way_replaces_is_left_out():
    assert reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}
