"""A journal on its way to the server: how much of it is final, how much the server has, and what comes next."""

from __future__ import annotations

import fcntl
import os
from time import monotonic
from typing import TYPE_CHECKING
from zlib import crc32

from runlore.errors import DamagedFile
from runlore.files import open_regular
from runlore.journal import liveness
from runlore.journal.beginning import BEGINNING_BYTES, FRAME_BYTES
from runlore.journal.committed import Committed
from runlore.ship.client import Client, Gap, Refused, TooLarge
from runlore.ship.connection import Unreachable

if TYPE_CHECKING:
    from collections.abc import Collection

    from runlore.ship.spool import SpooledJournal

PIECE_BYTES = 1 << 20
_FIRST_BYTES = 4 * FRAME_BYTES
"""Of the first piece, after which the server has said how much it has."""
_SMALLEST_BYTES = FRAME_BYTES
_SIGN_OF_LIFE_S = 30.0
_LOOK_AT_WRITER_S = 5.0
_DIGEST_BYTES = 64


class Outgoing:
    """One journal that is being sent. As long as it is, no other process sends it.

    Attributes:
        journal: what it is.
        final: bytes before this offset will not change.
        sent: so many the server has.
        is_over: nothing more will be written: it was closed, or its writer died.
    """

    def __init__(self, journal: SpooledJournal, descriptor: int) -> None:
        self.journal = journal
        self.final = 0
        self.sent = 0
        self.is_over = False
        self._died = False
        self._descriptor = descriptor
        self._committed = Committed(descriptor)
        self._told = b""
        self._piece = _FIRST_BYTES
        self._spoke = monotonic()
        self._looked = 0.0

    @classmethod
    def take(cls, journal: SpooledJournal) -> Outgoing | None:
        """Hold a journal; None: another process sends it, or it is gone."""
        try:
            descriptor = open_regular(journal.path, os.O_RDWR)
        except (OSError, DamagedFile):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        if not os.fstat(descriptor).st_nlink:  # it was sent while we waited for it
            os.close(descriptor)
            return None
        return cls(journal, descriptor)

    def let_go(self) -> None:
        """Let others send it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # copies of the descriptor in forked children hold nothing
        os.close(self._descriptor)

    def drop(self) -> None:
        """In a forked child: close the copy of the parent's descriptor; the parent goes on."""
        os.close(self._descriptor)

    @property
    def waiting(self) -> int:
        """Bytes that could be sent and were not."""
        return max(self.final - self.sent, 0)

    @property
    def is_begun(self) -> bool:
        """Whether the server has a record of it: its readers know of the run then."""
        return self.sent > self._committed.first

    @property
    def is_all_sent(self) -> bool:
        """Whether the server has all that there will ever be."""
        return self.is_over and self.sent >= self.final

    def look(self, *, eager: bool = False) -> None:
        """See how far the writer has come; and, every few seconds, whether it lives.

        Args:
            eager: see now whether it lives.

        Raises:
            OSError: the file cannot be read.
        """
        if self.is_over:
            return
        now = monotonic()
        if eager or now - self._looked > _LOOK_AT_WRITER_S:  # before reading: a dead writer writes no more
            self._looked = now
            alive, how = liveness.is_alive(self.journal.path, self._committed.header())
            self._died = not alive and how != "age"
        self.final = self._committed.advance()
        if self._committed.is_closed:
            self.is_over, self._died = True, False
        elif self._died:
            self.final = self._committed.end_of_dead()
            self.is_over = True

    def send(self, client: Client, most_bytes: int, awaited: Collection[bytes]) -> int:
        """Send some of what waits; returns how many bytes.

        Args:
            client: the server.
            most_bytes: as much, or a piece more.
            awaited: digests of contents that the server does not have yet: what names one waits.

        Raises:
            Unreachable, Refused: see `runlore.ship.client`.
            OSError: the file cannot be read.
        """
        begun = self.sent
        while self.sent < self.final and self.sent - begun < most_bytes:
            content = self._next_piece(awaited)
            if not content:
                break
            self._append(client, content)
        if self.sent == begun and not self.is_over and monotonic() - self._spoke > _SIGN_OF_LIFE_S:
            self._append(client, b"")
        return self.sent - begun

    def end(self, client: Client) -> None:
        """Say that all of it was sent. Once this returns the server has it on its disk.

        Raises:
            Unreachable, Refused, OSError: as for `send`.
        """
        journal, beginning = self.journal, self._committed.beginning()
        check, at = 0, BEGINNING_BYTES
        while at < self.final:
            piece = os.pread(self._descriptor, min(PIECE_BYTES, self.final - at), at)
            if not piece:
                raise Refused("the file was cut while it was sent", 0, {})
            check, at = crc32(piece, check), at + len(piece)
        if self.final >= BEGINNING_BYTES:
            client.end(journal.experiment, journal.uid, journal.writer, size=self.final, crc32=check,
                       beginning=beginning, died=self._died)  # fmt: skip

    def go_back(self, offset: int) -> None:
        """The server has less than was thought: go on from there."""
        self.sent = min(offset, self.sent)

    def _next_piece(self, awaited: Collection[bytes]) -> bytes:
        """What comes next, as far as it names nothing that is awaited; frames are not cut where that can be helped."""
        end = min(self.sent + self._piece, self.final)
        aligned = end - end % FRAME_BYTES
        if end < self.final and aligned > self.sent:
            end = aligned
        found = os.pread(self._descriptor, end - self.sent + (_DIGEST_BYTES if awaited else 0), self.sent)
        content = found[: end - self.sent]
        places = [place for place in map(found.find, awaited) if place >= 0]
        if places:
            stop = self.sent + min(places)
            content = content[: max(stop - stop % FRAME_BYTES - self.sent, 0)]
        if self.sent == 0 and len(content) >= BEGINNING_BYTES:
            return self._committed.beginning() + content[BEGINNING_BYTES:]
        return content

    def _append(self, client: Client, content: bytes) -> None:
        journal = self.journal
        now = self._committed.beginning()
        beginning = now if self.sent and now != self._told else b""
        try:
            has = client.append(journal.experiment, journal.uid, journal.writer, self.sent, content, beginning)
        except TooLarge:
            if self._piece <= _SMALLEST_BYTES:
                raise
            self._piece = max(self._piece // 2, _SMALLEST_BYTES)
            return
        except Gap as gap:
            if gap.offset >= self.sent:
                raise Unreachable("it wants bytes that it says it has") from gap
            raise
        if has < self.sent + len(content):
            raise Unreachable("it took fewer bytes than were sent, and says that it took all")
        if self._piece == _FIRST_BYTES:
            self._piece = PIECE_BYTES
        self._told = content[:BEGINNING_BYTES] if self.sent == 0 and content else now
        self.sent, self._spoke = has, monotonic()
