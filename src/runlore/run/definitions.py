"""`Run.define_metric`: how the values of a metric are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import InvalidArgument
from runlore.names import check_key

if TYPE_CHECKING:
    from runlore.recorder import Recorder

GOALS = ("min", "max")


def define_metric(recorder: Recorder, key: Any, x: Any, best: Any) -> None:
    """See `Run.define_metric`."""
    check_key(key, "key")
    if x is not None:
        check_key(x, "x")
        if x == key:
            raise InvalidArgument(f"x={x!r} is the metric itself; give another metric, or leave x out for the step")
    if best is not None and best not in GOALS:
        raise InvalidArgument(f"best={best!r} must be 'min' or 'max'")
    if x is None and best is None:
        raise InvalidArgument(f"define_metric({key!r}) says nothing: give x=, best=, or both")
    meant = {"x": x, "best": best}
    recorder.event(model.DEFINITION, key, {name: said for name, said in meant.items() if said is not None})
