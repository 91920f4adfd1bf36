"""What reading a journal gives: points as arrays, other events as small objects, and where to go on.

Nothing of NumPy is imported here: the arrays are made by who decodes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLOSED = "closed"
"""The writer ended the journal."""
OPEN = "open"
"""Everything so far is whole; the writer lives, or died between two records."""
TORN = "torn"
"""The last record was begun and not committed: a write in progress, or a death in the middle of one."""
UNREADABLE = "unreadable"
"""Nothing could be read: it is no regular file, or not to be read by this user, or the disk failed."""


class Event(NamedTuple):
    """One recorded fact that is not a point of a series."""

    sequence: int
    """Offset of its record: orders the events and points of one writer."""
    time_ns: int
    step: float | None
    kind: str
    key: str
    value: Any
    extra: dict[str, Any]


class Damage(NamedTuple):
    """A stretch of the file that could not be read, or not be trusted."""

    offset: int
    length: int
    reason: str


@dataclass
class Context:
    """What a reader has to know to go on from an offset. JSON-able by `dump` and `load`."""

    offset: int = 0
    frame: int = 0
    """Start of the frame that holds `offset`."""
    keys: dict[int, str] = field(default_factory=dict)
    layouts: dict[int, list[int]] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    """Whether the end that the file's header tells was read."""

    def dump(self) -> str:
        """The context as text for `load`, which gives back every key exactly, lone surrogates too."""
        parts = [self.offset, self.frame, self.keys, self.layouts, self.extra, self.header, self.ended]
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass").decode("latin-1")

    def copy(self) -> Context:
        """An independent copy."""
        keys, layouts = dict(self.keys), dict(self.layouts)
        return Context(self.offset, self.frame, keys, layouts, self.extra, self.header, self.ended)

    @classmethod
    def load(cls, text: str) -> Context:
        """The context that `dump` wrote, also one of an earlier version, which knew of no `ended`."""
        parts = json.loads(text.encode("latin-1").decode("utf-8", "surrogatepass"))
        offset, frame, keys, layouts, *rest = parts
        return cls(offset, frame, {int(k): v for k, v in keys.items()}, {int(k): v for k, v in layouts.items()}, *rest)


@dataclass
class Points:
    """Points of series, in the order in which they were recorded. All arrays are of one length."""

    key: NDArray[np.uint32]
    """Ids into `Context.keys`."""
    step: NDArray[np.float64]
    """NaN: no step."""
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    sequence: NDArray[np.int64]
    """Offset of the record; the points of one row share it."""


@dataclass
class Chunk:
    """What a journal gained."""

    points: Points
    events: list[Event]
    extras: list[tuple[int, dict[str, Any]]]
    """Extra columns, each valid for points and events from this sequence on."""
    state: str
    damage: list[Damage]
    lost: int
    """Records that the writer could not keep, so far."""
    more: bool
    """`max_bytes` stopped the reading, not the end of the file."""
    context: Context
    """Where to go on."""
