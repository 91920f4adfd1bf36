"""Which records of a batch a run has already."""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from runlore.model import STOP
from runlore.wire import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runlore.store.base import RecordedRun

_bits = struct.Struct("<d").pack


def places_of(run: RecordedRun, records: Sequence[Any]) -> frozenset[int]:
    """Places of the records that the run has."""
    stored: Counter[Any] = Counter(_stored(run))
    present = set()
    for place, record in enumerate(records):
        marks = list(_marks(record))
        if marks and all(stored[mark] >= count for mark, count in Counter(marks).items()):
            stored.subtract(marks)
            present.add(place)
    return frozenset(present)


def _stored(run: RecordedRun) -> Iterator[Any]:
    points = run.points()
    for key, step, time_ns, value in zip(
        points.key.tolist(), points.step.tolist(), points.time_ns.tolist(), points.value.tolist(), strict=True
    ):
        yield points.names[key], _place(step), time_ns, _bits(value)
    for event in run.events():
        if event.kind == STOP:
            yield STOP, text.dumps(event.value)
        yield event.kind, event.key, _place(event.step), event.time_ns, text.dumps(event.value)


def _marks(record: Any) -> Iterator[Any]:
    """What is found of a record in the run that has it; nothing of one that leaves none, or is none."""
    if not isinstance(record, list) or not record:
        return
    name, *parts = record
    if name == "scalar" and len(parts) == 4:
        yield parts[0], _place(parts[2]), parts[3], _bits(parts[1])
    elif name == "row" and len(parts) == 3 and isinstance(parts[0], dict):
        for key, value in parts[0].items():
            yield key, _place(parts[1]), parts[2], _bits(value)
    elif name == "event" and len(parts) == 6:
        yield parts[0], parts[1], _place(parts[3]), parts[4], text.dumps(parts[2])
    elif name == "stop" and len(parts) == 2 and isinstance(parts[1], dict):
        yield STOP, text.dumps({"status": parts[0], **parts[1]})


def _place(step: Any) -> Any:
    """A step that can be compared: NaN is none, -0.0 is not 0.0."""
    return None if step is None or step != step else _bits(step)  # noqa: PLR0124 - NaN differs from itself
