"""Waiting for descriptors. `select.select` refuses descriptors above 1023, which busy programs have."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def readable(fd: int, timeout_s: float | None = None) -> bool:
    """Whether there is something to read, or nobody left who could write, within `timeout_s` (None: wait for it)."""
    return bool(_wait((fd,), select.POLLIN, timeout_s))


def any_readable(fds: Iterable[int], timeout_s: float | None = None) -> list[int]:
    """Those of which `readable` is true, as soon as there is one."""
    return _wait(fds, select.POLLIN, timeout_s)


def writable(fd: int, timeout_s: float | None = None) -> bool:
    """Whether something can be written, or nobody is left to read it, within `timeout_s` (None: wait for it)."""
    return bool(_wait((fd,), select.POLLOUT, timeout_s))


def _wait(fds: Iterable[int], event: int, timeout_s: float | None) -> list[int]:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, event)
    return [fd for fd, _ in poll.poll(None if timeout_s is None else max(0.0, timeout_s * 1000))]
