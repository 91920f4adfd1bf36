"""What a recorder is to append, as JSON: one list for each record, which begins with what it is.

    ["scalar", key, value, step, time_ns]            ["row", {key: value}, step, time_ns]
    ["event", kind, key, value, step, time_ns, extra]
    ["stop", status, about]

A step of null: none. Times are always there: whoever sends a record again sends the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.wire.text import Garbled, expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runlore.recorder import Recorder

_NUMBER = (int, float)
_STEP = (int, float, type(None))


def play(recorder: Recorder, record: Any) -> bool:
    """Append a record; whether it could be kept.

    Raises:
        Garbled: it is none.
        WrongType, InvalidArgument, RunEnded: as the recorder raises.
    """
    name, *parts = expect(record, list, "a record") or [None]
    count, append = _KINDS.get(name, (None, None)) if isinstance(name, str) else (None, None)
    if append is None or len(parts) != count:
        raise Garbled(f"there is no record {name!r:.40} of {len(parts)} parts")
    lost = recorder.lost
    return append(recorder, *parts) and recorder.lost == lost


def facts_of(records: Iterable[Any]) -> Iterator[tuple[str, str, Any]]:
    """Kind, key and value of the events among some records. What is no record is left out: `play` refuses it."""
    for record in records:
        if isinstance(record, list) and len(record) == 7 and record[0] == "event":
            kind, key, value = record[1:4]
            if isinstance(kind, str) and isinstance(key, str):
                yield kind, key, value


def moment_of(time_ns: Any) -> Any:
    """A time in ns as recorders take it, exactly.

    Raises:
        Garbled: it is none.
    """
    import numpy as np

    if not -(2**63) < expect(time_ns, int, "time_ns") < 2**63:
        raise Garbled(f"time_ns={time_ns} should fit into 64 bits")
    return np.datetime64(time_ns, "ns")


def _scalar(recorder: Recorder, key: Any, value: Any, step: Any, time_ns: Any) -> bool:
    recorder.scalar(key, expect(value, _NUMBER, "value"), expect(step, _STEP, "step"), moment_of(time_ns))
    return True


def _row(recorder: Recorder, values: Any, step: Any, time_ns: Any) -> bool:
    for value in expect(values, dict, "a row").values():
        expect(value, _NUMBER, "value")
    recorder.row(values, expect(step, _STEP, "step"), moment_of(time_ns))
    return True


def _event(recorder: Recorder, kind: Any, key: Any, value: Any, step: Any, time_ns: Any, extra: Any) -> bool:
    moment_of(time_ns)
    extra = expect(extra, (dict, type(None)), "extra")
    return recorder.event(kind, key, value, step=expect(step, _STEP, "step"), time_ns=time_ns, extra=extra)


def _stop(recorder: Recorder, status: Any, about: Any) -> bool:
    recorder.stop(expect(status, str, "status"), expect(about, dict, "about"))
    return True


_KINDS: dict[str, tuple[int, Callable[..., bool]]] = {
    "scalar": (4, _scalar), "row": (3, _row), "event": (6, _event), "stop": (2, _stop),
}  # fmt: skip
