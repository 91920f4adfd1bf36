"""Whether the program has had child processes, which inherit its output and may hold it open.

The captures' own children (git, the forwarder) are given descriptors of their own and do not count.
"""

from __future__ import annotations

import os
import resource
import signal

_own_faults = 0


def made() -> int | None:
    """A number that grows with every child that the program made and waited for; None while one may be there."""
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        return None  # the kernel forgets children at once: nobody can tell
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - _own_faults
    return None


def collect(pid: int, options: int = 0) -> tuple[int, int]:
    """As `os.waitpid`, for a child of our own.

    Raises:
        ChildProcessError: the program collected it itself.
    """
    global _own_faults  # noqa: PLW0603 - one account for the process
    collected, status, used = os.wait4(pid, options)
    if collected:
        _own_faults += used.ru_minflt
    return collected, status


def _after_fork() -> None:
    global _own_faults  # noqa: PLW0603 - the child has had no children yet
    _own_faults = 0


os.register_at_fork(after_in_child=_after_fork)
