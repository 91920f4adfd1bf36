"""Waiting for one descriptor. `select.select` refuses descriptors above 1023, which busy programs have."""

from __future__ import annotations

import select


def readable(fd: int, timeout_s: float | None = None) -> bool:
    """Whether there is something to read, or nobody left who could write, within `timeout_s` (None: wait for it)."""
    return _wait(fd, select.POLLIN, timeout_s)


def writable(fd: int, timeout_s: float | None = None) -> bool:
    """Whether something can be written, or nobody is left to read it, within `timeout_s` (None: wait for it)."""
    return _wait(fd, select.POLLOUT, timeout_s)


def _wait(fd: int, event: int, timeout_s: float | None) -> bool:
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(None if timeout_s is None else max(0.0, timeout_s * 1000)))
