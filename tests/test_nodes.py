"""Small frozen values behave as frozen dataclasses do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import pytest

from runlore.nodes import Node


class Point(Node):
    x: float
    y: float = 0.0


class Nothing(Node):
    pass


@dataclass(frozen=True)
class Pattern:
    x: float
    y: float = 0.0


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((1,), {}), ((1, 2), {}), ((1, 2, 3), {}), ((), {"x": 1}), ((1,), {"y": 5}), ((1,), {"x": 2}),
     ((), {"y": 1}), ((1,), {"z": 1})],
)  # fmt: skip
def test_it_is_made_of_what_a_dataclass_is_made_of(values, named):
    try:
        expected = Pattern(*values, **named)
    except TypeError:
        with pytest.raises(TypeError, match="Point"):
            Point(*values, **named)
        return
    made = Point(*values, **named)
    assert (made.x, made.y) == (expected.x, expected.y)
    assert repr(made) == repr(expected).replace("Pattern", "Point")


def test_it_is_equal_by_its_fields_and_kind_and_never_changes():
    assert Point(1) == Point(1.0, 0) != Point(2)
    assert hash(Point(1)) == hash(Point(1.0))
    assert Nothing() == Nothing() != Point(1)
    assert len({Point(1), Point(1), Nothing(), Nothing()}) == 2
    point = Point(1)
    for change in (lambda: setattr(point, "x", 2), lambda: delattr(point, "x"), lambda: setattr(point, "new", 2)):
        with pytest.raises(AttributeError):
            change()
    assert copy.deepcopy(point) == pickle.loads(pickle.dumps(point)) == point
