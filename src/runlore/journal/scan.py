"""Finding the records of frames that are whole: all at once, with no step from one to the next.

A record's head ends with its commit mark, whose highest byte is `0xA5`, at a multiple of 8 bytes. So every record is
among the places where such a byte stands. Other bytes may look like it: a letter of a text, a part of a number. Most of
those are no mark otherwise, and go. What is left of a frame has to be a chain: the first one starts where the frame's
records start, each ends where the next one starts, and the last one ends where the frame's records end. Then it is what
walking from record to record would find. A frame in which it is not so is left to the walk.

Places are counted in *words* of 8 bytes from the beginning of the window; that of a record is the word it starts with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runlore.journal import format as fmt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runlore.journal.window import Window

    Places = NDArray[np.intp]

HEAD_WORDS = fmt.RECORD_BYTES // 8
_MOST_UNITS = 0xFFFF


class Fields:
    """The fields of every record in a window: arrays, to be indexed by the record's place."""

    def __init__(self, window: Window) -> None:
        count = window.length // 8
        halves = np.frombuffer(window.data, "<u4", 2 * count)
        self.marks = np.frombuffer(window.data, np.uint8, 8 * count)[31::8]
        self.time = np.frombuffer(window.data, "<i8", count)
        self.floats = np.frombuffer(window.data, "<f8", count)
        self.step = self.floats[1:]
        self.count = halves[5::2]
        self.number = halves[6::2]
        self.tail = halves[7::2]


class Found(NamedTuple):
    """The records of several frames."""

    places: Places
    """Of all of them, rising."""
    firsts: Places
    """For each frame, the index in `places` of its first record."""
    lasts: Places
    """For each frame, the index behind that of its last record."""
    broken: NDArray[np.bool_]
    """For each frame, whether its records have to be found by a walk."""

    @property
    def is_all(self) -> bool:
        """Whether `places` has the records of all frames, and nothing else."""
        return not self.broken.any() and int((self.lasts - self.firsts).sum()) == len(self.places)


def find(fields: Fields, starts: Places, ends: Places) -> Found:
    """The records of frames that are whole.

    Args:
        fields: the window that holds the frames.
        starts: for each frame, rising, the place of its first record.
        ends: for each frame, the place behind its last record.
    """
    places, ends_at = _formed(fields, _marked(fields, int(starts[0]), int(ends[-1])))
    firsts, lasts = np.searchsorted(places, starts), np.searchsorted(places, ends)
    some = lasts > firsts
    follows = np.append(places[1:], 0)
    follows[lasts[some] - 1] = ends[some]
    gaps = np.flatnonzero(ends_at != follows)
    broken = np.searchsorted(gaps, lasts) > np.searchsorted(gaps, firsts)
    broken |= ~some
    broken[some] |= places[firsts[some]] != starts[some]
    return Found(places, firsts, lasts, broken)


def _marked(fields: Fields, start: int, end: int) -> Places:
    """Every place from `start` on and before `end` at which a record may be."""
    return np.flatnonzero(fields.marks[start : end - HEAD_WORDS + 1] == fmt.MARK) + start


def _formed(fields: Fields, places: Places) -> tuple[Places, Places]:
    """Those of the places at which a record's type, size and mark agree; and where each of these records ends."""
    tails = fields.tail[places]
    ends = places + HEAD_WORDS
    others = np.flatnonzero(tails != fmt.SCALAR_TAIL)
    if not len(others):
        return places, ends
    tails, starts = tails[others], places[others]
    sizes = fields.count[starts].astype(np.intp)
    kinds = tails >> 16 & 0xFF
    texts = np.flatnonzero(kinds != fmt.ROW)
    sizes[texts] = (sizes[texts] + 7) >> 3
    sizes += HEAD_WORDS
    ends[others] = starts + sizes
    wrong = (tails & _MOST_UNITS) != np.where(sizes > _MOST_UNITS, 0, sizes)
    wrong[texts] |= (kinds[texts] < fmt.ROW) | (kinds[texts] > fmt.EXTRA)
    if wrong.any():
        keep = np.ones(len(places), dtype=bool)
        keep[others[wrong]] = False
        places, ends = places[keep], ends[keep]
    return places, ends
