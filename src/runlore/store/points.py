"""Points of one or several sources as one set of arrays, in the canonical order.

That order is (time, writer, sequence, position in the row): it depends on what was recorded alone, not on where it
lies. NumPy is imported inside functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


_PIECE = 1 << 14


@dataclass(frozen=True)
class RunPoints:
    """Points of a run. All arrays are of one length and in the order (time, writer, sequence, position in the row)."""

    key: NDArray[np.uint32]
    """Indices into `names`."""
    names: list[str]
    """Names of the keys, sorted; each has points."""
    step: NDArray[np.float64]
    """NaN: no step."""
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    writer: NDArray[np.uint32]
    """Indices into `writers`."""
    writers: list[str]
    """Names of all writers of the run, sorted, whether or not they have points."""
    headers: list[dict[str, Any]]
    """What the writers' journals say of them: host, pid, created_ns …; empty where a header was damaged."""
    sequence: NDArray[np.int64]
    """Offset of the record in the writer's journal; the points of one row share it."""
    extras: list[tuple[int, int, dict[str, Any]]]
    """(writer, from this sequence on, extra columns of its points, which replace those before)."""

    def __len__(self) -> int:
        return len(self.value)


class Part(NamedTuple):
    """Points of one source, before they are put together."""

    key: NDArray[Any]
    """Indices into `names`."""
    names: Sequence[str]
    step: NDArray[np.float64]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    writer: NDArray[Any] | int
    """Indices into the run's writers; one number for all of them."""
    sequence: NDArray[np.int64]
    position: NDArray[np.int32] | None
    """Place in the row; None: the part is in the order (writer, sequence, position) already."""
    ordered: bool = False
    """Whether it is known to be in the canonical order."""
    delay_ns: NDArray[np.int32] | None = None
    """How long after the beginning of its burst each point was recorded; None: see `runlore.store.sealed.bursts`."""


class Joined(NamedTuple):
    """Parts put together: the arrays of `RunPoints`."""

    key: NDArray[np.uint32]
    names: list[str]
    step: NDArray[np.float64]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    writer: NDArray[np.uint32]
    sequence: NDArray[np.int64]


def never_falls(column: NDArray[Any], *, rises: bool = False) -> bool:
    """Whether each element is at least the one before it, or greater; looked at in pieces that fit the cache."""
    for start in range(0, len(column) - 1, _PIECE):
        later, earlier = column[start + 1 : start + _PIECE + 1], column[start : start + _PIECE]
        earlier = earlier[: len(later)]
        if not (later > earlier if rises else later >= earlier).all():
            return False
    return True


def positions(sequence: NDArray[np.int64]) -> NDArray[np.int32]:
    """The place of each point in its row, for points in the order in which they were recorded."""
    import numpy as np

    count = len(sequence)
    begins = np.ones(count, dtype=bool)
    np.not_equal(sequence[1:], sequence[:-1], out=begins[1:])
    if begins.all():
        return np.zeros(count, dtype=np.int32)
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, count))
    return (np.arange(count) - np.repeat(starts, lengths)).astype(np.int32)


def lookup(keys: Mapping[int, str], wanted: frozenset[str] | None) -> tuple[NDArray[np.int32], list[str]]:
    """A table from the ids of a journal to indices of the names returned; -1 for keys that are not wanted."""
    import numpy as np

    table = np.full(max(keys, default=-1) + 1, -1, dtype=np.int32)
    names: dict[str, int] = {}
    for number, name in keys.items():
        if wanted is None or name in wanted:
            table[number] = names.setdefault(name, len(names))
    return table, list(names)


def join(parts: Sequence[Part]) -> Joined:
    """Put parts together in the canonical order. Parts without positions must come in the order of their writers."""
    import numpy as np

    parts = [part for part in parts if len(part.value)]
    if not parts:
        none = np.empty(0)
        return Joined(
            none.astype(np.uint32), [], none, none.astype(np.int64), none.copy(), none.astype(np.uint32),
            none.astype(np.int64),
        )  # fmt: skip
    names, keys = _names(parts)
    writer = _writers(parts)
    columns = (
        _one(keys), _one([part.step for part in parts]), _one([part.time_ns for part in parts]),
        _one([part.value for part in parts]), writer, _one([part.sequence for part in parts]),
    )  # fmt: skip
    order = _order(parts, columns[2], writer, columns[5])
    if order is not None:
        columns = tuple(column[order] for column in columns)
    key, step, time_ns, value, writer, sequence = columns
    return Joined(key, names, step, time_ns, value, writer, sequence)


def _writers(parts: Sequence[Part]) -> NDArray[np.uint32]:
    """The writer of each point; one number in memory where all are of one."""
    import numpy as np

    first = parts[0].writer
    if isinstance(first, int) and all(isinstance(part.writer, int) and part.writer == first for part in parts):
        return np.broadcast_to(np.uint32(first), (sum(len(part.value) for part in parts),))
    found: NDArray[np.uint32] = _one(
        [np.broadcast_to(np.asarray(part.writer, dtype=np.uint32), part.value.shape) for part in parts]
    )
    return found


def _one(arrays: list[Any]) -> Any:
    import numpy as np

    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _names(parts: Sequence[Part]) -> tuple[list[str], list[Any]]:
    """All names that have points, sorted, and the parts' keys as indices into them."""
    import numpy as np

    used = [
        np.flatnonzero(np.bincount(part.key, minlength=len(part.names))) if len(part.names) > 1 else np.zeros(1, int)
        for part in parts
    ]
    names = sorted({part.names[i] for part, seen in zip(parts, used, strict=True) for i in seen.tolist()})
    place = {name: index for index, name in enumerate(names)}
    keys = []
    for part in parts:
        table = np.array([place.get(name, 0) for name in part.names], dtype=np.uint32)
        keys.append(table[part.key] if len(names) > 1 else np.broadcast_to(np.uint32(0), part.value.shape))
    return names, keys


def _order(parts: Sequence[Part], time_ns: Any, writer: Any, sequence: Any) -> Any:
    """Indices that sort into the canonical order; None where everything is in order already."""
    import numpy as np

    if (len(parts) == 1 and parts[0].ordered) or never_falls(time_ns, rises=True):
        return None
    if all(part.position is None for part in parts) and _grouped(parts):
        return None if never_falls(time_ns) else np.argsort(time_ns, kind="stable")
    address = sequence + _one([positions(part.sequence) if part.position is None else part.position for part in parts])
    if (writer == writer[0]).all():
        inner = np.argsort(address, kind="stable")
        return inner[np.argsort(time_ns[inner], kind="stable")]
    return np.lexsort((address, writer, time_ns))


def _grouped(parts: Sequence[Part]) -> bool:
    """Whether the parts, one behind the other, are in the order (writer, sequence, position)."""
    places = []
    for part in parts:
        if not isinstance(part.writer, int):
            return False
        places.append((part.writer, int(part.sequence[0]), int(part.sequence[-1])))
    return all(a[0] < b[0] or (a[0] == b[0] and a[2] < b[1]) for a, b in pairwise(places))
