"""Records of a journal: found one by one, decoded together, as many at a time as the window holds."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from runlore.journal import format as fmt
from runlore.journal.decode import Damage, Event, Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runlore.journal.decode import Context
    from runlore.journal.window import Window

    _Part = tuple[NDArray[Any], ...]  # key, step, time, value, sequence

_HEAD = struct.Struct("<IIII")
_SCALAR = np.dtype([("time", "<i8"), ("step", "<f8"), ("value", "<f8"), ("key", "<u4"), ("tail", "<u4")])
_UNITS = fmt.FRAME_BYTES // 32
PLAIN_BYTES = fmt.FRAME_BYTES - fmt.RECORD_BYTES
"""What a frame that is full of scalars uses."""


class Records:
    """Everything that was read so far.

    Records are first only noted, by `walk` and `take_plain`, and turned into arrays by `emit`, which has to be called
    before the window moves on.
    """

    def __init__(self, window: Window, context: Context, capacity: int) -> None:
        self.window = window
        self.context = context
        self.events: list[Event] = []
        self.extras: list[tuple[int, dict[str, Any]]] = [(context.offset, context.extra)] if context.extra else []
        self.damage: list[Damage] = []
        self.withheld = 0
        self._columns = _Columns(capacity)
        self._plain: list[int] = []
        self._scalars: list[tuple[int, int]] = []
        self._rows: dict[int, tuple[list[int], list[int]]] = {}

    # -- finding ------------------------------------------------------------------------------------------------

    def is_plain(self, start: int) -> bool:
        """Whether a verified frame that is here, and used to its end, holds nothing but scalars."""
        at = start - self.window.base
        tails = np.frombuffer(self.window.data, "<u4", fmt.FRAME_BYTES // 4, at)[15:-8:8]
        return bool((tails == fmt.SCALAR_TAIL).all())

    def take_plain(self, start: int) -> None:
        """Take a frame of which `is_plain` is true."""
        self._plain.append(start)

    def walk(self, at: int, end: int, *, verified: bool, trusted: bool = True, salvage: bool = False) -> int:
        """Take the records in `[at, end)`, which is here; return the offset behind the last one.

        Args:
            at: where the first one starts.
            end: where they end at the latest.
            verified: all of it was checked by CRC, so single records need not be.
            trusted: scalars, which have no CRC of their own, may be taken; else they are `withheld`.
            salvage: go on behind a damaged record, with those that have a CRC; else stop there.
        """
        base, tails = self.window.base, self.window.tails
        end = min(end, base + self.window.length)
        while at + 32 <= end:
            if tails[(at - base + 28) >> 2] == fmt.SCALAR_TAIL:
                at = self._take_scalars(at, end, trusted=trusted)
                continue
            size = self._take(at, end, verified=verified)
            if size:
                at += size
            elif salvage:
                trusted = False
                at = self._next_mark(at + 8, end)
            else:
                break
        return at

    def _take_scalars(self, at: int, end: int, *, trusted: bool) -> int:
        tails, index = self.window.tails, (at - self.window.base + 28) >> 2
        first, stop = index, (end - self.window.base) >> 2
        while index < stop and tails[index] == fmt.SCALAR_TAIL:
            index += 8
        count = (index - first) >> 3
        if trusted:
            self._scalars.append((at, count))
        else:
            self.withheld += count
        return at + 32 * count

    def _take(self, at: int, end: int, *, verified: bool) -> int:
        """Take a record with a payload; return its size, or 0 if there is none, or it cannot be trusted."""
        data, place = self.window.data, at - self.window.base
        check, count, number, tail = _HEAD.unpack_from(data, place + 16)
        kind = tail >> 16 & 0xFF
        if kind not in fmt.WITH_PAYLOAD:
            return 0
        length = count * 8 if kind == fmt.ROW else count
        size = 32 + fmt.padded(length)
        if tail != fmt.tail_of(kind, size) or at + size > end:
            return 0
        payload = memoryview(data)[place + 32 : place + 32 + length]
        time, step = struct.unpack_from("<qd", data, place)
        if not verified and fmt.record_check(time, step, count, number, tail, payload) != check:
            return 0
        if kind == fmt.ROW:
            self._note_row(at, number, count)
        else:
            self._take_text(kind, at, number, bytes(payload), time, step)
        return size

    def _next_mark(self, at: int, end: int) -> int:
        """The next offset, `at` or behind it, at which a record might start."""
        data, base = self.window.data, self.window.base
        found = data.find(fmt.MARK, at - base + 31, end - base)
        while found >= 0 and (found - 31) % 8:
            found = data.find(fmt.MARK, found + 1, end - base)
        return base + found - 31 if found >= 0 else end

    def _note_row(self, at: int, number: int, count: int) -> None:
        noted = self._rows.get(number)
        if noted is None:
            columns = self.context.layouts.get(number)
            if columns is None or len(columns) != count:
                self.damage.append(Damage(at, 32 + 8 * count, "a row whose layout was lost"))
                return
            noted = self._rows[number] = (columns, [])
        noted[1].append(at)

    def _take_text(self, kind: int, at: int, number: int, payload: bytes, time: int, step: float) -> None:
        context = self.context
        try:
            if kind == fmt.LAYOUT:
                context.layouts[number] = list(struct.unpack(f"<{len(payload) // 4}I", payload))
                context.layouts.pop(number - fmt.MAX_LAYOUTS, None)
                return
            text = payload.decode("utf-8", "surrogatepass")
            if kind == fmt.KEY:
                context.keys[number] = text
            elif kind == fmt.EXTRA:
                context.extra = json.loads(text)
                self.extras.append((at, context.extra))
            else:
                fact = json.loads(text)
                when = None if math.isnan(step) else step
                self.events.append(Event(at, time, when, fact["e"], fact["k"], fact["v"], fact.get("x", {})))
        except (ValueError, LookupError, TypeError, RecursionError, struct.error) as error:
            self.damage.append(Damage(at, 32 + len(payload), f"a record that cannot be decoded: {error}"))

    # -- decoding -----------------------------------------------------------------------------------------------

    def mark(self) -> int:
        """A place to which `withdraw` can return."""
        return len(self._scalars)

    def withdraw(self, mark: int) -> None:
        """Withhold the scalars that were taken since: they belong to a frame that is damaged."""
        self.withheld += sum(count for _, count in self._scalars[mark:])
        del self._scalars[mark:]

    def emit(self) -> None:
        """Decode what was noted, before the window moves on."""
        parts: list[_Part] = []
        if self._plain:
            parts.append(self._decode_plain())
        if self._scalars:
            parts.append(self._decode_scalars())
        parts += [self._decode_rows(columns, offsets) for columns, offsets in self._rows.values() if offsets]
        self._rows.clear()
        if len(parts) > 1:
            joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
            order = np.argsort(joined[4], kind="stable")
            parts = [tuple(column[order] for column in joined)]
        if parts:
            self._columns.append(parts[0])

    def _decode_plain(self) -> _Part:
        base = self.window.base
        frames, self._plain = np.array(self._plain, dtype=np.int64), []
        first = int(frames[0])
        units = np.frombuffer(self.window.data, _SCALAR, self.window.length // 32)
        if len(frames) * fmt.FRAME_BYTES == int(frames[-1]) + fmt.FRAME_BYTES - first:  # adjacent: no copy
            at = (first - base) // 32
            grid = units[at : at + len(frames) * _UNITS].reshape(-1, _UNITS)
        else:
            whole = units[: len(units) // _UNITS * _UNITS].reshape(-1, _UNITS)
            grid = whole[(frames - base) // fmt.FRAME_BYTES]
        grid = grid[:, 1:-1]
        sequence = frames[:, None] + 32 * np.arange(1, _UNITS - 1)
        return (
            grid["key"].ravel(), grid["step"].ravel(), grid["time"].ravel(), grid["value"].ravel(), sequence.ravel()
        )  # fmt: skip

    def _decode_scalars(self) -> _Part:
        noted, self._scalars = np.array(self._scalars, dtype=np.int64), []
        starts, counts = noted[:, 0], noted[:, 1]
        before = np.cumsum(counts) - counts
        sequence = np.repeat(starts - 32 * before, counts) + 32 * np.arange(int(counts.sum()))
        words = np.frombuffer(self.window.data, "<u8", self.window.length // 8)
        at = (sequence - self.window.base) >> 3
        key = (words[at + 3] & 0xFFFFFFFF).astype(np.uint32)
        return key, words[at + 1].view("<f8"), words[at].view("<i8"), words[at + 2].view("<f8"), sequence

    def _decode_rows(self, columns: list[int], offsets: list[int]) -> _Part:
        width = len(columns)
        starts = np.array(offsets, dtype=np.int64)
        words = np.frombuffer(self.window.data, "<u8", self.window.length // 8)
        at = (starts - self.window.base) >> 3
        values = words[at[:, None] + np.arange(4, 4 + width)].view("<f8").ravel()
        keys = np.tile(np.array(columns, dtype=np.uint32), len(starts))
        steps = np.repeat(words[at + 1].view("<f8"), width)
        times = np.repeat(words[at].view("<i8"), width)
        return keys, steps, times, values, np.repeat(starts, width)

    def points(self) -> Points:
        """All points, in the order in which they were recorded."""
        key, step, time, value, sequence = self._columns.finish()
        if self.withheld:
            self.damage.append(Damage(0, 0, f"{self.withheld:,} points of damaged frames are left out"))
        keys = self.context.keys
        bound = max(keys, default=-1) + 1
        known = np.zeros(bound + 1, dtype=bool)
        known[list(keys)] = True
        if len(key) and (int(key.max()) >= bound or not known[:bound].all()):
            defined = known[np.minimum(key, bound)]
            missing = len(key) - int(defined.sum())
            if missing:
                self.damage.append(Damage(0, 0, f"{missing:,} points whose key was lost"))
                key, step, time, value, sequence = (a[defined] for a in (key, step, time, value, sequence))
        return Points(key, step, time, value, sequence)


class _Columns:
    """Five arrays that grow together; memory that is not filled is not touched."""

    def __init__(self, capacity: int) -> None:
        self._count = 0
        self._arrays: list[NDArray[Any]] = [np.empty(capacity, kind) for kind in ("u4", "f8", "i8", "f8", "i8")]

    def append(self, part: _Part) -> None:
        count = self._count + len(part[0])
        if count > len(self._arrays[0]):
            capacity = max(count, 2 * len(self._arrays[0]))
            for index, array in enumerate(self._arrays):
                self._arrays[index] = np.empty(capacity, array.dtype)
                self._arrays[index][: self._count] = array[: self._count]
        for array, values in zip(self._arrays, part, strict=True):
            array[self._count : count] = values
        self._count = count

    def finish(self) -> _Part:
        key, step, time, value, sequence = (array[: self._count] for array in self._arrays)
        return key, step, time, value, sequence


def check_of(window: Window, start: int, end: int) -> int:
    """The CRC of `[start, end)`, which is in the window."""
    return crc32(memoryview(window.data)[start - window.base : end - window.base])
