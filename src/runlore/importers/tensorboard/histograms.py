"""TensorBoard's two kinds of histograms, as Runlore keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runlore.errors import DamagedFile
from runlore.importers._protobuf import piece, real, reals
from runlore.media.histogram import MAX_BINS, encode_histogram

if TYPE_CHECKING:
    import numpy.typing as npt

    from runlore.importers._protobuf import Fields

    _Floats = npt.NDArray[np.float64]


def from_counts(histogram: Fields) -> tuple[bytes, str, str]:
    """The older kind: right edges and counts, with the least and the greatest value. (content, kind, media type).

    Raises:
        DamagedFile: it is no histogram.
    """
    limits, counts = (np.array(reals(histogram, number)) for number in (6, 7))
    low, high = real(histogram, 1) or 0.0, real(histogram, 2) or 0.0
    if not len(counts) or len(limits) != len(counts):
        raise DamagedFile(f"a histogram has {len(counts):,} counts and {len(limits):,} edges")
    lefts = np.concatenate([[min(low, limits[0])], limits[:-1]])
    return _encode(np.clip(lefts, low, high), np.clip(limits, low, high), counts)


def from_tensor(tensor: Fields) -> tuple[bytes, str, str]:
    """The newer kind: rows of (left, right, count). (content, kind, media type).

    Raises:
        DamagedFile: it is no histogram.
    """
    raw = piece(tensor, 4)
    numbers = np.frombuffer(raw, "<f8") if len(raw) else np.array(reals(tensor, 6))
    if not len(numbers) or len(numbers) % 3:
        raise DamagedFile(f"a histogram of {len(numbers):,} numbers, which are no rows of three")
    rows = numbers.reshape(-1, 3)
    return _encode(rows[:, 0], rows[:, 1], rows[:, 2])


def _encode(lefts: _Floats, rights: _Floats, counts: _Floats) -> tuple[bytes, str, str]:
    """Without the empty bins at both ends, and with neighbours put together where there are too many."""
    if not (np.isfinite(lefts).all() and np.isfinite(rights).all() and np.isfinite(counts).all()):
        raise DamagedFile("a histogram with edges or counts that are not finite")
    filled = np.flatnonzero(counts)
    if len(filled):
        kept = slice(filled[0], filled[-1] + 1)
        lefts, rights, counts = lefts[kept], rights[kept], counts[kept]
    wide = rights > lefts
    if not wide.any():  # all values are one
        low = float(lefts[0])
        edges, heights = np.array([low, np.nextafter(low, np.inf)]), np.array([counts.sum()])
    else:
        edges = np.unique(np.concatenate([lefts, rights]))
        places = np.clip(np.searchsorted(edges, lefts, "right") - 1, 0, len(edges) - 2)
        heights = np.bincount(places, counts, len(edges) - 1)
    group = -(-len(heights) // MAX_BINS)
    heights = np.add.reduceat(heights, np.arange(0, len(heights), group))
    edges = np.append(edges[:-1:group], edges[-1])
    encoded = encode_histogram(counts=heights, edges=edges)
    if encoded.data is None:
        raise DamagedFile("a histogram that has no form in memory")
    return encoded.data, encoded.kind, encoded.media_type
