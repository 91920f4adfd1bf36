"""Removing directories that other processes make and remove at the same moment."""

from __future__ import annotations

import errno
import os


def remove_if_empty(path: str) -> bool:
    """Remove a directory, unless something is in it. Returns whether it is gone."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def remove_tree(path: str) -> None:
    """Remove a file, or a directory with all that is in it, which another process may be removing, too.

    Raises:
        OSError: something in it cannot be removed.
    """
    import shutil

    while os.path.lexists(path):
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        except FileNotFoundError:  # noqa: PERF203 - a second attempt is the point of the loop
            continue  # the other one was faster with what was next
