"""Walking the frames of a journal: which bytes are whole, which are damaged, and where to go on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from runlore.errors import UnsupportedFormat
from runlore.journal import format as fmt
from runlore.journal.decode import CLOSED, OPEN, TORN, Chunk, Damage, Event
from runlore.journal.records import Records, check_of
from runlore.journal.window import Window
from runlore.model import STOP

if TYPE_CHECKING:
    from runlore.journal.decode import Context


class _Header(NamedTuple):
    """What the header of a frame says."""

    span_bytes: int
    used: int
    """Bytes used in the frame before it."""
    check: int
    """The CRC of the records in the frame before it."""


class FrameReader:
    """Reads one journal once. See `runlore.journal.decode.read`."""

    def __init__(self, fd: int, context: Context, max_bytes: int) -> None:
        self.window = Window(fd)
        self.context = context
        self.max_bytes = max_bytes
        capacity = min(max(self.window.size - context.offset, 0), max_bytes) // 24 + 16
        self.records = Records(self.window, context, capacity)
        self.state = OPEN
        self.lost = 0
        self.more = False
        self.first_at = 0
        self.end_mark: tuple[str, int] | None = None
        self.closing = self._find_closing()

    def run(self) -> Chunk:
        """Read to the end, or to `max_bytes`."""
        if self.context.offset > self.window.size:
            self._report(self.window.size, 0, "the file is shorter than what was read of it before")
        elif self._read_file_header():
            self._read_frames()
        self.records.emit()
        self._tell_end()
        points, records = self.records.points(), self.records
        return Chunk(
            points, records.events, records.extras, self.state, records.damage, self.lost, self.more, self.context
        )  # fmt: skip

    def _report(self, offset: int, length: int, reason: str) -> None:
        self.records.damage.append(Damage(offset, length, reason))

    # -- file header --------------------------------------------------------------------------------------------

    def _read_file_header(self) -> bool:
        """Whether there are frames to read."""
        self.window.load(0, fmt.HEADER_BYTES)
        fixed = self.window.peek(0, fmt.HEADER_BYTES)
        if len(fixed) < fmt.HEADER_BYTES or not any(fixed):
            self.state = TORN
            return False
        _, version, _, self.first_at, _, check = fmt.FILE_HEADER.unpack_from(fixed)
        if fmt.CRC.unpack_from(fixed, fmt.FILE_HEADER.size)[0] != crc32(fixed[: fmt.FILE_HEADER.size]):
            self.first_at = self._find_first_frame()
            if not self.first_at and self._resync(fmt.FRAME_BYTES) is None:
                self._report(0, self.window.size, "this is no journal, or its beginning is damaged")
                return False
            self._report(0, fmt.HEADER_BYTES, "the file's header is damaged")
        elif version != fmt.VERSION:
            raise UnsupportedFormat(
                f"the journal has format version {version}; this Runlore reads version {fmt.VERSION}. "
                "Nothing was changed. Upgrade Runlore to read it"
            )
        self._read_lost()
        self._read_end_mark()
        self._read_description(check)
        if self.window.size < self.first_at + fmt.RECORD_BYTES:
            self.state = TORN
            return False
        return True

    def _find_first_frame(self) -> int:
        """Where the first frame's header is, if the file's header does not say; 0: nowhere."""
        for at in range(fmt.HEADER_BYTES, fmt.FRAME_BYTES, 32):
            if self._header(0, at) is not None:
                return at
        return 0

    def _read_lost(self) -> None:
        for _ in range(2):  # the writer may be changing it
            counts = fmt.LOST.unpack(self.window.peek(fmt.LOST_OFFSET, fmt.LOST.size))
            if counts[0] == counts[1] ^ 0xFFFFFFFF:
                self.lost = counts[0]
                return
            self.window.load(0, fmt.HEADER_BYTES)
        self._report(fmt.LOST_OFFSET, fmt.LOST.size, "the count of lost records does not match its complement")

    def _read_end_mark(self) -> None:
        for _ in range(2):  # as above
            raw = self.window.peek(fmt.ENDED_OFFSET, fmt.ENDED.size)
            if fmt.is_end_mark(raw):
                self.end_mark = fmt.read_end_mark(raw)
                return
            self.window.load(0, fmt.HEADER_BYTES)
        self._report(fmt.ENDED_OFFSET, fmt.ENDED.size, "the mark of the run's end does not match its CRC")

    def _tell_end(self) -> None:
        """The event for which the writer found no room, as the last one, and once."""
        if self.end_mark is None or self.more or self.context.ended:
            return
        self.context.ended = True
        status, time_ns = self.end_mark
        behind = self.context.offset - 1  # what the last record ends with: no other record has this place
        self.records.events.append(Event(behind, time_ns, None, STOP, "stop", {"status": status}, {}))

    def _read_description(self, check: int) -> None:
        if self.context.header or not self.first_at:
            return
        length = self.first_at - fmt.HEADER_BYTES
        text = self.window.peek(fmt.HEADER_BYTES, length).rstrip(b"\0")
        if text and crc32(text) == check:
            self.context.header = json.loads(text)
        elif self.window.size >= self.first_at:
            self._report(fmt.HEADER_BYTES, length, "the description of the writer is damaged")

    # -- the chain of frames ------------------------------------------------------------------------------------

    def _read_frames(self) -> None:
        start = first = self.context.frame
        header = self._header(start) or self._header_again(start)
        while True:
            if header is not None:
                end = start + header.span_bytes
                following = self._header(end)
                beyond = end if following is not None or not self._is_blank(end) else self._resync(end)
            else:
                beyond = self._resync(start + fmt.FRAME_BYTES)
                if beyond is None and self._is_blank(start):
                    return
                self._report(start, fmt.FRAME_BYTES, "the header of a frame is damaged")
                end = self.window.size if beyond is None else beyond
                following = None if beyond is None else self._header(beyond)
            self._read_frame(start, end, following, last=beyond is None)
            if beyond is None:
                return
            start, header = end, following or self._header_again(end)
            self.context.frame = start
            self.context.offset = start + fmt.RECORD_BYTES
            if start - first >= self.max_bytes:
                self.more = True
                return

    def _header_again(self, start: int) -> _Header | None:
        """The header of a frame that had none a moment ago: the writer may just have begun it."""
        self.records.emit()
        self.window.load(start, start + fmt.FRAME_BYTES)
        return self._header(start)

    def _header(self, start: int, at: int | None = None) -> _Header | None:
        """The header of the frame at `start`, if it is whole."""
        if at is None:
            at = start or self.first_at
        raw = self.window.peek(at, 32)
        if len(raw) < 32:
            return None
        magic, index, span, used, check, _ = fmt.FRAME_HEADER.unpack_from(raw)
        if magic != fmt.FRAME_MAGIC or index != start // fmt.FRAME_BYTES or not span:
            return None
        if fmt.CRC.unpack_from(raw, fmt.FRAME_HEADER.size)[0] != crc32(raw[: fmt.FRAME_HEADER.size]):
            return None
        return _Header(span * fmt.FRAME_BYTES, used, check)

    def _resync(self, position: int) -> int | None:
        """The next frame with a whole header at or behind `position`; what was never written is stepped over."""
        while True:
            data_at = self.window.next_data(position)
            if data_at is None:
                return None
            position = max(position, data_at // fmt.FRAME_BYTES * fmt.FRAME_BYTES)
            if position + 32 > self.window.size:
                return None
            if self._header(position) is not None:
                return position
            position += fmt.FRAME_BYTES

    def _is_blank(self, start: int) -> bool:
        """Whether the frame at `start`, and thus everything behind it, was reserved and not begun."""
        rest = self.window.peek(start, fmt.FRAME_BYTES)
        return not any(rest)

    # -- one frame ----------------------------------------------------------------------------------------------

    def _read_frame(self, start: int, end: int, following: _Header | None, *, last: bool) -> None:
        body = (start or self.first_at or fmt.RECORD_BYTES) + fmt.RECORD_BYTES
        records = max(self.context.offset, body)
        end = min(end, self.window.size)
        if not self.window.holds(start, end):
            self.records.emit()
            self.window.load(start, end)
        if following is not None:
            used, check = start + following.used, following.check
        elif last and self.closing is not None:
            used, check = self.closing
            self.state = CLOSED
        else:
            self._read_unaccounted(records, body, start, end, last=last)
            return
        if not self._is_whole(start, body, used, end, check):
            self._report(start, end - start, "a frame does not match its CRC")
            self.records.walk(records, end, trusted=False, salvage=True)
        else:
            self.records.take_frame(start, records, used, end)
        if self.state == CLOSED:
            self.context.offset = used

    def _is_whole(self, start: int, body: int, used: int, end: int, check: int) -> bool:
        """Whether a frame's records match their CRC, if need be after another look: it may have been read too early."""
        if not body <= used <= end or not self.window.holds(start, end):
            return False
        if check_of(self.window, body, used) == check:
            return True
        self.records.emit()
        self.window.load(start, end)
        return self.window.holds(start, end) and check_of(self.window, body, used) == check

    def _read_unaccounted(self, records: int, body: int, start: int, end: int, *, last: bool) -> None:
        """A frame of which nobody says how it ended: the last one, or one before a damaged header."""
        self.window.reread(start, end)
        walked = self.records.walk(records, end, salvage=not last)
        if not last:
            return
        self.context.offset = at = walked.end
        check = self._closing_check(self.window.peek(at, 32))
        if check is not None:
            self.state = CLOSED
            if check_of(self.window, body, at) != check:
                self._report(start, at - start, "the last frame does not match its CRC")
                self.records.withdraw(walked)
        elif at < end:
            place = at - self.window.base
            stop = min(end - self.window.base, self.window.length)
            if self.window.data.count(0, place, stop) != stop - place:
                self.state = TORN

    # -- the end ------------------------------------------------------------------------------------------------

    def _find_closing(self) -> tuple[int, int] | None:
        """Where the closing record is and what it says of its frame, if the file ends with one."""
        at = self.window.size - fmt.RECORD_BYTES
        if at < fmt.HEADER_BYTES:
            return None
        check = self._closing_check(self.window.peek(at, fmt.RECORD_BYTES))
        return None if check is None else (at, check)

    def _closing_check(self, raw: bytes) -> int | None:
        """The CRC of its frame that a closing record holds; None: this is none."""
        if len(raw) < fmt.RECORD_BYTES:
            return None
        time, step, check, count, own, tail = fmt.RECORD.unpack(raw)
        if tail != fmt.CLOSE_TAIL or own != crc32(fmt.RECORD.pack(time, step, check, count, 0, 0)[:24]):
            return None
        return int(check)
