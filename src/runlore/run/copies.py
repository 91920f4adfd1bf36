"""Copies of a run's handle: within the process the handle itself, in another process one that joins the run.

A handle crosses to another process by what names its run, never by what it holds. Where it arrives it opens a journal
of its own with its first record, as a forked child's does; a copy that only travels along leaves no trace.
"""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING, Any

from runlore import config
from runlore.journal import format as fmt
from runlore.journal import liveness, open_journal
from runlore.run import ends

if TYPE_CHECKING:
    from runlore.run.handle import Run

_HEADER_BYTES = 4096
_arrived: dict[str, Run] = {}
"""Handles that came from other processes, by uid: each run has one."""


def restore(kind: type[Run], about: dict[str, Any]) -> Run:
    """The handle that was copied: this process's own, where it has one, else a new one that joins the run.

    A run that was over when it was copied, or is over by now, gets a handle that takes nothing more.

    Args:
        kind: the handle's class.
        about: what `Run.__reduce__` says of it.
    """
    known = ends.open_runs.get(about["uid"]) or _arrived.get(about["uid"])
    if known is not None and not known.ended:
        return known
    directory = os.path.join(about["path"], fmt.JOURNAL)
    journal = open_journal(directory, about["uid"], config.journal_mode(), fsync=config.fsync(), create=False)
    run = kind(
        about["store"], journal, uid=about["uid"], number=about["number"], experiment=about["experiment"],
        path=about["path"], name=about["name"], owner=False,
    )  # fmt: skip
    over = about["ended"] or not _goes_on(about["origin"])
    run._adopt(about, over=over)  # noqa: SLF001 - the other half of `Run.__reduce__`
    if not over:
        _arrived[run.uid] = run
    return run


def _goes_on(path: str) -> bool:
    """Whether the writer of this journal lives, which is what the copied handle recorded with."""
    try:
        with open(path, "rb") as file:
            data = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return False  # the run was sealed since, or removed
    except OSError:
        return True  # nothing says that it is over
    try:
        length = fmt.FILE_HEADER.unpack_from(data)[4]
        header = dict(json.loads(data[fmt.HEADER_BYTES : fmt.HEADER_BYTES + length]))
    except (ValueError, TypeError, struct.error):
        header = {"lock": True}
    return liveness.is_alive(path, header)[0]
