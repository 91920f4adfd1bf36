"""Records of a journal: found frame by frame, decoded together, as many at a time as the window holds.

Of a frame that is whole only the place is noted: `scan` finds the records of all such frames at once. A frame that is
damaged, or not complete yet, is walked from record to record. `emit` takes both in the order of the file: texts, which
are definitions and events, one by one; scalars and rows all at once, by `expand`.
"""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import numpy as np

from runlore.journal import format as fmt
from runlore.journal.decoded import Damage, Event, Points
from runlore.journal.expand import Columns, expand, scalars
from runlore.journal.layouts import Layouts
from runlore.journal.scan import Fields, find
from runlore.journal.walk import Walked, walk

if TYPE_CHECKING:
    from runlore.journal.decoded import Context
    from runlore.journal.scan import Places
    from runlore.journal.window import Window

SHORT_BYTES = 2048
"""Frames in which there is less than this are walked: it takes less time than to start a scan."""
_SCALAR = np.dtype([("time", "<i8"), ("step", "<f8"), ("value", "<f8"), ("key", "<u4"), ("tail", "<u4")])
_UNITS = fmt.FRAME_BYTES // fmt.RECORD_BYTES
_SCAN = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # what `raw_decode` calls, one call less
_FULL = (fmt.RECORD_BYTES, fmt.FRAME_BYTES - fmt.RECORD_BYTES, fmt.FRAME_BYTES)


class _Frame(NamedTuple):
    """A frame that is whole. All numbers are offsets in the file."""

    start: int
    records: int
    """Where the first record starts that was not read before."""
    used: int
    """Where the last record ends."""
    end: int

    @property
    def is_full(self) -> bool:
        """Whether it is of the usual size, used to its end, and nothing of it was read before."""
        return (self.records - self.start, self.used - self.start, self.end - self.start) == _FULL


class Records:
    """Everything that was read so far.

    Records are first only noted, by `take_frame` and `walk`, and decoded by `emit`, which has to be called before the
    window moves on.
    """

    def __init__(self, window: Window, context: Context, capacity: int) -> None:
        self.window = window
        self.context = context
        self.events: list[Event] = []
        self.extras: list[tuple[int, dict[str, Any]]] = [(context.offset, context.extra)] if context.extra else []
        self.damage: list[Damage] = []
        self.withheld = 0
        self._columns = Columns(capacity)
        self._layouts = Layouts(context.layouts)
        self._noted: list[list[_Frame] | Walked] = []  # lists are of frames that follow one another

    # -- finding ------------------------------------------------------------------------------------------------

    def take_frame(self, start: int, records: int, used: int, end: int) -> None:
        """Take the records in `[records, used)`, which is here, of a frame `[start, end)` that matches its CRC."""
        if records == used:
            return
        frames = self._noted[-1] if self._noted else None
        if not isinstance(frames, list):
            frames = []
            self._noted.append(frames)
        frames.append(_Frame(start, records, used, end))

    def walk(self, at: int, end: int, *, trusted: bool = True, salvage: bool = False) -> None:
        """Take the records in `[at, end)`, which is here and was not checked. Args: as for `runlore.journal.walk`."""
        self.take_walked(walk(self.window, at, end, trusted=trusted, salvage=salvage))

    def take_walked(self, walked: Walked) -> None:
        """Take the records that a walk found."""
        self.withheld += walked.withheld
        self._noted.append(walked)

    def _places(self, offsets: list[int]) -> Places:
        return ((np.array(offsets, dtype=np.int64) - self.window.base) >> 3).astype(np.intp, copy=False)

    def _found(self, fields: Fields) -> Places:
        """The places of all records that were noted, in the order of the file."""
        parts: list[Places] = []
        for noted in self._noted:
            if isinstance(noted, Walked):
                parts.append(self._places(noted.records))
            else:
                parts += self._scan(fields, noted)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _scan(self, fields: Fields, frames: list[_Frame]) -> list[Places]:
        """The places of the records of frames that are whole."""
        if frames[-1].used - frames[0].records < SHORT_BYTES:
            return [self._walk_whole(frame) for frame in frames]
        found = find(fields, self._places([f.records for f in frames]), self._places([f.used for f in frames]))
        if found.is_all:
            return [found.places]
        bounds = zip(frames, found.firsts, found.lasts, found.broken, strict=True)
        return [self._walk_whole(f) if broken else found.places[first:last] for f, first, last, broken in bounds]

    def _walk_whole(self, frame: _Frame) -> Places:
        walked = walk(self.window, frame.records, frame.used, verified=True)
        if walked.end != frame.used:
            self.damage.append(Damage(frame.start, frame.end - frame.start, "records of an unknown kind"))
        return self._places(walked.records)

    # -- decoding -----------------------------------------------------------------------------------------------

    def emit(self) -> None:
        """Decode what was noted, before the window moves on."""
        if self._noted and not self._decode_plain():
            fields = Fields(self.window)
            places = self._found(fields)
            if len(places):
                self._decode(fields, places)
        self._noted.clear()

    def _decode_plain(self) -> bool:
        """Decode adjacent frames that are full of scalars and hold nothing else; return whether these are."""
        frames = self._noted[0]
        if len(self._noted) > 1 or isinstance(frames, Walked) or not all(frame.is_full for frame in frames):
            return False
        if frames[-1].end - frames[0].start != len(frames) * fmt.FRAME_BYTES:
            return False
        at, count = frames[0].start - self.window.base, len(frames) * _UNITS
        grid = np.frombuffer(self.window.data, _SCALAR, count, at).reshape(-1, _UNITS)[:, 1:-1]
        if not (grid["tail"] == fmt.SCALAR_TAIL).all():
            return False
        key, step, time, value, sequence = (part.reshape(grid.shape) for part in self._columns.room(grid.size))
        key[:], step[:], time[:], value[:] = grid["key"], grid["step"], grid["time"], grid["value"]
        offsets = np.arange(frames[0].start, frames[-1].end, fmt.RECORD_BYTES)
        sequence[:] = offsets.reshape(-1, _UNITS)[:, 1:-1]
        return True

    def _decode(self, fields: Fields, places: Places) -> None:
        """Take what the records at these places say, in this order."""
        base = self.window.base
        tails = fields.tail[places]
        others = np.flatnonzero(tails != fmt.SCALAR_TAIL)
        is_row = tails[others] >> 16 & 0xFF == fmt.ROW
        rows, texts = others[is_row], others[~is_row]
        self._layouts.begin()
        for index, place in zip(texts.tolist(), places[texts].tolist(), strict=True):
            self._take_text(base + 8 * place, index)
        if not len(rows):
            scalars(fields, base, np.delete(places, texts) if len(texts) else places, self._columns)
            return
        counts = fields.count[places[rows]]
        layout = self._layouts.resolve(fields.number[places[rows]], rows, counts)
        sizes = np.ones(len(places), dtype=np.intp)
        sizes[texts] = 0
        sizes[rows] = counts
        if not layout.known.all():
            lost = rows[~layout.known]
            for place, count in zip(places[lost].tolist(), sizes[lost].tolist(), strict=True):
                size = fmt.RECORD_BYTES + 8 * count
                self.damage.append(Damage(base + 8 * place, size, "a row whose layout was lost"))
            sizes[lost] = 0
        expand(fields, base, places, sizes, rows, layout, self._columns)

    def _take_text(self, at: int, index: int) -> None:
        """Take a record whose payload is not numbers: the one at this offset, the `index`-th of those found."""
        context, data, place = self.context, self.window.data, at - self.window.base
        time, step, _, length, number, tail = fmt.RECORD.unpack_from(data, place)
        payload = bytes(data[place + fmt.RECORD_BYTES : place + fmt.RECORD_BYTES + length])
        kind = tail >> 16 & 0xFF
        try:
            if kind == fmt.LAYOUT:
                self._layouts.define(number, index, payload)
                return
            text = payload.decode("utf-8", "surrogatepass")
            if kind == fmt.KEY:
                context.keys[number] = text
            elif kind == fmt.EXTRA:
                context.extra = json.loads(text)
                self.extras.append((at, context.extra))
            else:
                fact = _parsed(text)
                when = None if math.isnan(step) else step
                self.events.append(Event(at, time, when, fact["e"], fact["k"], fact["v"], fact.get("x", {})))
        except (ValueError, LookupError, TypeError, RecursionError, struct.error) as error:
            self.damage.append(Damage(at, fmt.RECORD_BYTES + length, f"a record that cannot be decoded: {error}"))

    def points(self) -> Points:
        """All points, in the order in which they were recorded. Comes last: it completes `damage`."""
        self.damage.sort(key=lambda damage: damage.offset)
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


def _parsed(text: str) -> Any:
    """As `json.loads`, in half the time for the short texts that most events are.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:  # nothing begins there
        return json.loads(text)
    return value if end == len(text) else json.loads(text)


def check_of(window: Window, start: int, end: int) -> int:
    """The CRC of `[start, end)`, which is in the window."""
    return crc32(memoryview(window.data)[start - window.base : end - window.base])
