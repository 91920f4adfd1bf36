"""Histograms: counts between edges, with what cannot be binned counted apart.

Edges and counts are named in the stored form and can therefore not be swapped by a reader.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.errors import InvalidArgument
from runlore.media._arrays import floats_from_json, json_number, json_numbers, masked_as_nan, to_array, to_floats
from runlore.media._content import Content, dump_json, load_json
from runlore.media.encoded import HISTOGRAM, Encoded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

MAX_BINS = 512


class Histogram(NamedTuple):
    """A histogram as it is read back.

    Attributes:
        edges: float64, one more than `counts`, ascending; every bin is `[left, right)`, the last one `[left, right]`.
        counts: float64; whole numbers unless weighted counts were given.
        nan_count: how many values were NaN.
        positive_infinity_count: how many values were +inf.
        negative_infinity_count: how many values were -inf.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.float64]
    nan_count: int = 0
    positive_infinity_count: int = 0
    negative_infinity_count: int = 0

    def __repr__(self) -> str:
        apart = self.nan_count + self.positive_infinity_count + self.negative_infinity_count
        beside = f", {apart:,} values apart" if apart else ""
        low, high = self.edges[0], self.edges[-1]
        return f"<Histogram {len(self.counts)} bins of {low:g} to {high:g}, {self.counts.sum():g} values{beside}>"

    def _repr_html_(self) -> str:
        """A chart, for notebooks."""
        from runlore import notebook
        from runlore.media import _svg

        apart = {
            "NaN": self.nan_count, "+inf": self.positive_infinity_count, "-inf": self.negative_infinity_count,
        }  # fmt: skip
        found = [(name, count) for name, count in apart.items() if count]
        return _svg.bars(self.edges, self.counts, "value", "count") + (notebook.table(found) if found else "")

    def to_frame(self) -> pd.DataFrame:
        """One row a bin: `left`, `right`, `count`."""
        import pandas as pd

        frame: pd.DataFrame = pd.DataFrame({"left": self.edges[:-1], "right": self.edges[1:], "count": self.counts})
        return frame


def encode_histogram(values: Any = None, bins: int = 64, *, counts: Any = None, edges: Any = None) -> Encoded:
    """A histogram of values, or one that was already counted.

    Bins are equally wide between the least and the greatest finite value, as `numpy.histogram` makes them. Where
    float64 cannot tell that many edges apart, there are fewer bins. Values of any shape are flattened.

    Args:
        values: real numbers; NaN and infinities are counted apart, masked values as NaN.
        bins: 1 to 512.
        counts: instead of values: how many lie in each bin, not negative.
        edges: with counts: one edge more than counts, finite, ascending.

    Raises:
        InvalidArgument: too many bins, counts and edges that do not fit each other, both values and counts.
        WrongType: values that are not real numbers.

    Example:
        >>> decode_histogram(encode_histogram([0.0, 1.0, 1.0, float("nan")], bins=2).data)
        <Histogram 2 bins of 0 to 1, 3 values, 1 values apart>
    """
    given = counts is not None or edges is not None
    if given == (values is not None):
        raise InvalidArgument("a histogram needs either values, or counts= and edges= together")
    histogram = _check_counted(counts, edges) if given else _count(values, bins)
    return _encode(histogram)


def _check_counted(counts: Any, edges: Any) -> Histogram:
    import numpy as np

    if counts is None or edges is None:
        raise InvalidArgument("counts= and edges= must be given together")
    heights, borders = to_floats(counts, "counts"), to_floats(edges, "edges")
    if len(borders) != len(heights) + 1:
        hint = "; they look swapped" if len(heights) == len(borders) + 1 else ""
        raise InvalidArgument(
            f"edges has {len(borders)} elements and counts {len(heights)}; there must be one edge "
            f"more than counts{hint}"
        )
    if not 1 <= len(heights) <= MAX_BINS:
        raise InvalidArgument(f"counts has {len(heights):,} bins; 1 to {MAX_BINS} can be stored")
    if not np.isfinite(borders).all() or not (borders[1:] > borders[:-1]).all():
        raise InvalidArgument("edges must be finite and ascending")
    if not np.isfinite(heights).all() or (heights < 0).any():
        raise InvalidArgument("counts must be finite and not negative")
    return Histogram(borders, heights)


def _count(values: Any, bins: int) -> Histogram:
    import numpy as np

    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or not 1 <= bins <= MAX_BINS:
        raise InvalidArgument(f"bins={bins!r} must be a whole number from 1 to {MAX_BINS}")
    array = to_array(masked_as_nan(values), "values")
    flat = to_floats(array.reshape(-1), "values")
    finite = flat[np.isfinite(flat)]
    edges = _edges(finite, int(bins))
    return Histogram(
        edges,
        np.histogram(finite, edges)[0].astype(np.float64),
        int(np.isnan(flat).sum()),
        int(np.isposinf(flat).sum()),
        int(np.isneginf(flat).sum()),
    )


def _edges(finite: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.float64]:
    """Distinct ascending edges, of which the first and last are the least and the greatest value."""
    import numpy as np

    if not len(finite):
        return np.linspace(0.0, 1.0, bins + 1)
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        largest = float(np.finfo(np.float64).max)
        margin = max(0.5, math.ulp(abs(low)))
        low, high = max(low - margin, -largest), min(high + margin, largest)
    with np.errstate(over="ignore"):  # beyond the last edge, which is set below
        if math.isfinite(high - low):
            edges = np.linspace(low, high, bins + 1)
        else:
            edges = np.linspace(low / 2, high / 2, bins + 1) * 2
    edges[0], edges[-1] = low, high
    return np.unique(np.clip(edges, low, high))


def _encode(histogram: Histogram) -> Encoded:
    apart = {
        "nan": histogram.nan_count,
        "positive_infinity": histogram.positive_infinity_count,
        "negative_infinity": histogram.negative_infinity_count,
    }
    document = {"edges": json_numbers(histogram.edges), "counts": json_numbers(histogram.counts), **apart}
    total = json_number(float(histogram.counts.sum()))
    metadata = {
        "bins": len(histogram.counts),
        "count": total,
        "min": float(histogram.edges[0]),
        "max": float(histogram.edges[-1]),
        **apart,
    }
    return Encoded(
        data=dump_json(document), media_type="application/json", suffix=".json", kind=HISTOGRAM, metadata=metadata
    )


def decode_histogram(content: Content) -> Histogram:
    """A stored histogram.

    Raises:
        InvalidArgument: the content is not a histogram.
    """
    document = load_json(content, "the histogram")
    checked = _check_counted(
        floats_from_json(document.get("counts"), "counts of the histogram"),
        floats_from_json(document.get("edges"), "edges of the histogram"),
    )
    apart = [document.get(name, 0) for name in ("nan", "positive_infinity", "negative_infinity")]
    if not all(isinstance(number, int) for number in apart):
        raise InvalidArgument(f"the histogram counts NaN and infinities as {apart!r}; whole numbers were expected")
    return Histogram(checked.edges, checked.counts, *apart)
