"""`plot`: series in the terminal."""

from __future__ import annotations

import os
import sys
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runlore.cli import _format as fmt
from runlore.cli._options import ExperimentArgument, JsonOption, StoreOption
from runlore.cli._output import UNLIMITED, is_coloured, note, print_json, say, shorten, width
from runlore.cli._session import find_run, open_session, title_of
from runlore.errors import NotFound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runlore.reader import RunView
    from runlore.reader.session import Session

DEFAULT_WIDTH = 100
DEFAULT_RUNS = 8


class Axis(str, Enum):
    """What the x axis is."""

    step = "step"
    time = "time"
    relative = "relative"


def plot(
    experiment: ExperimentArgument,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The metric, such as loss.", show_default=False)],
    run: Annotated[
        list[str] | None, typer.Option("--run", "-r", metavar="RUN", help="Only these: numbers or uids.")
    ] = None,
    x: Annotated[Axis, typer.Option("--x", help="Step, local time, or seconds since the run's start.")] = Axis.step,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many runs.")] = DEFAULT_RUNS,
    log_y: Annotated[bool, typer.Option("--log-y", help="Logarithmic y axis.")] = False,
    height: Annotated[int, typer.Option("--height", min=8, metavar="LINES", help="Lines of the chart.")] = 24,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Draw a metric of the runs of an experiment, or of one run.

    Needs the extra `plot`: pip install 'runlore\\[plot]'.

    \b
    Examples:
      runlore plot iris loss
      runlore plot iris#3 loss --x relative
      runlore plot iris val/loss --run 3 --run 5 --log-y
    """
    session = open_session(store)
    views = _views(session, experiment, run)
    having = [view for view in views if key in view.metrics]
    if not having:
        known = sorted({name for view in views for name in view.metrics})
        raise NotFound(f"no run of {experiment!r} has a metric {key!r}; there are: {', '.join(known) or 'none'}")
    chosen = having if run else having[-limit:]
    series = [(view, *_points(view, key, x)) for view in chosen]
    if json:
        print_json({"key": key, "x": x.value, "series": [_record(*item) for item in series]})
        return
    _draw(series, key, x, height, log_y=log_y)
    if len(chosen) < len(having):
        note(f"the newest {len(chosen)} of {fmt.plural(len(having), 'run')}; --limit and --run choose")


def _views(session: Session, experiment: str, run: list[str] | None) -> list[RunView]:
    """The runs that are asked for, oldest first."""
    from runlore.reader import experiment as open_experiment

    name, mark, number = experiment.rpartition("#")
    if mark and number.lstrip("-").isdigit() and name:
        return [find_run(session, experiment)]
    found = open_experiment(experiment, store=session.store)
    if run:
        return [found.run(int(one)) if one.lstrip("-").isdigit() and len(one) < 12 else found.run(one) for one in run]
    return list(found)


def _points(view: RunView, key: str, x: Axis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X and y, sorted by x; points without a step are left out where x is the step, unless none has one."""
    import numpy as np

    frame = view.metric(key)
    values = frame["value"].to_numpy()
    times = frame["time"].astype("int64").to_numpy()
    if x is Axis.step:
        place = frame["step"].to_numpy().astype(np.float64)
        if np.isnan(place).all():
            place = np.arange(len(place), dtype=np.float64)
    else:
        place = (times - (view.started_ns if x is Axis.relative else 0)) / 1e9
    order = np.argsort(place, kind="stable")
    order = order[~np.isnan(place[order])]
    return place[order], values[order]


def _record(view: RunView, x: Any, y: Any) -> dict[str, Any]:
    return {
        "uid": view.uid,
        "experiment": view.experiment,
        "number": view.number,
        "x": x.tolist(),
        "y": y.tolist(),
    }


def _draw(series: list[tuple[RunView, Any, Any]], key: str, x: Axis, height: int, *, log_y: bool) -> None:
    import numpy as np

    from runlore.cli._plotext import draw, sign_of

    columns = width()
    columns = DEFAULT_WIDTH if columns == UNLIMITED else columns
    lines, names = [], []
    for view, place, values in series:
        shown = np.isfinite(values) & ((values > 0) if log_y else True)
        if shown.any():
            lines.append(thin(place[shown], values[shown], 4 * columns))
            names.append(title_of(view))
        if not shown.all():
            note(f"{title_of(view)}: {fmt.plural(int((~shown).sum()), 'point')} cannot be drawn (NaN, infinite, ≤ 0)")
    if not lines:
        raise NotFound(f"no point of {key!r} can be drawn: all are NaN or infinite; --json has them")
    if sys.stdout.isatty():
        height = min(height, max(8, os.get_terminal_size(sys.stdout.fileno()).lines - 2))
    label = {"step": "step", "time": "time", "relative": "seconds since start"}[x.value]
    chart = draw(
        lines, title=fmt.printable(key), x_label=label, width=columns, height=height, log_y=log_y,
        times=x is Axis.time, coloured=is_coloured(),
    )  # fmt: skip
    say("\n".join(line.rstrip() for line in chart.splitlines()))
    for index, name in enumerate(names):
        sign, style = sign_of(index, coloured=is_coloured())
        say(f"{sign}  {shorten(name, columns - 4)}" if len(names) > 1 else shorten(name, columns), style)


def thin(x: NDArray[np.float64], y: NDArray[np.float64], most: int) -> tuple[Any, Any]:
    """At most about `most` points, among them the smallest and the largest of every stretch.

    Example:
        >>> import numpy as np
        >>> x, y = thin(np.arange(1000.0), np.sin(np.arange(1000.0)), 100)
        >>> len(x) <= 100, bool(y.max() == np.sin(np.arange(1000.0)).max())
        (True, True)
    """
    import numpy as np

    if len(x) <= most:
        return x, y
    edges = np.linspace(0, len(x), most // 2 + 1).astype(int)
    chosen = [
        start + offset
        for start, end in pairwise(edges.tolist())
        for offset in (int(np.argmin(y[start:end])), int(np.argmax(y[start:end])))
    ]
    index = np.unique(chosen)
    return x[index], y[index]
