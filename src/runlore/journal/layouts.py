"""Which keys the values of rows have."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from runlore.journal import format as fmt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runlore.journal.scan import Places

    Keys = NDArray[np.uint32]

_NO_KEYS = np.empty(0, dtype=np.uint32)


class RowKeys(NamedTuple):
    """The keys of rows."""

    keys: Keys
    """Those of all their layouts, one behind the other."""
    starts: Places
    """For each row, where its keys start in `keys`."""
    known: NDArray[np.bool_]
    """For each row, whether its layout was defined, and has as many keys as the row has values."""


class Layouts:
    """The layouts that hold at any record, for many rows at once.

    Records are decoded in batches, and counted in each by their *index*. A row has the layout that was defined for its
    number last before it, whatever is defined behind it.

    Args:
        known: keys by the number of the layout; kept up to date.
    """

    def __init__(self, known: dict[int, list[int]]) -> None:
        self.known = known
        self._arrays: dict[int, Keys] = {}
        self._before: dict[int, Keys | None] = {}
        self._changes: list[tuple[int, Keys | None]] = []

    def begin(self) -> None:
        """A new batch begins."""
        self._before = {}
        self._changes = []

    def define(self, number: int, index: int, payload: bytes) -> None:
        """Take what the record of this index says; forget the layout that readers need not know any longer.

        Raises:
            struct.error: the payload does not hold keys.
        """
        keys = list(struct.unpack(f"<{len(payload) // 4}I", payload))
        self._change(number, index, keys)
        if number - fmt.MAX_LAYOUTS in self.known:
            self._change(number - fmt.MAX_LAYOUTS, index, None)

    def _change(self, number: int, index: int, keys: list[int] | None) -> None:
        self._before.setdefault(number, self._array(number))
        self._arrays.pop(number, None)
        if keys is None:
            del self.known[number]
        else:
            self.known[number] = keys
        self._changes.append((number << 32 | index, self._array(number)))

    def _array(self, number: int) -> Keys | None:
        array = self._arrays.get(number)
        if array is None and number in self.known:
            array = self._arrays[number] = np.array(self.known[number], dtype=np.uint32)
        return array

    def resolve(self, numbers: NDArray[Any], indices: Places, counts: NDArray[Any]) -> RowKeys:
        """The keys of rows.

        Layouts and rows are put in one order, by number and then by index: the layout of a row is the one before it.

        Args:
            numbers: of the layouts of the rows.
            indices: of the rows.
            counts: how many values the rows have.
        """
        before = self._before
        first = [(n << 32, before[n] if n in before else self._array(n)) for n in _distinct(numbers)]
        layouts = sorted(first + self._changes, key=lambda layout: layout[0])
        since = np.array([place for place, _ in layouts], dtype=np.uint64)
        wanted = numbers.astype(np.uint64) << np.uint64(32) | indices.astype(np.uint64)
        chosen = since.searchsorted(wanted, side="right") - 1
        arrays = [_NO_KEYS if keys is None else keys for _, keys in layouts]
        lengths = np.array([len(keys) for keys in arrays])
        starts = lengths.cumsum() - lengths
        defined = np.array([keys is not None for _, keys in layouts])
        return RowKeys(np.concatenate(arrays), starts[chosen], defined[chosen] & (lengths[chosen] == counts))


def _distinct(numbers: NDArray[Any]) -> list[int]:
    """Each of the numbers once; soon done where most numbers follow themselves."""
    changed = np.flatnonzero(numbers[1:] != numbers[:-1])
    if not len(changed):
        return [int(numbers[0])]
    distinct: list[int] = np.unique(numbers[np.append(changed, len(numbers) - 1)]).tolist()
    return distinct
