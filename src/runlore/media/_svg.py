"""Small charts as SVG, with which a notebook shows curves and histograms. No library is needed to look at one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import notebook

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 420, 260, 60, 10, 40
_MOST_LINES = 10
_BUCKETS = 300
_COLOURS = (
    "#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0",
)  # fmt: skip


def lines(series: Sequence[tuple[Any, Floats, Floats]], x_label: str, y_label: str) -> str:
    """A chart of at most ten lines.

    Args:
        series: name, x and y of each; NaN and infinite points are gaps.
        x_label: what x is.
        y_label: what y is.
    """
    import numpy as np

    drawn = list(series)[:_MOST_LINES]
    frame = _Frame([x for _, x, _ in drawn], [y for _, _, y in drawn], x_label, y_label)
    parts, legend = [], []
    for (name, x, y), colour in zip(drawn, _COLOURS, strict=False):
        known = np.isfinite(x) & np.isfinite(y)
        for part in np.split(np.arange(len(x)), np.flatnonzero(~known)):
            chosen = _extremes(part[known[part]], y)
            points = " ".join(f"{frame.across(x[at]):.1f},{frame.up(y[at]):.1f}" for at in chosen)
            parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>')
        if str(name):
            legend.append(f'<span style="color:{colour}">■</span> {notebook.text(name)}')
    more = notebook.left_out(len(series) - len(drawn))
    return f"{frame.svg(parts)}<div>{' '.join(legend)}</div>{more}"


def bars(edges: Floats, counts: Floats, x_label: str, y_label: str) -> str:
    """A chart of bars between edges."""
    import numpy as np

    frame = _Frame([edges], [np.append(counts, 0.0)], x_label, y_label)
    parts = []
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        x, y = frame.across(left), frame.up(count)
        width, height = frame.across(right) - x, frame.up(0.0) - y
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{_COLOURS[0]}"/>')
    return frame.svg(parts)


def _extremes(chosen: Any, y: Floats) -> list[int]:
    """Of many points those that a chart of this width shows: the least and the greatest of each bucket."""
    import numpy as np

    if len(chosen) <= 2 * _BUCKETS:
        return [int(at) for at in chosen]
    found = {int(chosen[0]), int(chosen[-1])}
    for part in np.array_split(chosen, _BUCKETS):
        found |= {int(part[y[part].argmin()]), int(part[y[part].argmax()])}
    return sorted(found)


class _Frame:
    """The axes of a chart, and where a value lies between them."""

    def __init__(self, x: Sequence[Floats], y: Sequence[Floats], x_label: str, y_label: str) -> None:
        self._x, self._y = _bounds(x), _bounds(y)
        self._labels = (x_label, y_label)

    def across(self, value: float) -> float:
        return _LEFT + _share(float(value), self._x) * (_WIDTH - _LEFT - 10)

    def up(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - _share(float(value), self._y) * (_HEIGHT - _BOTTOM - _TOP)

    def svg(self, parts: Sequence[str]) -> str:
        base, right = _HEIGHT - _BOTTOM, _WIDTH - 10
        (x0, x1), (y0, y1) = self._x, self._y
        size = f'width="{_WIDTH}" height="{_HEIGHT}" font-size="11" font-family="sans-serif" fill="currentColor"'
        return "".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f'<path d="M{_LEFT},{_TOP}V{base}H{right}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>',
            *parts,
            _label(_LEFT, base + 15, "start", x0), _label(right, base + 15, "end", x1),
            _label(_LEFT - 5, base, "end", y0), _label(_LEFT - 5, _TOP + 10, "end", y1),
            _label((_LEFT + right) / 2, base + 32, "middle", self._labels[0]),
            _label(-(_TOP + base) / 2, 14, "middle", self._labels[1], ' transform="rotate(-90)"'),
            "</svg>",
        ])  # fmt: skip


def _label(x: float, y: float, anchor: str, value: Any, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{more}>{notebook.text(value)}</text>'


def _share(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5  # halves: no sum overflows


def _bounds(arrays: Sequence[Floats]) -> tuple[float, float]:
    """The least and the greatest finite value."""
    import numpy as np

    found = [array[np.isfinite(array)] for array in arrays]
    known = [array for array in found if len(array)]
    if not known:
        return 0.0, 0.0
    return float(min(array.min() for array in known)), float(max(array.max() for array in known))
