"""Curves of many runs as a chart draws them: reduced to buckets, over any x, within a range.

    CurveReader(cache).read(runs, ["loss"], Drawing(buckets=1_000, x="relative"))

What x can be: `step`; `time`, in ms since 1970 UTC; `relative`, seconds since the run was started; `active`, the same
without the gaps before the run was resumed; `metric:KEY`, the value of another series of the run at the same step.

A series of which no point has a step is drawn over its points' places, 0, 1, 2 …, where steps are asked for. Points
without an x are left out, and counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.reader.facts import facts_of
from runlore.reader.reducing import downsample, zoom
from runlore.reader.series_cache import ENTRY_BYTES, version_of
from runlore.reader.stretches import Stretches
from runlore.store.detail import Detail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from runlore.index.records import RunRecord
    from runlore.reader.series_cache import Read, Series, SeriesCache

X = ("step", "time", "relative", "active")
METRIC = "metric:"
MAX_BUCKETS = 20_000
POINTS_AT_ONCE = 4_000_000
"""Points of runs that are read before curves are made of them."""
_MS = 1e6


@dataclass(frozen=True)
class Drawing:
    """How curves are drawn.

    Attributes:
        buckets: of the range that is shown, from 1 to `MAX_BUCKETS`.
        x: see the module.
        low, high: the range of x that is shown; None: to the end. One point beyond each end is drawn too.
    """

    buckets: int = 1_000
    x: str = "step"
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.buckets <= MAX_BUCKETS:
            raise InvalidArgument(f"buckets={self.buckets!r} must be from 1 to {MAX_BUCKETS:,}")
        if self.x not in X and not (self.x.startswith(METRIC) and len(self.x) > len(METRIC)):
            raise InvalidArgument(f"x={self.x[:100]!r} must be one of {', '.join(X)}, or metric: and a key")
        for name in ("low", "high"):
            value = getattr(self, name)
            if value is not None and math.isnan(value):
                raise InvalidArgument(f"{name}={value!r} must be a number")

    @property
    def metric(self) -> str | None:
        """The key of the series that x is of."""
        return self.x.removeprefix(METRIC) if self.x.startswith(METRIC) else None


@dataclass(frozen=True)
class Curve:
    """One series as a chart draws it.

    Attributes:
        run, key: whose.
        x, y: the points to draw, sorted by x; float64.
        points: how many the series has.
        without_x: how many of them have no x, and are not drawn.
        nan, positive, negative: how many of its values are NaN, infinite, negative infinite.
        last_step: the greatest step; None: no point has one.
        by_place: whether the points' places stand in for steps.
        breaks: the x from which it goes on after the run was resumed.
    """

    run: str
    key: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    points: int
    without_x: int
    nan: int
    positive: int
    negative: int
    last_step: float | None
    by_place: bool
    breaks: tuple[float, ...]

    @cached_property
    def reduced(self) -> bool:
        """Whether some points that have an x are not drawn."""
        return len(self.x) < self.points - self.without_x


@dataclass(frozen=True)
class Curves:
    """What was asked for.

    Attributes:
        curves: in the order of the runs, then of the keys.
        missing: (uid, key) of what there is no series of.
        problems: uid → why its points cannot be read.
    """

    curves: tuple[Curve, ...]
    missing: tuple[tuple[str, str], ...]
    problems: dict[str, str]


class CurveReader:
    """Reads curves. Threads may share it.

    Args:
        cache: keeps series, and the curves made of them.
    """

    def __init__(self, cache: SeriesCache) -> None:
        self._cache = cache

    def read(self, runs: Sequence[RunRecord], keys: Sequence[str], drawing: Drawing) -> Curves:
        """The curves of these series.

        Args:
            runs: with their facts.
            keys: of the series.
            drawing: how they are drawn.
        """
        known = {(run.uid, key): self._cache.made.get(_name(run, key, drawing)) for run in runs for key in keys}
        left = [run for run in runs if any(known[run.uid, key] is None for key in keys)]
        wanted = dict.fromkeys((*keys, drawing.metric) if drawing.metric is not None else keys)
        problems: dict[str, str] = {}
        for some in _portions(left):
            read = self._cache.read(some, list(wanted))
            problems |= read.problems
            for run in some:
                self._draw(run, keys, drawing, read, known)
        curves = [curve for curve in known.values() if curve is not None]
        missing = [name for name, curve in known.items() if curve is None and name[0] not in problems]
        return Curves(tuple(curves), tuple(missing), problems)

    def _draw(
        self, run: RunRecord, keys: Iterable[str], drawing: Drawing, read: Read, known: dict[tuple[str, str], Any]
    ) -> None:  # fmt: skip
        """Draw the curves of one run that are not known yet."""
        stretches = Stretches.of(Detail.load(facts_of(run).detail))
        over = read.series.get((run.uid, drawing.metric)) if drawing.metric is not None else None
        for key in keys:
            series = read.series.get((run.uid, key))
            if known[run.uid, key] is not None or series is None:
                continue
            curve = _curve(run, key, series, over, stretches, drawing)
            known[run.uid, key] = curve
            self._cache.made.put(_name(run, key, drawing), curve, curve.x.nbytes + curve.y.nbytes + ENTRY_BYTES)


def _portions(runs: Sequence[RunRecord]) -> Iterator[list[RunRecord]]:
    """The runs, so many at a time that their points fit into memory beside what is kept."""
    some: list[RunRecord] = []
    points = 0
    for run in runs:
        some.append(run)
        points += run.points
        if points >= POINTS_AT_ONCE:
            yield some
            some, points = [], 0
    if some:
        yield some


def _name(run: RunRecord, key: str, drawing: Drawing) -> tuple[Any, ...]:
    return run.uid, key, drawing, version_of(run)


def _curve(
    run: RunRecord, key: str, series: Series, over: Series | None, stretches: Stretches, drawing: Drawing
) -> Curve:  # fmt: skip
    import numpy as np

    steps = series.step[~np.isnan(series.step)]
    by_place = drawing.x == "step" and not len(steps)
    x = np.arange(len(series), dtype=np.float64) if by_place else _places(run, series, over, stretches, drawing)
    shown_all = drawing.low is None and drawing.high is None
    rows = (
        downsample(x, series.value, drawing.buckets)
        if shown_all
        else zoom(x, series.value, drawing.low, drawing.high, drawing.buckets)
    )
    nan, positive, negative = _not_finite(series.value)
    return Curve(
        run.uid, key, x[rows], series.value[rows], len(series), int(np.isnan(x).sum()), nan, positive, negative,
        float(steps.max()) if len(steps) else None, by_place, _breaks(series, x, stretches),
    )  # fmt: skip


def _places(
    run: RunRecord, series: Series, over: Series | None, stretches: Stretches, drawing: Drawing
) -> NDArray[np.float64]:  # fmt: skip
    """The x of each point; NaN: none."""
    import numpy as np

    if drawing.x == "step":
        return series.step
    if drawing.x == "time":
        return series.time_ns / _MS
    if drawing.x == "relative":
        return (series.time_ns - run.started_ns) / 1e9
    if drawing.x == "active":
        return stretches.active_s(series.time_ns)
    return np.full(len(series), np.nan) if over is None else _values_at(over, series.step)


def _values_at(series: Series, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last value of a series at each of these steps; NaN where it has none."""
    import numpy as np

    order = np.argsort(series.step, kind="stable")  # NaN last
    known = series.step[order]
    place = np.searchsorted(known, steps, side="right") - 1
    found = np.where((place >= 0) & (known[np.maximum(place, 0)] == steps), series.value[order][place], np.nan)
    return np.where(np.isfinite(found), found, np.nan)


def _not_finite(value: NDArray[np.float64]) -> tuple[int, int, int]:
    import numpy as np

    if np.isfinite(value).all():
        return 0, 0, 0
    return int(np.isnan(value).sum()), int((value == np.inf).sum()), int((value == -np.inf).sum())


def _breaks(series: Series, x: NDArray[np.float64], stretches: Stretches) -> tuple[float, ...]:
    """The x of the first point after each gap."""
    import numpy as np

    found = []
    for begin_ns in stretches.resumed_ns:
        after = np.flatnonzero(series.time_ns >= begin_ns)
        if 0 < len(after) < len(series):
            place = float(x[after[0]])
            if math.isfinite(place):
                found.append(place)
    return tuple(found)
