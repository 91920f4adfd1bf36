"""Lines drawn by Matplotlib. `pyplot` is not imported: a figure is nobody's current figure, and no window opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.reader.plots import Line


def draw(lines: Sequence[Line], title: str, x_label: str, y_label: str, axes: Any) -> Any:
    """A figure with these lines, or the figure of the axes on which they were drawn.

    Raises:
        MissingDependency: Matplotlib is not installed.
    """
    if axes is None:
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingDependency("matplotlib", "media", "plot(backend='matplotlib')") from error
        axes = Figure(figsize=(8, 4.5), layout="constrained").subplots()
    for line in lines:
        (drawn,) = axes.plot(line.x, line.y, label=line.label, marker="o" if len(line.x) == 1 else "")
        if line.low is not None:
            axes.fill_between(line.x, line.low, line.high, color=drawn.get_color(), alpha=0.2, linewidth=0)
        if line.raw is not None:
            axes.plot(line.x, line.raw, color=drawn.get_color(), alpha=0.25, linewidth=0.8)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(visible=True, alpha=0.3)
    if 0 < len(lines) <= 20:
        axes.legend(fontsize="small")
    return axes.figure
