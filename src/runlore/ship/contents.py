"""Contents on their way to the server: those that it lacks, several at once."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from queue import Empty, SimpleQueue
from time import sleep
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile
from runlore.files import open_binary
from runlore.ship.client import Busy, Client, Gap, Refused, TooLarge
from runlore.ship.connection import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from runlore.ship.spool import Spool

AT_ONCE = 4
_BATCH = 1000
_PIECE_BYTES = 256 * 1024
_TRIES = 5
_LARGEST_PART = 1 << 40
_SMALLEST_PART = 64 * 1024
_OTHERS_S = 0.1
"""Before contents are asked for again that somebody else is just sending."""


class OutgoingContents:
    """The contents of a spool. Used by one thread, which has helpers while something is sent.

    Args:
        spool: where they are.

    Attributes:
        known: digests of those that the server has.
        refused: digest → why the server does not take these.
        sent_bytes: so many were sent.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._listed_ns = -1
        self._queue: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self._helpers: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._queued: set[str] = set()
        self._awaited: set[str] = set()
        self._failure: Unreachable | OSError | None = None
        self._others: set[str] = set()
        self.known: set[str] = set()
        self.refused: dict[str, str] = {}
        self.sent_bytes = 0
        self._part = _LARGEST_PART

    def awaited(self) -> list[bytes]:
        """Digests, as they stand in journals, of contents that the server does not have yet."""
        with self._lock:
            return [digest.encode("ascii") for digest in self._awaited]

    def forget(self) -> None:
        """The server may have lost what it had."""
        self._listed_ns = -1
        with self._lock:
            self.known.clear()

    def send(self, client: Client, *, patience_s: float) -> None:
        """Find what is new in the spool, and have it sent.

        Args:
            client: for asking what is missing.
            patience_s: how long to wait for what is being sent; the rest goes on meanwhile.

        Raises:
            Unreachable, OSError: something could not be sent, or asked. The next call tries again.
        """
        changed_ns = self._spool.contents_changed_ns()
        if changed_ns != self._listed_ns:
            with self._lock:
                skipped = self.known | self._queued | self.refused.keys()
            new = [digest for digest in self._spool.contents() if digest not in skipped]
            for start in range(0, len(new), _BATCH):
                self._offer(client, new[start : start + _BATCH])
            self._listed_ns = changed_ns
        for helper in self._helpers:
            helper.join(patience_s)
        self._helpers = [helper for helper in self._helpers if helper.is_alive()]
        if self._others:  # once they have them, they are not missing any more
            self._others.clear()
            self._listed_ns = -1
            sleep(_OTHERS_S)
        failure, self._failure = self._failure, None
        if failure is not None:
            self._listed_ns = -1
            raise failure

    def _offer(self, client: Client, digests: list[str]) -> None:
        try:
            missing = client.missing(digests)
        except Refused as error:
            raise Unreachable(str(error)) from error
        with self._lock:
            here = set(digests) - missing.keys()
            self.known |= here
            self._awaited -= here
            self._queued |= missing.keys()
            self._awaited |= missing.keys()
        for item in missing.items():
            self._queue.put(item)
        while missing and len(self._helpers) < min(AT_ONCE, self._queue.qsize()):
            helper = threading.Thread(target=self._work, name="runlore-contents", daemon=True)
            try:
                helper.start()
            except RuntimeError:  # the interpreter is shutting down, or has no thread left
                self._work()
                break
            self._helpers.append(helper)

    def _work(self) -> None:
        with closing(Client(self._spool.address)) as client:
            while True:
                try:
                    digest, offset = self._queue.get_nowait()
                except Empty:
                    return
                self._deliver(client, digest, offset)

    def _deliver(self, client: Client, digest: str, offset: int) -> None:
        try:
            self._put(client, digest, offset)
        except Busy:
            self._others.add(digest)
        except (Unreachable, OSError) as error:
            self._failure = error
        except Refused as error:
            self._settle(digest, refused=str(error))
        else:
            self._settle(digest)
        finally:
            with self._lock:
                self._queued.discard(digest)  # what could not be sent is awaited still, and offered again

    def _settle(self, digest: str, refused: str = "") -> None:
        with self._lock:
            if refused:
                self.refused[digest] = refused
            else:
                self.known.add(digest)
            self._awaited.discard(digest)

    def _put(self, client: Client, digest: str, offset: int) -> None:
        """Send contents from an offset on, until the server has all of them.

        Raises:
            Unreachable, Refused, OSError: it did not come to that.
        """
        try:
            file = open_binary(self._spool.store.blob_path(digest))
        except (FileNotFoundError, DamagedFile):
            return  # swept meanwhile: nothing names it
        refusal: Refused | None = None
        with file:
            size = file.seek(0, os.SEEK_END)
            for _ in range(_TRIES):
                try:
                    if self._put_rest(client, digest, file, size, min(offset, size)):
                        return
                except Refused as error:  # noqa: PERF203 - another attempt is the point of the loop
                    if not isinstance(error, Gap) and error.status != 400:
                        raise
                    refusal = error  # of 400: what arrived did not match, and was thrown away
                    offset = error.offset if isinstance(error, Gap) else 0
        raise refusal or Unreachable("it does not say that contents arrived which were sent")

    def _put_rest(self, client: Client, digest: str, file: BinaryIO, size: int, offset: int) -> bool:
        """Send what comes behind the offset, in parts where all at once is too much; whether that was all."""
        while True:
            end = min(offset + self._part, size)
            try:
                file.seek(offset)
                is_complete = client.put(digest, size, offset, self._pieces(file, end - offset), end - offset)
            except TooLarge as error:
                if error.said.get("field") == "size" or self._part <= _SMALLEST_PART:
                    raise
                self._part = max(min(self._part, size) // 4, _SMALLEST_PART)
                continue
            if is_complete or end == size:
                return is_complete
            offset = end

    def _pieces(self, file: BinaryIO, length: int) -> Iterator[bytes]:
        while length > 0 and (piece := file.read(min(_PIECE_BYTES, length))):
            yield piece
            length -= len(piece)
            self.sent_bytes += len(piece)
