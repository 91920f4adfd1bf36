"""How many requests one caller may send: a bucket for each token, session or user, which all workers share.

The buckets lie in a file that has no name, which the workers map into their memory. Of each one moment is kept: when it
would be full again. Workers take turns by a lock on the file, which the system lets go of where a worker dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import mmap
import os
import struct
import tempfile
import threading
from time import monotonic
from typing import TYPE_CHECKING

from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.caller import Caller

BURST_S = 10.0
"""What was not sent may be sent later, as much as of so many seconds."""
_ROWS, _IN_ROW = 2_048, 8
"""Buckets that are remembered: a caller has its row, and in it the place of the bucket that is fullest."""
_BUCKET = struct.Struct("<16sd")
"""Whose it is; when it is full again, as `monotonic` counts, which is the same for all processes of a machine."""
_ROW_BYTES = _IN_ROW * _BUCKET.size


class Rates:
    """See the module. Threads may share it, and processes that are forked from the one that made it.

    Args:
        per_second: requests that one caller may send in the long run; None: as many as it likes.
        taken: descriptor of another one's, which is shared with it; None: a new one.
    """

    def __init__(self, per_second: float | None, taken: int | None = None) -> None:
        self._per_second = per_second
        if per_second is None:
            return
        self._turn = threading.Lock()
        self._file = tempfile.TemporaryFile() if taken is None else os.fdopen(taken, "r+b")  # noqa: SIM115 - see `close`
        os.posix_fallocate(self._file.fileno(), 0, _ROWS * _ROW_BYTES)  # so that no page of it lacks room later
        self._buckets = mmap.mmap(self._file.fileno(), _ROWS * _ROW_BYTES)

    @property
    def descriptor(self) -> int:
        """Of the file by which others share it; -1 where there is no limit."""
        return -1 if self._per_second is None else self._file.fileno()

    def take(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            Problem: it is one too many (429); the header says in how many seconds there is room again.
        """
        if self._per_second is None:
            return
        kind, name = ("token", caller.token) if caller.token is not None else ("user", str(caller.user))
        whose = hashlib.blake2b(f"{kind} {name}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self._turn:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                left = self._take(whose, self._per_second)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
        if left < 1.0:
            wait_s = math.ceil((1.0 - left) / self._per_second)
            raise Problem(
                429, f"more than {self._per_second:g} requests a second came with this {kind}; go on in "
                f"{wait_s} seconds",
                headers={"retry-after": str(wait_s)},
            )  # fmt: skip

    def close(self) -> None:
        """Let go of the memory; other processes keep theirs."""
        if self._per_second is not None:
            self._file.close()
            self._buckets.close()

    def _take(self, whose: bytes, per_second: float) -> float:
        """How many requests were left; one of them is taken, if there was one."""
        most, now = max(per_second * BURST_S, 1.0), monotonic()
        place, full_s = self._found(whose)
        left = most - max(full_s - now, 0.0) * per_second
        if left >= 1.0:
            _BUCKET.pack_into(self._buckets, place, whose, max(full_s, now) + 1.0 / per_second)
        return left

    def _found(self, whose: bytes) -> tuple[int, float]:
        """Where the bucket is, and when it is full. One that is not there is full, and takes the place of another."""
        row = int.from_bytes(whose[:4], "little") % _ROWS * _ROW_BYTES
        places = range(row, row + _ROW_BYTES, _BUCKET.size)
        known = [(_BUCKET.unpack_from(self._buckets, place), place) for place in places]
        for (owner, full_s), place in known:
            if owner == whose:
                return place, full_s
        return min(known, key=lambda bucket: bucket[0][1])[1], 0.0
