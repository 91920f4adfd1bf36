"""Which output is recorded, and in which portions: batches of lines, and no more of them than anybody will read."""

from __future__ import annotations

from time import monotonic, time_ns
from typing import TYPE_CHECKING

from runlore.capture import _looks
from runlore.capture._lines import LineAssembler
from runlore.capture._secret_forms import mask_forms, mask_private_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.capture._lines import Piece
    from runlore.capture._looks import Looks, Span

BATCH_SECONDS = 0.2
BATCH_CHARACTERS = 65_536
BURST_BYTES = 8 * 1024 * 1024
BYTES_PER_SECOND = 64 * 1024
TAIL_BYTES = 64 * 1024


class Recorder:
    """Records one stream. Lines are collected for 0.2 s, or 64 KiB, and become one event.

    At most 8 MiB are recorded at once and 64 KiB a second in the long run. What is above that is counted, and its last
    64 KiB are kept, so that the end of a flood, where the traceback stands, is there.

    Args:
        emit: called with (text of lines joined by newlines, time of the first in ns, milliseconds of each since then,
            whether the next batch continues the last line, where which line does not look plain).
    """

    def __init__(self, emit: Callable[[str, int, list[int], bool, Looks], None]) -> None:
        self._emit = emit
        self._assembler = LineAssembler()
        self._lines: list[Piece] = []
        self._characters = 0
        self._due: float | None = None
        self._allowance = float(BURST_BYTES)
        self._refilled = monotonic()
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._skipped_bytes = 0
        self._inside_key = False
        self.dropped_bytes = 0
        self.dropped_lines = 0

    def feed(self, data: bytes) -> None:
        """Take what the program wrote."""
        now = monotonic()
        self._allowance = min(BURST_BYTES, self._allowance + (now - self._refilled) * BYTES_PER_SECOND)
        self._refilled = now
        if self._allowance < len(data) or (self._tail and self._allowance < BURST_BYTES / 8):
            self._skip(data)
            return
        self._end_gap()
        self._allowance -= len(data)
        self._take(data)
        if self._due is None:
            self._due = now + BATCH_SECONDS
        if self._characters > BATCH_CHARACTERS:
            self.flush_lines()

    def wait_seconds(self) -> float | None:
        """How long until a batch is due; None when there is none."""
        return None if self._due is None else max(0.0, self._due - monotonic())

    def flush_due(self) -> None:
        """Record the batch if its time has come."""
        if self._due is not None and self._due <= monotonic():
            self.flush_lines()

    def flush_lines(self) -> None:
        """Record the lines that are finished, and the pieces of one that is too long to wait for its end."""
        pieces, self._lines, self._characters, self._due = self._lines, [], 0, None
        while pieces:
            size = count = 0
            while count < len(pieces) and size < BATCH_CHARACTERS:
                size += len(pieces[count][1]) + 1
                count += 1
            batch, pieces = pieces[:count], pieces[count:]
            self._emit_batch(batch)

    def _emit_batch(self, batch: list[Piece]) -> None:
        first = batch[0][0]
        lines = [""]
        offsets: list[int] = []
        spans: list[list[Span]] = [[]]
        begins = True
        for changed_ns, piece, goes_on, looks in batch:
            if begins:
                offsets.append((changed_ns - first) // 1_000_000)
            shift = len(lines[-1])
            lines[-1] += piece
            spans[-1] += [(start + shift, end + shift, look) for start, end, look in looks]
            begins = not goes_on
            if begins:
                lines.append("")
                spans.append([])
        if begins:
            lines.pop()
            spans.pop()
        text, self._inside_key = mask_private_keys("\n".join(lines), inside=self._inside_key)
        text = mask_forms(text)
        self._emit(text, first, offsets, not begins, _looks_of(text, lines, spans))

    def close(self) -> None:
        """Record everything that is there, unfinished lines included."""
        self._end_gap()
        self._add(self._assembler.flush())
        self.flush_lines()

    def _take(self, data: bytes) -> None:
        self._add(self._assembler.feed(data, time_ns()))

    def _add(self, pieces: list[Piece]) -> None:
        self._lines += pieces
        self._characters += sum(len(text) for _, text, _, _ in pieces)

    def _skip(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
            oldest = self._tail.pop(0)
            self._tail_bytes -= len(oldest)
            self._skipped_bytes += len(oldest)
            self.dropped_bytes += len(oldest)
            self.dropped_lines += oldest.count(b"\n")

    def _end_gap(self) -> None:
        """Say what was left out since recording paused, and go on with the last of it."""
        if not self._tail:
            return
        tail = b"".join(self._tail)
        self._tail, self._tail_bytes = [], 0
        cut = max(0, len(tail) - TAIL_BYTES)
        cut = tail.find(b"\n", cut) + 1 or cut if self._skipped_bytes or cut else 0
        self.dropped_bytes += cut
        self.dropped_lines += tail.count(b"\n", 0, cut)
        left_out = self._skipped_bytes + cut
        self._skipped_bytes = 0
        if left_out:
            self._add(self._assembler.flush())
            self._add(
                [
                    (
                        time_ns(),
                        f"[runlore: {left_out:,} bytes of output were not recorded here: too much at once]",
                        False,
                        (),
                    )
                ]
            )
        self._take(tail[cut:])


def _looks_of(text: str, lines: list[str], spans: list[list[Span]]) -> Looks:
    """The looks of those lines that are recorded as they were: where secrets were masked, places are not known."""
    if not any(spans):
        return {}
    recorded = text.split("\n")
    if len(recorded) != len(lines):
        return {}
    same = (found if now == before else [] for now, before, found in zip(recorded, lines, spans, strict=True))
    return _looks.gathered(same)
