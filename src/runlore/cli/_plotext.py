"""Charts in the terminal, by plotext."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

from runlore.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray


_MARKERS = "ox+*#@%&"
_COLOURS = (12, 10, 9, 14, 13, 11, 208, 245)
"""Of the palette of 256 that terminals have: readable on dark and on light."""


def sign_of(index: int, *, coloured: bool) -> tuple[str, str]:
    """What tells a line from others, for a legend: text, and its style."""
    if coloured:
        return "━━", str(_COLOURS[index % len(_COLOURS)])
    return _MARKERS[index % len(_MARKERS)], ""


def draw(
    series: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], *, title: str, x_label: str,
    width: int, height: int, log_y: bool, times: bool, coloured: bool,
) -> str:  # fmt: skip
    """A line chart as text, without a legend.

    Args:
        series: x and y of each line.
        title: above the chart.
        x_label: below it.
        width: in characters.
        height: in lines.
        log_y: whether y is logarithmic.
        times: whether x is seconds since 1970.
        coloured: whether the text has colours; without them each line has a marker of its own.

    Raises:
        MissingDependency: plotext is not installed.
    """
    try:
        import plotext
    except ImportError:
        raise MissingDependency("plotext", "plot", "runlore plot") from None
    plotext.clear_figure()
    plotext.plotsize(width, height)
    plotext.title(title)
    plotext.xlabel(x_label)
    if not coloured:
        plotext.theme("clear")
    for part in (plotext.canvas_color, plotext.axes_color, plotext.ticks_color):
        part("default")  # what the terminal has, be it dark or light
    xs, x_scale = _tame([x for x, _ in series])
    ys, y_scale = _tame([y for _, y in series], log=log_y)
    if log_y and y_scale is None:
        plotext.yscale("log")
    one_marker = "braille" if coloured or len(series) == 1 else ""
    for index, (x, y) in enumerate(zip(xs, ys, strict=True)):
        marker = one_marker or _MARKERS[index % len(_MARKERS)]
        plotext.plot(x.tolist(), y.tolist(), marker=marker, color=_COLOURS[index % len(_COLOURS)])
    if times:
        plotext.xticks(*_time_ticks(xs, max(2, width // 24)))
    elif x_scale is not None:
        plotext.xticks(*_ticks(xs, max(2, width // 24), x_scale))
    if y_scale is not None:
        plotext.yticks(*_ticks(ys, max(2, height // 5), y_scale))
    chart = str(plotext.build())
    return chart if coloured else plotext.uncolorize(chart)


_LARGE, _SMALL = 1e150, 1e-150
"""Beyond these, plotext computes with numbers that float64 does not have."""


def _tame(
    values: Sequence[NDArray[np.float64]], *, log: bool = False
) -> tuple[Sequence[NDArray[np.float64]], Callable[[float], str] | None]:
    """Values that plotext can draw, and how a place among them is written; None: as it is."""
    import numpy as np

    largest = max(float(np.abs(part).max()) for part in values)
    if log and (largest > _LARGE or min(float(part.min()) for part in values) < _SMALL):
        return [np.log10(part) for part in values], _power_of_ten
    if log or not largest or _SMALL <= largest <= _LARGE:
        return values, None
    exponent = math.frexp(largest)[1]
    return [np.ldexp(part, -exponent) for part in values], lambda place: f"{math.ldexp(place, exponent):.4g}"


def _power_of_ten(place: float) -> str:
    whole = math.floor(place)
    return f"{10 ** (place - whole):.2g}e{whole:+}"


def _ticks(
    places: Sequence[NDArray[np.float64]], count: int, write: Callable[[float], str]
) -> tuple[list[float], list[str]]:
    """Places on an axis, and what is written there."""
    low, high = min(float(part.min()) for part in places), max(float(part.max()) for part in places)
    ticks = [low + (high - low) * index / (count - 1) for index in range(count)] if high > low else [low]
    return ticks, [write(tick) for tick in ticks]


def _time_ticks(places: Sequence[NDArray[np.float64]], count: int) -> tuple[list[float], list[str]]:
    """Places on the time axis, and what is written there: local time."""
    days = max(float(x.max()) for x in places) - min(float(x.min()) for x in places) > 86_400
    pattern = "%m-%d %H:%M" if days else "%H:%M:%S"
    return _ticks(places, count, lambda x: f"{datetime.fromtimestamp(x).astimezone():{pattern}}")
