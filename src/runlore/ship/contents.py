"""Contents on their way to the server: those that it lacks, several at once."""

from __future__ import annotations

import threading
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile
from runlore.files import open_binary
from runlore.ship.client import Client, Gap, Refused
from runlore.ship.connection import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from runlore.ship.spool import Spool

AT_ONCE = 4
_BATCH = 1000
_PIECE_BYTES = 256 * 1024
_TRIES = 5


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
        self.known: set[str] = set()
        self.refused: dict[str, str] = {}
        self.sent_bytes = 0

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
        failure, self._failure = self._failure, None
        if failure is not None:
            self._listed_ns = -1
            raise failure

    def _offer(self, client: Client, digests: list[str]) -> None:
        missing = client.missing(digests)
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
        try:
            file = open_binary(self._spool.store.blob_path(digest))
        except (FileNotFoundError, DamagedFile):
            return  # swept meanwhile: nothing names it
        with file:
            size = file.seek(0, 2)
            for _ in range(_TRIES):
                file.seek(min(offset, size))
                try:
                    if client.put(digest, size, file.tell(), self._pieces(file)):
                        return
                    break
                except Gap as gap:
                    offset = gap.offset
        raise Unreachable("it does not say that contents arrived which were sent")

    def _pieces(self, file: BinaryIO) -> Iterator[bytes]:
        while piece := file.read(_PIECE_BYTES):
            yield piece
            self.sent_bytes += len(piece)
