"""From the bytes that a program writes to the lines that are recorded: what a terminal would show in the end.

Carriage returns, backspaces, cursor movements and erasures are carried out, so a progress bar is the final state of its
line. Colours are kept beside the text (`_looks`); other escape sequences are dropped. So a record cannot control the
reader's terminal, and its text can be searched.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from runlore.capture import _looks

MAX_PIECE_CHARACTERS = 16_384
"""A longer line comes in pieces, so that memory is bounded; all but the last of them say that they go on."""
BREAK_CHARACTERS = 4096
"""How far back a space is looked for at which a piece may end, so that no word falls into two."""
WINDOW_ROWS = 40
"""Rows that stay open once a program moves the cursor up, or hides it: as many progress bars may be drawn anew."""
_MAX_ARGUMENTS = 128
"""Of a sequence that sets colours; a longer one is none."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_TOKEN = re.compile(
    r"\x1b\[(?P<arguments>[0-?]*)[ -/]*(?P<command>[@-~])"
    r"|\x1b[ -/]+[0-~]|\x1b[0-Z\\`-~]"
    r"|(?P<control>[\x00-\x08\n-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x08\n-\x1f\x7f]+)"
)
_STRING = re.compile(r"\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|(?=\x1b)|\Z)")
"""Titles, links and other texts for the terminal itself."""
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,4096}\x1b?|[ -/]*)?\Z")


if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from runlore.capture._looks import Span

    Piece: TypeAlias = tuple[int, str, bool, tuple[Span, ...]]
    """A line, or a piece of one: when it last changed (ns), its text without line end, whether the next one goes on,
    and where it does not look plain."""


class LineAssembler:
    """Turns chunks of output into finished lines, each with the time at which it last changed."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._rows = [""]
        self._spans: list[list[Span]] = [[]]
        self._times = [0]
        self._go_on = [False]
        self._look = _looks.PLAIN
        self._row = 0
        self._column = 0
        self._window = 0

    def feed(self, data: bytes, time_ns: int) -> list[Piece]:
        """The lines that these bytes finish."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        if "\x1b" in text:
            unfinished = _UNFINISHED.search(text, max(0, len(text) - 4200))
            if unfinished:
                self._rest = text[unfinished.start() :]
                text = text[: unfinished.start()]
            text = _STRING.sub("\x00", text)  # which shows nothing, and keeps apart what stood around it
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            if text.endswith("\r"):  # the newline may come with the next chunk
                text, self._rest = text[:-1], "\r" + self._rest
        if self._is_plain() and not _CONTROL.search(text):
            return self._feed_plain(text, time_ns)
        for token in _TOKEN.finditer(text):
            self._apply(token, time_ns)
        return self._finished()

    def flush(self) -> list[Piece]:
        """Everything that is still open, the last line without its end included. The assembler starts anew."""
        pieces = self._take(len(self._rows))
        if pieces and not pieces[-1][1]:
            pieces.pop()
        if pieces and pieces[-1][2]:
            pieces[-1] = (*pieces[-1][:2], False, pieces[-1][3])
        self._rows, self._spans, self._times, self._go_on = [""], [[]], [0], [False]
        self._row, self._column, self._rest, self._window, self._look = 0, 0, "", 0, _looks.PLAIN
        return pieces

    def _is_plain(self) -> bool:
        return (
            not (self._window or self._look or self._spans[0])
            and len(self._rows) == 1
            and self._column == len(self._rows[0])
        )

    def _feed_plain(self, text: str, time_ns: int) -> list[Piece]:
        first_ns = self._times[0] if self._times[0] and text.startswith("\n") else time_ns
        *lines, rest = (self._rows[0] + text).split("\n")
        pieces: list[Piece] = []
        for index, line in enumerate(lines):
            changed_ns = time_ns if index else first_ns
            if len(line) <= MAX_PIECE_CHARACTERS:
                pieces.append((changed_ns, line.rstrip(), False, ()))
            else:
                pieces += split(changed_ns, line)
        if len(rest) > MAX_PIECE_CHARACTERS:
            *finished, (_, rest, _, _) = split(time_ns, rest, is_whole=False)
            pieces += finished
        self._rows, self._times, self._go_on, self._column = [rest], [time_ns if rest else 0], [False], len(rest)
        return pieces

    def _apply(self, token: re.Match[str], time_ns: int) -> None:
        text, control, command = token.group("text", "control", "command")
        if text:
            self._write(text, time_ns)
        elif control == "\n":
            self._move_to(self._row + 1)
            self._times[self._row - 1] = self._times[self._row - 1] or time_ns
            self._column = 0
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(0, self._column - 1)
        elif command:
            self._command(command, token.group("arguments"))

    def _command(self, command: str, arguments: str) -> None:
        number = int(arguments) if arguments.isdecimal() and len(arguments) < 5 else 0
        if command in "mhl":
            self._mode(command, arguments)
        elif command in "AF":
            self._row = max(0, self._row - (number or 1))
            self._window = 200
            self._column = 0 if command == "F" else self._column
        elif command in "BE":
            self._move_to(self._row + min(number or 1, WINDOW_ROWS))
            self._column = 0 if command == "E" else self._column
        elif command in "CD":
            self._column = max(0, self._column + (1 if command == "C" else -1) * min(number or 1, 500))
        elif command == "G":
            self._column = max(0, min(number, 500) - 1)
        elif command == "K":
            row = self._rows[self._row]
            before = row[: self._column] if number == 0 else " " * self._column if number == 1 else ""
            self._rows[self._row] = before + (row[self._column :] if number == 1 else "")
            erased = (0, self._column) if number == 1 else (len(before), len(row))
            _looks.paint(self._spans[self._row], *erased, _looks.PLAIN)
        elif command == "J" and number == 0:
            self._rows[self._row] = self._rows[self._row][: self._column]
            _looks.cut(self._spans[self._row], self._column)
            for rows in (self._rows, self._spans, self._times, self._go_on):
                del rows[self._row + 1 :]

    def _mode(self, command: str, arguments: str) -> None:
        if command == "m" and len(arguments) <= _MAX_ARGUMENTS:
            self._look = _looks.changed(self._look, arguments)
        elif arguments == "?25":  # a cursor is hidden while bars are drawn: rows may be returned to
            self._window = 200 if command == "l" else 0

    def _write(self, text: str, time_ns: int) -> None:
        if self._column >= MAX_PIECE_CHARACTERS:
            self._go_on[self._row] = True
            self._move_to(self._row + 1)
            self._column = 0
        row = self._rows[self._row]
        if len(row) < self._column:
            row = row.ljust(self._column)
        self._rows[self._row] = row[: self._column] + text + row[self._column + len(text) :]
        self._times[self._row] = time_ns
        if self._look or self._spans[self._row]:
            _looks.paint(self._spans[self._row], self._column, self._column + len(text), self._look)
        self._column += len(text)

    def _move_to(self, row: int) -> None:
        while row >= len(self._rows):
            self._rows.append("")
            self._spans.append([])
            self._times.append(0)
            self._go_on.append(False)
        self._row = row

    def _finished(self) -> list[Piece]:
        keep = self._row if self._window == 0 else max(0, min(self._row, len(self._rows) - WINDOW_ROWS))
        pieces = self._take(keep)
        self._row -= keep
        self._window = max(0, self._window - keep)
        return pieces

    def _take(self, count: int) -> list[Piece]:
        """Take the first rows out; those that were never written to are none."""
        pieces: list[Piece] = []
        taken = zip(self._times[:count], self._rows, self._spans, self._go_on, strict=False)
        for time_ns, row, spans, goes_on in taken:
            if time_ns or (pieces and pieces[-1][2]):
                pieces += split(time_ns, row, spans, is_whole=not goes_on)
                if goes_on:
                    pieces[-1] = (*pieces[-1][:2], True, pieces[-1][3])
        del self._rows[:count], self._spans[:count], self._times[:count], self._go_on[:count]
        return pieces


def as_shown(text: str) -> str:
    r"""What a terminal would show of a text in the end.

    Example:
        >>> as_shown("10%\r\x1b[32m100%\x1b[0m\ndone\n")
        '100%\ndone'
    """
    assembler = LineAssembler()
    parts: list[str] = []
    for _, piece, goes_on, _ in [*assembler.feed(text.encode("utf-8", "replace"), 1), *assembler.flush()]:
        parts += (piece, "" if goes_on else "\n")
    return "".join(parts).removesuffix("\n")


def split(time_ns: int, line: str, spans: Sequence[Span] = (), *, is_whole: bool = True) -> list[Piece]:
    """A line in pieces, of which all but the last go on. Spaces at the end of a whole line are left out."""
    line = line.rstrip() if is_whole else line
    pieces: list[Piece] = []
    begin = 0
    while len(line) - begin > MAX_PIECE_CHARACTERS:
        limit = begin + MAX_PIECE_CHARACTERS
        end = line.rfind(" ", limit - BREAK_CHARACTERS, limit) + 1 or limit
        pieces.append((time_ns, line[begin:end], True, _looks.part(spans, begin, end) if spans else ()))
        begin = end
    return [*pieces, (time_ns, line[begin:], False, _looks.part(spans, begin, len(line)) if spans else ())]
