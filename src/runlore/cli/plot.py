"""`plot`: series in the terminal."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from math import isnan
from typing import TYPE_CHECKING, Any

import click

from runlore.cli import _format as fmt
from runlore.cli import _streams
from runlore.cli._command import command
from runlore.cli._options import (
    argument,
    experiment_argument,
    flag,
    json_option,
    only_runs_option,
    option,
    store_option,
)
from runlore.cli._output import is_coloured, layout_width, note, print_json, say, shorten, shown
from runlore.cli._session import find_run, open_experiment, open_session, times_of, title_of
from runlore.errors import NotFound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runlore.reader import RunView
    from runlore.reader.session import Session

DEFAULT_WIDTH = 100
MIN_WIDTH = 20
DEFAULT_RUNS = 8


AXES = ("step", "time", "relative")
"""What the x axis is."""


@command("plot")
@experiment_argument
@argument("key", metavar="KEY", help="The metric, such as loss.", of="metrics")
@only_runs_option
@option(
    "--x",
    metavar="AXIS",
    type=click.Choice(AXES),
    default="step",
    help="step, time (local), or relative: seconds since the run's start.",
)
@option("--limit", "-n", metavar="N", type=click.IntRange(min=1), default=DEFAULT_RUNS, help="The newest so many runs.")
@flag("--log-y", help="Logarithmic y axis.")
@option("--height", metavar="LINES", type=click.IntRange(min=8), default=24, help="Lines of the chart.")
@store_option
@json_option
def plot(
    experiment: str, key: str, run: tuple[str, ...], x: str, limit: int, log_y: bool, height: int, store: str | None,
    json: bool,
) -> None:  # fmt: skip
    """Draw a metric of the runs of an experiment, or of one run.

    Needs the extra `plot`: pip install 'runlore[plot]'.

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
        print_json({"key": key, "x": x, "series": [_record(*item) for item in series]})
        return
    _draw(series, key, x, height, log_y=log_y)
    if len(chosen) < len(having):
        note(f"the newest {len(chosen)} of {fmt.plural(len(having), 'run')}; --limit and --run choose")


def _views(session: Session, experiment: str, run: tuple[str, ...]) -> list[RunView]:
    """The runs that are asked for, oldest first."""
    name, mark, number = experiment.rpartition("#")
    if mark and number.lstrip("-").isdigit() and name:
        return [find_run(session, experiment)]
    found = open_experiment(session, experiment)
    if run:
        return [found.run(int(one)) if one.lstrip("-").isdigit() and len(one) < 12 else found.run(one) for one in run]
    return list(found)


def _points(view: RunView, key: str, x: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X and y, sorted by x, with NaN for points without a step last; where none has a step, they are counted."""
    import numpy as np

    frame = view.metric(key)
    values = frame["value"].to_numpy()
    times = np.array(times_of(frame), dtype=np.int64)
    if x == "step":
        place = frame["step"].to_numpy().astype(np.float64)
        if np.isnan(place).all():
            place = np.arange(len(place), dtype=np.float64)
    else:
        place = (times - (view.started_ns if x == "relative" else 0)) / 1e9
    order = np.argsort(place, kind="stable")
    return place[order], values[order]


def _record(view: RunView, x: Any, y: Any) -> dict[str, Any]:
    return {
        "uid": view.uid,
        "experiment": view.experiment,
        "number": view.number,
        "x": [None if isnan(place) else place for place in x.tolist()],
        "y": y.tolist(),
    }


def _draw(series: list[tuple[RunView, Any, Any]], key: str, x: str, height: int, *, log_y: bool) -> None:
    import numpy as np

    from runlore.cli._plotext import draw, sign_of

    columns = max(MIN_WIDTH, layout_width() or DEFAULT_WIDTH)
    lines, names = [], []
    for view, place, values in series:
        drawn = np.isfinite(place) & np.isfinite(values) & ((values > 0) if log_y else True)
        if drawn.any():
            lines.append(thin(place[drawn], values[drawn], 4 * columns))
            names.append(title_of(view))
        if not drawn.all():
            why = f"without a step, NaN or infinite{', or not above 0' if log_y else ''}"
            note(f"{title_of(view)}: {fmt.plural(int((~drawn).sum()), 'point')} cannot be drawn ({why})")
    if not lines:
        raise NotFound(f"no point of {key!r} can be drawn; --json has them")
    if sys.stdout.isatty():
        height = min(height, max(8, os.get_terminal_size(sys.stdout.fileno()).lines - 2))
    label = {"step": "step", "time": "time", "relative": "seconds since start"}[x]
    chart = draw(
        lines, title=shown(key), x_label=label, width=columns, height=height, log_y=log_y,
        times=x == "time", coloured=is_coloured(),
    )  # fmt: skip
    _streams.write(_streams.encodable("".join(f"{line.rstrip()}\n" for line in chart.splitlines())))
    for index, name in enumerate(names):
        sign, style = sign_of(index, coloured=is_coloured())
        text = shown(name)
        say(f"{sign}  {shorten(text, columns - 4)}" if len(names) > 1 else shorten(text, columns), style)


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
