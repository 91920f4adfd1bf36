"""Charts in the terminal, by plotext."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from runlore.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    if log_y:
        plotext.yscale("log")
    one_marker = "braille" if coloured or len(series) == 1 else ""
    for index, (x, y) in enumerate(series):
        marker = one_marker or _MARKERS[index % len(_MARKERS)]
        plotext.plot(x.tolist(), y.tolist(), marker=marker, color=_COLOURS[index % len(_COLOURS)])
    if times:
        plotext.xticks(*_time_ticks([x for x, _ in series], max(2, width // 24)))
    chart = str(plotext.build())
    return chart if coloured else plotext.uncolorize(chart)


def _time_ticks(places: Sequence[NDArray[np.float64]], count: int) -> tuple[list[float], list[str]]:
    """Places on the time axis, and what is written there: local time."""
    low, high = min(float(x.min()) for x in places), max(float(x.max()) for x in places)
    ticks = [low + (high - low) * index / (count - 1) for index in range(count)] if high > low else [low]
    days = high - low > 86_400
    return ticks, [f"{datetime.fromtimestamp(x).astimezone():{'%m-%d %H:%M' if days else '%H:%M:%S'}}" for x in ticks]
