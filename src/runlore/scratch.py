"""Room for what need not outlive the process: a directory that is made when it is needed, and removed at the end."""

from __future__ import annotations

import os

from runlore.errors import NotStored

_made: tuple[int, str] | None = None
"""The process that made it, and where it is."""


def scratch_directory() -> str:
    """A private directory of this process, below `TMPDIR` or wherever else the system has room for temporary files.

    Raises:
        NotStored: no such place can be written to.
    """
    global _made  # noqa: PLW0603 - one directory a process
    pid = os.getpid()
    if _made is None or _made[0] != pid or not os.path.isdir(_made[1]):
        import atexit
        import tempfile

        try:
            path = tempfile.mkdtemp(prefix="runlore-")
        except OSError as error:
            raise NotStored(
                f"no directory for temporary files can be written to ({error}); name one with TMPDIR"
            ) from error
        _made = pid, path
        atexit.register(_remove, pid, path)
    return _made[1]


def _remove(pid: int, path: str) -> None:
    if os.getpid() == pid:  # a forked child does not take away what its parent uses
        import shutil

        shutil.rmtree(path, ignore_errors=True)
