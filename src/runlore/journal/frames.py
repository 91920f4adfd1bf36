"""Walking the frames of a journal: which bytes are whole, which are damaged, and where to go on.

A journal is read while it is written, and what a reading gives is not the state of one instant: a frame may look half
full in bytes in which a later one is complete. What can be checked (a header, a frame that matches its CRC) is right
whenever it was read. That something is *not* there, or does not match, may only mean that it was read too early. So
nothing of the kind is concluded of a place before something was seen that is written after it, and it was read again
after that: `FrameReader.reached` is how far the writer is known to have come before the window was filled. Whenever a
look ahead raises it, the window is filled anew and the frame is judged again. Of a frame behind which nothing was seen,
records count as far as they are committed, and nothing else is said.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from runlore.journal import format as fmt
from runlore.journal.chain import FrameHeader, closing_check, frame_header, next_frame
from runlore.journal.decoded import CLOSED, OPEN, TORN, Chunk, Damage, Event
from runlore.journal.header import read_header
from runlore.journal.records import Records, check_of
from runlore.journal.walk import walk
from runlore.journal.window import Window
from runlore.model import STOP

if TYPE_CHECKING:
    from runlore.journal.decoded import Context
    from runlore.journal.source import ByteSource

_LARGEST_FRAME_BYTES = fmt.span_of(fmt.MAX_PAYLOAD_BYTES + fmt.RECORD_BYTES) * fmt.FRAME_BYTES


class _Verdict(Enum):
    """What is known of a frame."""

    WHOLE = auto()
    """Its records match the CRC that was written when it was complete."""
    DAMAGED = auto()
    """They do not."""
    UNACCOUNTED = auto()
    """It is complete, and the header that tells its CRC is damaged."""
    LAST = auto()
    """Nothing was seen behind it."""


class _Frame(NamedTuple):
    """A frame as it was judged."""

    start: int
    end: int
    used: int
    """Where its records end, if that is known."""
    verdict: _Verdict
    is_headless: bool
    """Its own header is damaged."""


class FrameReader:
    """Reads one journal once. See `runlore.journal.decode.read`."""

    def __init__(self, source: ByteSource, context: Context, max_bytes: int) -> None:
        self.window = Window(source)
        self.context = context
        self.max_bytes = max_bytes
        capacity = min(max(self.window.size - context.offset, 0), max_bytes) // 24 + 16
        self.records = Records(self.window, context, capacity)
        self.state = OPEN
        self.more = False
        self.closing = self._find_closing()
        self.reached = self.closing[0] if self.closing is not None else 0
        self.header = read_header(source, self.window.size, describe=not context.header)
        self._ahead: tuple[int, FrameHeader] | None = None  # the header behind the last frame

    def run(self) -> Chunk:
        """Read to the end, or to `max_bytes`."""
        if self._begin():
            self._read_frames()
        self.records.emit()
        self._tell_end()
        points, records = self.records.points(), self.records
        return Chunk(
            points, records.events, records.extras, self.state, records.damage, self.header.lost, self.more,
            self.context,
        )  # fmt: skip

    def _report(self, offset: int, length: int, reason: str) -> None:
        self.records.damage.append(Damage(offset, length, reason))

    def _begin(self) -> bool:
        """Whether there are frames to read."""
        context, size = self.context, self.window.size
        if not context.offset or not self.header.is_begun:
            self.records.damage += self.header.damage  # later readings need not tell again what is only not quite whole
        context.header = context.header or self.header.about
        if context.offset > size:
            # A writer on a full disk takes back a frame that it could not begin.
            is_unbegun = context.offset == context.frame + fmt.RECORD_BYTES and size > context.frame - fmt.FRAME_BYTES
            if not is_unbegun:
                self._report(size, 0, "the file is shorter than what was read of it before")
            return False
        if context.frame or self.header.is_begun:
            return True
        if not self.header.damage:
            self.state = TORN
        return False

    def _tell_end(self) -> None:
        """The event for which the writer found no room, as the last one, and once."""
        end_mark = self.header.end_mark
        if end_mark is None or self.more or self.context.ended:
            return
        self.context.ended = True
        status, time_ns = end_mark
        behind = self.context.offset - 1  # what the last record ends with: no other record has this place
        self.records.events.append(Event(behind, time_ns, None, STOP, "stop", {"status": status}, {}))

    # -- the chain of frames ------------------------------------------------------------------------------------

    def _read_frames(self) -> None:
        first = self.context.frame
        while True:
            frame = self._survey(self.context.frame)
            self._take(frame)
            if frame.verdict is _Verdict.LAST:
                return
            self.context.frame = frame.end
            self.context.offset = frame.end + fmt.RECORD_BYTES
            if frame.end - first >= self.max_bytes:
                self.more = True
                return

    def _survey(self, start: int) -> _Frame:
        """Judge the frame at `start`, from bytes that are young enough for the verdict."""
        while True:
            reached = self.reached
            frame = self._judge(start)
            if self.reached == reached:
                return frame
            self._load(start, frame.end)

    def _judge(self, start: int) -> _Frame:
        """What the window says of the frame at `start`. Whatever it is based on that lies behind raises `reached`.

        Whether the records of a frame match their CRC is what the header behind it says, or the closing record.
        """
        ahead = self._ahead
        header = ahead[1] if ahead is not None and ahead[0] == start else self._header(start)
        if header is not None:
            end = start + header.span_bytes
        elif self._is_passed(start):
            end = self._end_of_headless(start)
        else:
            return _Frame(start, start + fmt.FRAME_BYTES, start, _Verdict.LAST, is_headless=False)
        is_headless = header is None
        if not self.window.holds(start, min(end, self.window.size)):
            self._load(start, end)
        following = self._header(end)
        if following is not None:
            self._ahead = end, following
            used = start + following.used
            if self._matches(start, used, end, following.check):
                return _Frame(start, end, used, _Verdict.WHOLE, is_headless)
            self._saw(end)
            return _Frame(start, end, used, _Verdict.DAMAGED, is_headless)
        if self._is_passed(end):
            return _Frame(start, end, end, _Verdict.UNACCOUNTED, is_headless)
        return _Frame(start, end, end, _Verdict.LAST, is_headless)

    def _matches(self, start: int, used: int, end: int, check: int) -> bool:
        body, window = self._body(start), self.window
        return body <= used <= end and window.holds(start, used) and check_of(window, body, used) == check

    def _body(self, start: int) -> int:
        """Where the first record of a frame is."""
        return (start or self.header.first_at or fmt.RECORD_BYTES) + fmt.RECORD_BYTES

    def _header(self, start: int) -> FrameHeader | None:
        return frame_header(self.window.peek, start, start or self.header.first_at)

    def _end_of_headless(self, start: int) -> int:
        """Where a frame ends whose own header, which would say so, is damaged: where the next whole one is."""
        beyond = self._next_frame(start)
        end = self.window.size if beyond is None else beyond
        return min(end, start + _LARGEST_FRAME_BYTES)  # more than one frame is taken in pieces that fit into memory

    def _next_frame(self, start: int) -> int | None:
        """The next frame behind the one at `start` that has a whole header."""
        return next_frame(self.window.peek, self.window.next_data, start + fmt.FRAME_BYTES, self.window.size)

    def _is_passed(self, start: int) -> bool:
        """Whether something was written behind the header of the frame at `start`, so that it was complete then."""
        if self.reached > start:
            return True
        at = start or self.header.first_at
        if not fmt.is_blank(self.window.peek(at + fmt.RECORD_BYTES, fmt.FRAME_BYTES - fmt.RECORD_BYTES)):
            self._saw(start + 1)
            return True
        beyond = self._next_frame(start)
        if beyond is None:
            return False
        self._saw(beyond)
        return True

    def _saw(self, offset: int) -> None:
        self.reached = max(self.reached, offset)

    def _load(self, start: int, end: int) -> None:
        self.records.emit()
        self.window.load(start, end)

    # -- one frame ----------------------------------------------------------------------------------------------

    def _take(self, frame: _Frame) -> None:
        """Take the records of a frame, as far as they can be trusted."""
        records = max(self.context.offset, self._body(frame.start))
        if frame.is_headless:
            self._report(frame.start, fmt.FRAME_BYTES, "the header of a frame is damaged")
        if frame.verdict is _Verdict.WHOLE:
            self.records.take_frame(frame.start, records, frame.used, frame.end)
        elif frame.verdict is _Verdict.DAMAGED:
            self._take_damaged(frame, records)
        elif frame.verdict is _Verdict.UNACCOUNTED:
            self.records.walk(records, frame.end, salvage=True)
        elif self.closing is not None:
            self._take_closed(frame, records, *self.closing)
        else:
            self._take_last(frame, records)

    def _take_damaged(self, frame: _Frame, records: int) -> None:
        end = min(frame.end, self.window.size)
        self._report(frame.start, end - frame.start, "a frame does not match its CRC")
        self.records.walk(records, end, trusted=False, salvage=True)

    def _take_closed(self, frame: _Frame, records: int, used: int, check: int) -> None:
        """The last frame of a journal that was closed: nothing of it changes any more."""
        self.state = CLOSED
        if self._matches(frame.start, used, frame.end, check):
            self.records.take_frame(frame.start, records, used, frame.end)
        else:
            self._take_damaged(frame, records)
        self.context.offset = used

    def _take_last(self, frame: _Frame, records: int) -> None:
        """The frame that the writer fills just now, or died in: records count up to the first that is not committed."""
        end = min(frame.end, self.window.size)
        if not self.window.holds(frame.start, end):
            self._load(frame.start, end)
        self.window.reread(frame.start, end)
        walked = walk(self.window, records, end)
        check = closing_check(self.window.peek(walked.end, fmt.RECORD_BYTES))
        if check is not None:  # closed, and not yet cut to its length
            self._take_closed(frame, records, walked.end, check)
            return
        self.records.take_walked(walked)
        self.context.offset = walked.end
        if not self._is_clean(walked.end, frame.end):
            self.state = TORN

    def _is_clean(self, at: int, end: int) -> bool:
        """Whether nothing is behind the records that count but such that were committed a moment later."""
        self.window.see()
        at = walk(self.window, at, min(end, self.window.size)).end
        return fmt.is_blank(self.window.peek(at, end + fmt.RECORD_BYTES - at))

    # -- the end ------------------------------------------------------------------------------------------------

    def _find_closing(self) -> tuple[int, int] | None:
        """Where the closing record is and what it says of its frame, if the journal ends with one."""
        at = self.window.size - fmt.RECORD_BYTES
        if at < fmt.HEADER_BYTES:
            return None
        check = closing_check(self.window.peek(at, fmt.RECORD_BYTES))
        return None if check is None else (at, check)
