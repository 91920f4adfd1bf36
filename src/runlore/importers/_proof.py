"""Checksums that do not depend on the order of things: of what a source gave, and of what the store has.

A point is hashed by its key, step, time and value, bit by bit (every NaN is one). The sum of the hashes, modulo 2^64,
is the checksum: points can be summed as they come, and in any order.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from runlore.model import ALERT, ARTIFACT, LOG, NOTE, STOP

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from runlore.importers._records import Points
    from runlore.store.content import RunPoints, StoredEvent

_TIMED = frozenset({ALERT, LOG, NOTE, STOP})
"""Kinds of which the same can happen twice: their time is part of what they are."""

_MOST_SAMPLES = 3


def points_checksum(
    key: str, steps: Sequence[float], times_ns: Sequence[int], values: Sequence[float]
) -> int:  # fmt: skip
    """The sum of the hashes of some points of one series.

    Example:
        >>> whole = points_checksum("loss", [0, 1], [5, 6], [0.5, float("nan")])
        >>> parts = points_checksum("loss", [1], [6], [float("nan")]) + points_checksum("loss", [0], [5], [0.5])
        >>> whole == parts % 2**64
        True
    """
    seed = np.uint64(int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big"))
    hashed = _mix(_bits(steps) ^ seed)
    hashed = _mix(hashed + np.asarray(times_ns, np.int64).view(np.uint64))
    hashed = _mix(hashed + _bits(values))
    return int(np.add.reduce(hashed, dtype=np.uint64)) if len(hashed) else 0


def _bits(numbers: Sequence[float]) -> npt.NDArray[np.uint64]:
    array = np.array(numbers, np.float64)
    array[np.isnan(array)] = np.nan
    return array.view(np.uint64)


def _mix(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of SplitMix64."""
    numbers = (numbers ^ numbers >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ numbers >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return numbers ^ numbers >> np.uint64(31)


def fact_identity(kind: str, key: str, value: Any, step: float | None, time_ns: int | None) -> bytes:
    """What makes a fact the same one as another: 16 bytes."""
    if kind == ARTIFACT and isinstance(value, dict):
        value = value.get("digest")
    at = time_ns if kind in _TIMED else None
    step = None if step is None or step != step else float(step)  # noqa: PLR0124 - NaN: no step
    text = json.dumps([kind, key, value, step, at], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass
class Tally:
    """What was counted on one side.

    Attributes:
        points: how many.
        checksum: of the points, see above.
        facts: how many params, tags and other events there are.
        files: how many files.
        bytes: of the files.
    """

    points: int = 0
    checksum: int = 0
    facts: int = 0
    files: int = 0
    bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """As it stands in a report."""
        return {**vars(self), "checksum": f"{self.checksum:016x}"}


@dataclass
class Evidence:
    """What the source gave of a run, as far as it is needed to compare it with what the store has."""

    given: Tally = field(default_factory=Tally)
    identities: dict[bytes, int | None] = field(default_factory=dict)
    """Of facts and files; the size of the latter."""
    samples: dict[str, tuple[float, int, float]] = field(default_factory=dict)
    """The latest point of a few series: step, time in ns, value."""

    def add_points(self, points: Points) -> None:
        """Points that the source gave."""
        self.given.points += len(points.values)
        checksum = points_checksum(*points)
        self.given.checksum = (self.given.checksum + checksum) % 2**64
        if len(points.values) and (points.key in self.samples or len(self.samples) < _MOST_SAMPLES):
            self.samples[points.key] = float(points.steps[-1]), int(points.times_ns[-1]), float(points.values[-1])

    def add_fact(self, identity: bytes, size: int | None = None) -> None:
        """A fact that the source gave, or a file of so many bytes. Twice is once."""
        if identity in self.identities:
            return
        self.identities[identity] = size
        if size is None:
            self.given.facts += 1
        else:
            self.given.files += 1
            self.given.bytes += size

    def kept(self, points: RunPoints, events: Sequence[StoredEvent]) -> Tally:
        """What the store has: all its points, and those of the facts and files that the source gave."""
        found = Tally(points=len(points))
        for number, key in enumerate(points.names):
            mine = points.key == number
            checksum = points_checksum(key, points.step[mine], points.time_ns[mine], points.value[mine])
            found.checksum = (found.checksum + checksum) % 2**64
        stored = {fact_identity(event.kind, event.key, event.value, event.step, event.time_ns) for event in events}
        for identity, size in self.identities.items():
            if identity in stored and size is None:
                found.facts += 1
            elif identity in stored and size is not None:
                found.files += 1
                found.bytes += size
        return found

    def compared(self, points: RunPoints) -> list[dict[str, Any]]:
        """The samples as the source gave them, beside what the store has at the same step and time."""
        found = []
        for key, (step, time_ns, value) in self.samples.items():
            kept: list[float] = []
            if key in points.names:
                same = (points.key == points.names.index(key)) & (points.time_ns == time_ns)
                same &= np.isnan(points.step) if np.isnan(step) else points.step == step
                kept = points.value[same].tolist()
            equal = [other for other in kept if other == value or (np.isnan(other) and np.isnan(value))]
            store = equal[-1] if equal else kept[-1] if kept else None
            found.append({"key": key, "step": None if np.isnan(step) else step, "source": value, "store": store})
        return found
