"""Lines drawn by Plotly."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

from runlore.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.reader.plots import Line

_COLOURS = (
    "31,119,180",
    "255,127,14",
    "44,160,44",
    "214,39,40",
    "148,103,189",
    "140,86,75",
    "227,119,194",
    "23,190,207",
)


def draw(lines: Sequence[Line], title: str, x_label: str, y_label: str) -> Any:
    """A figure with these lines; a band and what was smoothed come and go with their line.

    Raises:
        MissingDependency: Plotly is not installed.
    """
    try:
        from plotly import graph_objects
    except ImportError as error:
        raise MissingDependency("plotly", "media", "plot(backend='plotly')") from error
    figure = graph_objects.Figure()
    for place, (line, colour) in enumerate(zip(lines, cycle(_COLOURS), strict=False)):
        together = {"legendgroup": str(place), "x": line.x}
        behind = {**together, "hoverinfo": "skip", "showlegend": False, "mode": "lines"}
        if line.low is not None:
            figure.add_scatter(y=line.low, line={"width": 0}, **behind)
            figure.add_scatter(
                y=line.high, line={"width": 0}, fill="tonexty", fillcolor=f"rgba({colour},0.2)", **behind
            )
        if line.raw is not None:
            figure.add_scatter(y=line.raw, line={"width": 1, "color": f"rgba({colour},0.25)"}, **behind)
        mode = "markers" if len(line.x) == 1 else "lines"
        colours = {"line": {"color": f"rgb({colour})"}, "marker": {"color": f"rgb({colour})"}}
        figure.add_scatter(y=line.y, name=line.label, mode=mode, **colours, **together)
    figure.update_layout(title=title, xaxis_title=x_label, yaxis_title=y_label, showlegend=True)
    return figure
