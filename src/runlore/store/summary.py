"""What the catalog says of a run, computed from its points and events, in any order and in any pieces.

All of it can be merged: applying the pieces of a run's journals one after another gives what applying all of them at
once gives. The last value of a metric is the one of the greatest step, then of the latest time; points without a step
count as before all steps. The latest value of a param or tag wins.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from runlore import model
from runlore.store.annotate import REMOVED
from runlore.store.detail import Detail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runlore.journal.decode import Event, Points


_SAID_LATER = frozenset({model.ATTRIBUTE, model.TAG, model.NOTE, REMOVED})
"""What people add to runs that are over: no sign of life, so a crashed run does not end later because of it."""


class MetricSummary(NamedTuple):
    """One series in numbers. A step of None sorts before all steps."""

    points: int
    finite: int
    """Points that are not NaN."""
    sum: float
    min: float
    """NaN when all points are."""
    min_step: float | None
    max: float
    max_step: float | None
    first: float
    first_step: float | None
    first_time_ns: int
    last: float
    last_step: float | None
    last_time_ns: int

    def merge(self, other: MetricSummary) -> MetricSummary:
        """The summary of the points of both."""
        low = self if _less(self.min, other.min) else other
        high = self if _less(-self.max, -other.max) else other
        first, last = (
            (self, other)
            if _place(self.first_step, self.first_time_ns) <= _place(other.first_step, other.first_time_ns)
            else (other, self)
        )
        last = (
            other if _place(other.last_step, other.last_time_ns) >= _place(self.last_step, self.last_time_ns) else self
        )
        return MetricSummary(
            self.points + other.points, self.finite + other.finite, self.sum + other.sum,
            low.min, low.min_step, high.max, high.max_step,
            first.first, first.first_step, first.first_time_ns,
            last.last, last.last_step, last.last_time_ns,
        )  # fmt: skip


def _less(a: float, b: float) -> bool:
    return a <= b or math.isnan(b)


def _place(step: float | None, time_ns: int) -> tuple[float, int]:
    return (-math.inf if step is None else step, time_ns)


def summarise_points(points: Points, keys: Mapping[int, str]) -> dict[str, MetricSummary]:
    """The summary of each series among the points."""
    if not len(points.key):
        return {}
    place = np.where(np.isnan(points.step), -np.inf, points.step)
    order = np.lexsort((points.sequence, points.time_ns, place, points.key))
    key, step, time, value = points.key[order], points.step[order], points.time_ns[order], points.value[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    ends = np.concatenate((starts[1:], [len(key)]))
    missing = np.isnan(value)
    with np.errstate(over="ignore", invalid="ignore"):  # a sum of huge values is inf, of both infinities NaN
        sums = np.add.reduceat(np.where(missing, 0.0, value), starts)
    finite = np.add.reduceat((~missing).astype(np.int64), starts)
    low, low_at = _extreme(np.fmin, value, starts, ends)
    high, high_at = _extreme(np.fmax, value, starts, ends)
    columns = zip(
        key[starts].tolist(), (ends - starts).tolist(), finite.tolist(), sums.tolist(),
        low.tolist(), step[low_at].tolist(), high.tolist(), step[high_at].tolist(),
        value[starts].tolist(), step[starts].tolist(), time[starts].tolist(),
        value[ends - 1].tolist(), step[ends - 1].tolist(), time[ends - 1].tolist(),
        strict=True,
    )  # fmt: skip
    found: dict[str, MetricSummary] = {}
    for number, count, good, total, least, at_least, most, at_most, *edges in columns:
        first, first_step, first_time, last, last_step, last_time = edges
        found[keys[number]] = MetricSummary(
            count, good, total, least, _step(at_least), most, _step(at_most),
            first, _step(first_step), first_time, last, _step(last_step), last_time,
        )  # fmt: skip
    return found


def _extreme(function: Any, value: Any, starts: Any, ends: Any) -> tuple[Any, Any]:
    """The extreme of each group, and where it stands first (the group's start when all are NaN)."""
    extreme = function.reduceat(value, starts)
    count = len(value)
    hits = np.where(value == np.repeat(extreme, ends - starts), np.arange(count), count)
    at = np.minimum.reduceat(hits, starts)
    return extreme, np.where(at == count, starts, at)


def _step(step: float) -> float | None:
    return None if math.isnan(step) else step


class RunSummary:
    """Everything that the catalog says of a run, as plain values.

    Attributes:
        detail: the run itself.
        params: key → (time, JSON text or None where it was unset).
        tags: key → (time, text or None where it was removed).
        metrics: key → `MetricSummary`.
        artifacts: (writer, sequence) → artifact, as in the table of that name.
        points: number of metric points.
    """

    def __init__(self) -> None:
        self.detail = Detail()
        self.params: dict[str, tuple[int, str | None]] = {}
        self.tags: dict[str, tuple[int, str | None]] = {}
        self.metrics: dict[str, MetricSummary] = {}
        self.artifacts: dict[tuple[str, int], dict[str, Any]] = {}
        self.points = 0

    def dump(self) -> dict[str, Any]:
        """All of it as plain JSON values, for the footer of a sealed run."""
        return {
            "detail": self.detail.dump(),
            "params": self.params,
            "tags": self.tags,
            "metrics": self.metrics,
            "artifacts": [[writer, sequence, values] for (writer, sequence), values in self.artifacts.items()],
            "points": self.points,
        }

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> RunSummary:
        """What `dump` gave."""
        summary = cls()
        summary.detail = Detail.load(values["detail"])
        summary.params = {key: (time, text) for key, (time, text) in values["params"].items()}
        summary.tags = {key: (time, text) for key, (time, text) in values["tags"].items()}
        summary.metrics = {key: MetricSummary(*numbers) for key, numbers in values["metrics"].items()}
        summary.artifacts = {(writer, sequence): row for writer, sequence, row in values["artifacts"]}
        summary.points = values["points"]
        return summary

    def add_points(self, points: Points, keys: Mapping[int, str]) -> None:
        """Take points into account. `keys` gives the names of `points.key`."""
        if not len(points.key):
            return
        self.points += len(points.key)
        self.detail.saw(int(points.time_ns.min()), int(points.time_ns.max()))
        for key, summary in summarise_points(points, keys).items():
            self._merge(key, summary)

    def _merge(self, key: str, summary: MetricSummary) -> None:
        known = self.metrics.get(key)
        self.metrics[key] = summary if known is None else known.merge(summary)

    def add_events(self, writer: str, events: Iterable[Event]) -> None:
        """Take the events of one writer into account. Metric events (with columns of their own) count as points."""
        for event in events:
            if event.kind not in _SAID_LATER:
                self.detail.saw(event.time_ns, event.time_ns)
            if event.kind == model.PARAM or (event.kind == model.UNSET and event.value == model.PARAM):
                known = self.params.get(event.key)
                if known is None or known[0] <= event.time_ns:
                    text = None if event.kind == model.UNSET else json.dumps(event.value)
                    self.params[event.key] = (event.time_ns, text)
            elif event.kind == model.TAG:
                known_tag = self.tags.get(event.key)
                if known_tag is None or known_tag[0] <= event.time_ns:
                    self.tags[event.key] = (event.time_ns, event.value)
            elif event.kind == model.ARTIFACT and isinstance(event.value, dict):
                self.artifacts[writer, event.sequence] = _artifact(event)
            elif event.kind == model.METRIC and is_number(event.value):
                value = float(event.value)
                bad = math.isnan(value)
                self.points += 1
                self._merge(
                    event.key,
                    MetricSummary(
                        1, int(not bad), 0.0 if bad else value, value, event.step, value, event.step,
                        value, event.step, event.time_ns, value, event.step, event.time_ns,
                    ),
                )  # fmt: skip
            else:
                self.detail.apply(event)


def is_number(value: Any) -> bool:
    """Whether a metric event's value is a point of a series: a number, not a text or list."""
    return isinstance(value, (int, float)) and (not isinstance(value, int) or abs(value) < 1 << 1023)


def _artifact(event: Event) -> dict[str, Any]:
    rest = {k: v for k, v in event.value.items() if k not in ("digest", "size", "media_type", "kind")}
    return {
        "name": event.key,
        "step": event.step,
        "digest": event.value.get("digest"),
        "size": event.value.get("size"),
        "media_type": event.value.get("media_type"),
        "kind": event.value.get("kind", "file"),
        "metadata": json.dumps({**rest, **event.extra}) if rest or event.extra else None,
        "time_ns": event.time_ns,
    }
