"""Walking the frames of a journal and decoding their records, whole runs of equal records at a time."""

from __future__ import annotations

import json
import math
import os
import struct
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from runlore.errors import UnsupportedFormat
from runlore.journal import format as fmt
from runlore.journal.decode import CLOSED, OPEN, TORN, Chunk, Context, Damage, Event, Points

_BLOCK_BYTES = 32 * 1024 * 1024
_FIRST_BLOCK_BYTES = 4 * fmt.FRAME_BYTES
_HEAD = struct.Struct("<IIII")
_UNITS_PER_FRAME = fmt.FRAME_BYTES // 32

_SCALAR = np.dtype([("time", "<i8"), ("step", "<f8"), ("value", "<f8"), ("key", "<u4"), ("tail", "<u4")])


class _Frame(NamedTuple):
    start: int
    """Offset of the frame in the file."""
    records: int
    """Offset of its first record."""
    end: int
    """Offset behind its room."""
    used: int | None
    """Offset behind its last record, where the next frame tells; None for the last frame."""
    trusted: bool
    """Its header is whole, and so is its CRC where that is known."""


class FrameReader:
    """Reads one journal once. See `runlore.journal.decode.read`."""

    def __init__(self, fd: int, context: Context, max_bytes: int) -> None:
        self.fd = fd
        self.size = os.fstat(fd).st_size
        self.context = context
        self.max_bytes = max_bytes
        self.parts: list[tuple[Any, Any, Any, Any, Any]] = []
        self.events: list[Event] = []
        self.extras: list[tuple[int, dict[str, Any]]] = [(context.offset, context.extra)] if context.extra else []
        self.damage: list[Damage] = []
        self.state = OPEN
        self.lost = 0
        self.more = False
        self.withheld = 0
        self.data = b""
        self.base = 0
        self.ahead: tuple[int, tuple[int, int, int] | None] = (-1, None)

    def run(self) -> Chunk:
        """Read to the end, or to `max_bytes`."""
        if self._read_file_header():
            self._read_frames()
        points = self._collect()
        self.events.sort()
        return Chunk(points, self.events, self.extras, self.state, self.damage, self.lost, self.more, self.context)

    # -- file header --------------------------------------------------------------------------------------------

    def _read_file_header(self) -> bool:
        fixed = os.pread(self.fd, fmt.HEADER_BYTES, 0)
        if len(fixed) < fmt.HEADER_BYTES or not any(fixed):
            self.state = TORN
            return False
        magic, version, _, length, text_bytes, check, lost, complement = fmt.FILE_HEADER.unpack_from(fixed)
        if magic != fmt.MAGIC:
            self.damage.append(Damage(0, self.size, "this is no journal: its first bytes are wrong"))
            return False
        if version != fmt.VERSION:
            if 0 < version <= 255:
                raise UnsupportedFormat(
                    f"the journal has format version {version}; this Runlore reads version {fmt.VERSION}. "
                    "Nothing was changed. Upgrade Runlore to read it"
                )
            self.damage.append(Damage(8, 2, f"impossible format version {version}"))
            return False
        if lost == complement ^ 0xFFFFFFFF:
            self.lost = lost
        else:
            self.damage.append(Damage(fmt.LOST_OFFSET, 8, "the count of lost records does not match its complement"))
        return self.context.offset > 0 or self._read_about(length, text_bytes, check)

    def _read_about(self, length: int, text_bytes: int, check: int) -> bool:
        expected = -(-(fmt.HEADER_BYTES + text_bytes) // 32) * 32
        text = os.pread(self.fd, text_bytes, fmt.HEADER_BYTES) if text_bytes <= fmt.FRAME_BYTES else b""
        if text and crc32(text) == check:
            self.context.header = json.loads(text)
            length = expected
        else:
            self.damage.append(Damage(fmt.HEADER_BYTES, text_bytes, "the description of the writer is damaged"))
            if not fmt.HEADER_BYTES < length < fmt.FRAME_BYTES - 64 or length % 32:
                return False
        self.context.frame = 0
        self.context.offset = length + 32
        return True

    # -- the chain of frames ------------------------------------------------------------------------------------

    def _read_frames(self) -> None:
        start: int | None = self.context.frame
        first = start
        run: list[_Frame] = []
        while start is not None and self.state != CLOSED:
            if first is not None and start - first >= self.max_bytes:
                self.more = True
                break
            frame, following = self._frame(start)
            if frame is None:
                break
            if self._is_plain(frame):
                run.append(frame)
            else:
                self._flush(run)
                self._read_frame(frame)
            if following is not None:
                self.context.frame = following
                self.context.offset = following + 32
            start = following
            if run and start is not None and start >= self.base + len(self.data):
                self._flush(run)
        self._flush(run)

    def _load(self, start: int, length: int) -> bool:
        """Have `[start, start + length)` in `data`, as far as the file goes."""
        if self.base <= start and start + length <= self.base + len(self.data):
            return True
        block = max(length, _FIRST_BLOCK_BYTES if not self.data else _BLOCK_BYTES)
        self.data = os.pread(self.fd, block, start)
        while 0 < len(self.data) < min(block, self.size - start):
            more = os.pread(self.fd, block - len(self.data), start + len(self.data))
            if not more:
                break
            self.data += more
        self.base = start
        return len(self.data) >= length

    def _header(self, start: int, at: int) -> tuple[int, int, int] | None:
        """Span in bytes, bytes used in the previous frame and their CRC; None where there is no whole header."""
        data = os.pread(self.fd, 32, at) if not self.base <= at <= self.base + len(self.data) - 32 else None
        raw = data if data is not None else self.data[at - self.base : at - self.base + 32]
        if len(raw) < 32:
            return None
        magic, index, span, used, check, _, own = fmt.FRAME_HEADER.unpack(raw)
        if magic != fmt.FRAME_MAGIC or index != start // fmt.FRAME_BYTES or own != crc32(raw[:-4]) or not span:
            return None
        return span * fmt.FRAME_BYTES, used, check

    def _frame(self, start: int) -> tuple[_Frame | None, int | None]:
        """The frame at `start`, and where the next one starts."""
        if start == self.context.frame:
            header_at = self._first_header_at() if start == 0 else start
            records = self.context.offset
        else:
            header_at, records = start, start + 32
        header = self.ahead[1] if self.ahead[0] == start else self._header(start, header_at)
        if header is None:
            return self._damaged_frame(start, header_at, records)
        end = start + header[0]
        following = self._header(end, end)
        self.ahead = (end, following)
        if following is None:
            beyond = self._resync(end)
            self._load(start, min(header[0], self.size - start))
            return _Frame(start, records, min(end, self.size), None, trusted=True), beyond
        used = start + following[1]
        self._load(start, header[0])
        trusted = header_at < used <= end and self._check(header_at, used) == following[2]
        if not trusted:
            self.damage.append(Damage(start, used - start, "the frame does not match its CRC"))
            used = min(max(used, header_at), end)
        return _Frame(start, records, end, used, trusted), end

    def _first_header_at(self) -> int:
        fixed = os.pread(self.fd, fmt.HEADER_BYTES, 0)
        length = fmt.FILE_HEADER.unpack_from(fixed)[3]
        text_bytes = fmt.FILE_HEADER.unpack_from(fixed)[4]
        expected = -(-(fmt.HEADER_BYTES + text_bytes) // 32) * 32
        return int(expected if self.context.header else length)

    def _damaged_frame(self, start: int, header_at: int, records: int) -> tuple[_Frame | None, int | None]:
        rest = os.pread(self.fd, fmt.FRAME_BYTES, header_at)
        following = self._resync(start + fmt.FRAME_BYTES)
        if not any(rest) and following is None:
            return None, None  # reserved, and not begun
        end = following if following is not None else self.size
        self.damage.append(Damage(start, end - start, "the frame's header is damaged; its points are left out"))
        self._load(start, end - start)
        return _Frame(start, max(records, header_at + 32), end, None, trusted=False), following

    def _resync(self, position: int) -> int | None:
        """The next frame with a whole header at or behind `position`, which had none."""
        while position + 32 <= self.size:
            if self._header(position, position) is not None:
                return position
            position += fmt.FRAME_BYTES
            if position > self.base + len(self.data) and not self._load(position, 32):
                return None
        return None

    def _check(self, start: int, end: int) -> int:
        return crc32(memoryview(self.data)[start - self.base : end - self.base])

    # -- runs of frames that hold nothing but scalars -----------------------------------------------------------

    def _is_plain(self, frame: _Frame) -> bool:
        """Whether nothing but scalars can be in it: complete, full, whole, and every tail a scalar's."""
        if not frame.trusted or frame.used != frame.end or frame.end - frame.start != fmt.FRAME_BYTES:
            return False
        if frame.records != frame.start + 32 or frame.start == 0:
            return False
        at = frame.start - self.base
        tails = np.frombuffer(self.data, "<u4", fmt.FRAME_BYTES // 4, at)[15::8]
        return bool((tails == fmt.SCALAR_TAIL).all())

    def _flush(self, run: list[_Frame]) -> None:
        """Take the points of a run of adjacent plain frames in one go."""
        if not run:
            return
        count = len(run)
        start = run[0].start
        units = np.frombuffer(self.data, _SCALAR, count * _UNITS_PER_FRAME, start - self.base)
        grid = units.reshape(count, _UNITS_PER_FRAME)[:, 1:]
        sequence = (start + 32 * np.arange(count * _UNITS_PER_FRAME, dtype=np.int64)).reshape(count, -1)[:, 1:]
        self.parts.append(
            (grid["key"].ravel(), grid["step"].ravel(), grid["time"].ravel(), grid["value"].ravel(), sequence.ravel())
        )
        run.clear()

    # -- frames of every kind -----------------------------------------------------------------------------------

    def _read_frame(self, frame: _Frame) -> None:
        end = frame.used if frame.used is not None else frame.end
        at = self._walk(frame.records, min(end, self.base + len(self.data)), frame)
        self.context.offset = at
        if self.state == CLOSED or at >= end:
            return
        rest = self.data[at - self.base : end - self.base]
        if frame.used is not None:
            if frame.trusted:
                self.damage.append(Damage(at, end - at, "records of an unknown kind"))
        elif any(rest):
            self.state = TORN

    def _walk(self, at: int, end: int, frame: _Frame) -> int:
        """Decode records from `at` on; return the offset behind the last whole one."""
        base, data = self.base, self.data
        verified = frame.used is not None and frame.trusted
        marks = (len(self.parts), len(self.events), len(self.extras))
        while at + 32 <= end:
            check, count, number, tail = _HEAD.unpack_from(data, at - base + 16)
            kind = tail >> 16 & 0xFF
            size = self._size(kind, count, tail)
            if tail >> 24 != fmt.MARK or size is None or at + size > end:
                break
            if kind == fmt.SCALAR:
                at = self._scalars(at, end, trusted=frame.trusted)
                continue
            if kind == fmt.CLOSE:
                return self._close(at, check, frame, marks)
            if kind != fmt.VOID:
                begin = at - base + 32
                length = count * 8 if kind == fmt.ROW else count
                if not verified and crc32(memoryview(data)[begin : begin + length]) != check:
                    break
                if kind == fmt.ROW:
                    at = self._rows(at, end if verified else at + size, size, number)
                    continue
                self._text(kind, at, number, data[begin : begin + length])
            at += size
        return at

    def _size(self, kind: int, count: int, tail: int) -> int | None:
        """Bytes that the record takes, or None if its parts contradict each other."""
        if kind in (fmt.SCALAR, fmt.VOID, fmt.CLOSE):
            return 32 if tail & 0xFFFF == 4 else None
        if kind not in fmt.WITH_PAYLOAD:
            return None
        size = 32 + (count * 8 if kind == fmt.ROW else fmt.padded(count))
        return size if fmt.tail_of(kind, size) == tail else None

    def _scalars(self, at: int, end: int, *, trusted: bool) -> int:
        """Take the scalars that follow one another from `at` on."""
        units = np.frombuffer(self.data, _SCALAR, (end - at) // 32, at - self.base)
        different = units["tail"] != fmt.SCALAR_TAIL
        stop = int(different.argmax()) if different.any() else len(units)
        taken = units[:stop]
        if trusted:
            sequence = at + 32 * np.arange(stop, dtype=np.int64)
            self.parts.append((taken["key"], taken["step"], taken["time"], taken["value"], sequence))
        else:
            self.withheld += stop
        return at + 32 * stop

    def _rows(self, at: int, end: int, size: int, layout: int) -> int:
        """Take the rows of one layout that follow one another from `at` on."""
        words = size // 8
        grid = np.frombuffer(self.data, "<u8", (end - at) // size * words, at - self.base).reshape(-1, words)
        different = grid[:, 3] != grid[0, 3]
        stop = int(different.argmax()) if different.any() else len(grid)
        columns = self.context.layouts.get(layout)
        if columns is None or len(columns) != words - 4:
            self.damage.append(Damage(at, stop * size, "rows whose layout was lost"))
            return at + stop * size
        taken = grid[:stop]
        width = len(columns)
        steps = np.repeat(taken[:, 1].copy().view("<f8"), width)
        times = np.repeat(taken[:, 0].copy().view("<i8"), width)
        values = taken[:, 4:].copy().view("<f8").ravel()
        keys = np.tile(np.array(columns, dtype="<u4"), stop)
        sequence = np.repeat(at + size * np.arange(stop, dtype=np.int64), width)
        self.parts.append((keys, steps, times, values, sequence))
        return at + stop * size

    def _text(self, kind: int, at: int, number: int, payload: bytes) -> None:
        if kind == fmt.KEY:
            self.context.keys[number] = json.loads(payload)
        elif kind == fmt.LAYOUT:
            self.context.layouts[number] = list(struct.unpack(f"<{len(payload) // 4}I", payload))
        elif kind == fmt.EXTRA:
            self.context.extra = json.loads(payload)
            self.extras.append((at, self.context.extra))
        else:
            time, step = struct.unpack_from("<qd", self.data, at - self.base)
            record = json.loads(payload)
            found = Event(
                at, time, None if math.isnan(step) else step, record["e"], record["k"], record["v"], record.get("x", {})
            )  # fmt: skip
            self.events.append(found)

    def _close(self, at: int, check: int, frame: _Frame, marks: tuple[int, int, int]) -> int:
        header_at = self._first_header_at() if frame.start == 0 else frame.start
        if frame.trusted and self._check(header_at, at) != check:
            self.damage.append(Damage(frame.start, at - frame.start, "the last frame does not match its CRC"))
            del self.parts[marks[0] :], self.events[marks[1] :], self.extras[marks[2] :]
            self._walk(frame.records, at, frame._replace(trusted=False))
        self.state = CLOSED
        return at + 32

    # -- putting together ---------------------------------------------------------------------------------------

    def _collect(self) -> Points:
        if self.withheld:
            self.damage.append(Damage(0, 0, f"{self.withheld} points of damaged frames are left out"))
        if not self.parts:
            empty = np.empty(0)
            return Points(empty.astype("u4"), empty, empty.astype("i8"), empty.copy(), empty.astype("i8"))
        columns = [np.concatenate([part[i] for part in self.parts]) for i in range(5)]
        if len(self.parts) > 1 and (np.diff(columns[4]) < 0).any():
            order = np.argsort(columns[4], kind="stable")
            columns = [column[order] for column in columns]
        known = np.zeros(max(self.context.keys, default=-1) + 2, dtype=bool)
        known[list(self.context.keys)] = True
        defined = known[np.minimum(columns[0], len(known) - 1)]
        if not defined.all():
            self.damage.append(Damage(0, 0, f"{int((~defined).sum())} points whose key was lost"))
            columns = [column[defined] for column in columns]
        return Points(*columns)
