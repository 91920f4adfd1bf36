"""What `Experiment.plot` draws: lines and bands as plain arrays. How they are drawn is the matter of a library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.query.expression import Attribute, OrderKey
from runlore.query.globs import literal_glob
from runlore.reader.facts import facts_of
from runlore.reader.goals import defined
from runlore.reader.series import group_statistics
from runlore.reader.summaries import check_field, groups_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from runlore.index.records import RunRecord
    from runlore.reader.experiment_view import Experiment
    from runlore.reader.session import Session

BACKENDS = ("matplotlib", "plotly")
TIME = "time"
STEP = "step"
_MOST_LINES = 200


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        label: what it is.
        x, y: its points, by x.
        low, high: the band around it, of a group of several runs; None: there is none.
        raw: what was smoothed, drawn faintly behind it; None: nothing was.
    """

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    raw: NDArray[np.float64] | None = None


def plot(
    experiment: Experiment, session: Session, key: str, runs: Any, group_by: str | Sequence[str] | None, smooth: float,
    x: str | None, backend: str, axes: Any,
) -> Any:  # fmt: skip
    """See `Experiment.plot`."""
    if backend not in BACKENDS:
        raise InvalidArgument(f"backend={backend!r} must be one of {', '.join(BACKENDS)}")
    if axes is not None and backend != "matplotlib":
        raise InvalidArgument("axes= are of Matplotlib; leave them out with backend='plotly'")
    if isinstance(smooth, bool) or not isinstance(smooth, (int, float)) or not 0 <= smooth < 1:
        raise InvalidArgument(f"smooth={smooth!r} must be from 0 (not at all) to below 1, for example 0.6")
    fields = [group_by] if isinstance(group_by, str) else list(group_by or ())
    order = OrderKey(Attribute("number"))
    known = session.page(None, order, experiment=literal_glob(experiment.path), facts=True, last=True).runs
    for field in fields:
        check_field(field, known)
    across = x or defined(known, key, "x") or STEP
    points = _placed(experiment, experiment.metric(key, runs), across, runs)
    series = {
        int(part["run"].iloc[0]): (part["x"].to_numpy(), part["value"].to_numpy()) for _, part in points.groupby("run")
    }
    drawn = [run for run in known if run.number in series]
    lines = _of_groups(drawn, series, fields, smooth) if fields else _of_runs(drawn, series, smooth)
    if len(lines) > _MOST_LINES:
        raise InvalidArgument(
            f"{len(lines)} lines are more than can be told apart, {_MOST_LINES}: choose runs=, or group_by="
        )
    label = "seconds since the first point" if across == TIME else across
    if backend == "plotly":
        from runlore.reader._draw_plotly import draw as draw_plotly

        return draw_plotly(lines, experiment.path, label, key)
    from runlore.reader._draw_matplotlib import draw

    return draw(lines, experiment.path, label, key, axes)


def _placed(experiment: Experiment, points: pd.DataFrame, across: str, runs: Any) -> pd.DataFrame:
    """The points with their place on the x axis, `x`, in its order; those without one are left out."""
    if across == STEP:
        placed = points.assign(x=points["step"].astype("float64"))
        if placed["x"].isna().all():  # logged without steps: counted
            placed["x"] = placed.groupby("run").cumcount().astype("float64")
    elif across == TIME:
        since = points["time"] - points.groupby("run")["time"].transform("min")
        placed = points.assign(x=since.dt.total_seconds())
    else:
        other = experiment.metric(across, runs).drop_duplicates(["run", "step"], keep="last")
        placed = points.merge(other[["run", "step", "value"]].rename(columns={"value": "x"}), on=["run", "step"])
    return placed.dropna(subset=["x"]).sort_values(["run", "x"], kind="stable").astype({"value": "float64"})


def _of_runs(
    runs: Sequence[RunRecord], series: dict[int, tuple[Any, Any]], smooth: float
) -> list[Line]:  # fmt: skip
    varied = _varied(runs)
    lines = []
    for run in runs:
        x, y = series[run.number or 0]
        about = ", ".join(f"{key}={facts_of(run).params[key]}" for key in varied if key in facts_of(run).params)
        label = f"#{run.number}" + (f" {run.name}" if run.name else f" {about}" if about else "")
        lines.append(Line(label[:80], x, smoothed(y, smooth), raw=y if smooth else None))
    return lines


def _of_groups(
    runs: Sequence[RunRecord], series: dict[int, tuple[Any, Any]], fields: Sequence[str], smooth: float
) -> list[Line]:  # fmt: skip
    lines = []
    for cells, members in groups_of(runs, fields):
        pairs = {str(run.number): (series[run.number or 0][0], smoothed(series[run.number or 0][1], smooth))
                 for run in members}  # fmt: skip
        found = group_statistics(pairs)
        about = ", ".join(
            f"{field.partition('.')[2] or field}={cell}" for field, cell in zip(fields, cells, strict=True)
        )
        band = (found["ci_low"].to_numpy(), found["ci_high"].to_numpy()) if len(members) > 1 else (None, None)
        label = f"{about} ({len(members)} {'run' if len(members) == 1 else 'runs'})"
        lines.append(Line(label[:120], found.index.to_numpy(), found["mean"].to_numpy(), *band))
    return lines


def _varied(runs: Sequence[RunRecord]) -> list[str]:
    """The params, three at most, by which the runs can be told apart."""
    params = [facts_of(run).params for run in runs]
    keys = dict.fromkeys(key for known in params for key in known)
    return [key for key in keys if len({repr(known.get(key)) for known in params}) > 1][:3]


def smoothed(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """The exponential moving average, without the bias towards 0 at its beginning. Values that are not finite stay.

    Args:
        values: in order.
        weight: of what was before, from 0 to below 1.

    Example:
        >>> import numpy as np
        >>> smoothed(np.array([1.0, 1.0, 4.0]), 0.5).round(3).tolist()
        [1.0, 1.0, 2.714]
    """
    import numpy as np

    if not weight:
        return values
    total, scale = 0.0, 0.0
    found = np.array(values, dtype=np.float64)
    for place, value in enumerate(found.tolist()):
        if math.isfinite(value):
            total = weight * total + (1 - weight) * value
            scale = weight * scale + (1 - weight)
            found[place] = total / scale
    return found
