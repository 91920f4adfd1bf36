"""What the catalog says of a run, computed from its points and events, in any order and in any pieces.

All of it can be merged: applying the pieces of a run's journals one after another gives what applying all of them at
once gives. The last value of a metric is the one of the greatest step, then of the latest time; points without a step
count as before all steps. The latest value of a param or tag wins.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.store.annotate import REMOVED
from runlore.store.detail import Detail
from runlore.store.series import SeriesColumns, SeriesRecord, summarise_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runlore.journal.decode import Event, Points


UNSET: Any = object()
"""What a param is that was set and then unset."""

_SAID_LATER = frozenset({model.ATTRIBUTE, model.TAG, model.NOTE, REMOVED})
"""What people add to runs that are over: no sign of life, so a crashed run does not end later because of it."""
_NEVER = 1 << 63
"""Later than every time in ns, and before all of them with its sign changed."""


class RunSummary:
    """Everything that the catalog says of a run, as plain values.

    Attributes:
        detail: the run itself.
        params: key → (time, value or `UNSET`).
        tags: key → (time, text or None where it was removed).
        artifacts: (writer, sequence) → artifact, as in the table of that name.
        points: number of metric points.
    """

    def __init__(self) -> None:
        self.detail = Detail()
        self.params: dict[str, tuple[int, Any]] = {}
        self.tags: dict[str, tuple[int, str | None]] = {}
        self.artifacts: dict[tuple[str, int], dict[str, Any]] = {}
        self.points = 0
        self._series = SeriesColumns.empty()
        self._single: dict[str, SeriesRecord] = {}
        """Points that came as events, not yet among the series."""

    @property
    def series(self) -> SeriesColumns:
        """Its series in numbers."""
        if self._single:
            self._series = self._series.merge(SeriesColumns.of(self._single))
            self._single = {}
        return self._series

    @series.setter
    def series(self, series: SeriesColumns) -> None:
        self._series, self._single = series, {}

    def dump(self) -> dict[str, Any]:
        """All of it as plain JSON values, for the footer of a sealed run. The value of a param is JSON by itself."""
        return {
            "detail": self.detail.dump(),
            "params": {
                key: (time, None if value is UNSET else json.dumps(value)) for key, (time, value) in self.params.items()
            },
            "tags": self.tags,
            "metrics": dict(zip(self.series.keys, self.series.rows(), strict=True)),
            "artifacts": [[writer, sequence, values] for (writer, sequence), values in self.artifacts.items()],
            "points": self.points,
        }

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> RunSummary:
        """What `dump` gave."""
        summary = cls()
        summary.detail = Detail.load(values["detail"])
        set_params = {key: found for key, found in values["params"].items() if found[1] is not None}
        known = json.loads(f"[{','.join(text for _, text in set_params.values())}]")
        summary.params = {key: (found[0], UNSET) for key, found in values["params"].items()}
        summary.params.update(
            (key, (found[0], value)) for (key, found), value in zip(set_params.items(), known, strict=True)
        )
        summary.tags = {key: (time, text) for key, (time, text) in values["tags"].items()}
        summary.series = SeriesColumns.of(values["metrics"])
        summary.artifacts = {(writer, sequence): row for writer, sequence, row in values["artifacts"]}
        summary.points = values["points"]
        return summary

    def add_points(self, writer: str, points: Points, keys: Mapping[int, str]) -> None:
        """Take points of one writer into account. `keys` gives the names of `points.key`."""
        if not len(points.key):
            return
        self.points += len(points.key)
        self.detail.saw(writer, int(points.time_ns.min()), int(points.time_ns.max()))
        self.series = self.series.merge(summarise_points(points, keys))

    def add_events(self, writer: str, events: Iterable[Event]) -> None:
        """Take the events of one writer into account. Metric events (with columns of their own) count as points."""
        first_ns, last_ns = _NEVER, -_NEVER
        for event in events:
            if event.kind not in _SAID_LATER:
                first_ns, last_ns = min(first_ns, event.time_ns), max(last_ns, event.time_ns)
            if event.kind == model.PARAM or (event.kind == model.UNSET and event.value == model.PARAM):
                known = self.params.get(event.key)
                if known is None or known[0] <= event.time_ns:
                    self.params[event.key] = (event.time_ns, UNSET if event.kind == model.UNSET else event.value)
            elif event.kind == model.TAG:
                known_tag = self.tags.get(event.key)
                if known_tag is None or known_tag[0] <= event.time_ns:
                    self.tags[event.key] = (event.time_ns, event.value)
            elif event.kind == model.ARTIFACT and isinstance(event.value, dict):
                self.artifacts[writer, event.sequence] = _artifact(event)
            elif event.kind == model.METRIC and is_number(event.value):
                self.points += 1
                earlier = self._single.get(event.key)
                self._single[event.key] = _point(event) if earlier is None else earlier.merge(_point(event))
            else:
                self.detail.apply(event)
        if first_ns <= last_ns:
            self.detail.saw(writer, first_ns, last_ns)


def is_number(value: Any) -> bool:
    """Whether a metric event's value is a point of a series: a number, not a text or list."""
    return isinstance(value, (int, float)) and (not isinstance(value, int) or abs(value) < 1 << 1023)


def _point(event: Event) -> SeriesRecord:
    value = float(event.value)
    bad = math.isnan(value)
    return SeriesRecord(
        1, int(not bad), 0.0 if bad else value + 0.0, value, event.step, value, event.step,
        value, event.step, event.time_ns, value, event.step, event.time_ns,
    )  # fmt: skip


def _artifact(event: Event) -> dict[str, Any]:
    rest = {k: v for k, v in event.value.items() if k not in ("digest", "size", "media_type", "kind")}
    size = event.value.get("size")
    return {
        "name": event.key,
        "step": event.step,
        "digest": _text(event.value.get("digest")),
        "size": size if isinstance(size, int) and 0 <= size < 1 << 63 else None,
        "media_type": _text(event.value.get("media_type")),
        "kind": _text(event.value.get("kind")) or "file",
        "metadata": json.dumps({**rest, **event.extra}) if rest or event.extra else None,
        "time_ns": event.time_ns,
    }


def _text(value: Any) -> str | None:
    """The value if it is text; what is read may have been written by anybody."""
    return value if isinstance(value, str) else None
