"""Putting sealed files in the place of those of a run: the one routine of all who make some.

`events.parquet` is the commit mark. Whoever made new files goes through these steps, and a crash or a loss of power
after any of them loses nothing:

1. write points and events to temporary files, and have them on the disk;
2. rename the points to `metrics-<generation>.parquet`, which nobody reads yet;
3. rename the events to `events.parquet`, which names that generation: from here on, this is the run;
4. rename the points to `metrics.parquet`.

The directory is brought to the disk after each renaming. Whatever is left behind is finished or cleared away by
`settle`, with which the next sealing of the run begins.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runlore.errors import NotStored
from runlore.files import open_binary, sync_path
from runlore.model import new_uid
from runlore.store.sealed.files import EVENTS, METRICS, generation_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.store.seal_lock import Lock
    from runlore.store.sealed.files import Sealed

_TEMPORARY = "sealing-"
_PIECE_BYTES = 1 << 20


class LockLost(NotStored):
    """Somebody else took the sealing of a run over. The run is as it was."""


class Replacement:
    """New sealed files of a run, while they are made: see `replacing`.

    Attributes:
        directory: the run's.
        metrics: where the points are to be written; nothing, if those of the generation that is there stay.
        events: where the events are to be written.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        name = os.path.join(directory, f"{_TEMPORARY}{new_uid()}")
        self.metrics = f"{name}-metrics.tmp"
        self.events = f"{name}-events.tmp"

    def copy(self, source: Sealed) -> None:
        """Take the sealed files of another copy of the run.

        Raises:
            DamagedFile, FileNotFoundError: they are not there any more.
        """
        with source.metrics() as metrics:
            _copy(metrics.path, self.metrics)
        _copy(source.path, self.events)

    def commit(self, generation: str, lock: Lock) -> None:
        """Make these the sealed files of the run. They are on the disk then, under their names.

        Args:
            generation: the one that the events name.
            lock: the run's lock for sealing.

        Raises:
            LockLost: somebody else took the sealing over. The run is as it was.
            OSError: the disk is full, or failing. The run is as it was, or has the new files.
        """
        made = [path for path in (self.metrics, self.events) if os.path.exists(path)]
        for path in made:
            sync_path(path)
        if not lock.held():
            raise LockLost(f"another process took over the sealing of the run {self.directory!r}, which is as it was")
        if self.metrics in made:
            os.rename(self.metrics, generation_path(self.directory, generation))
            sync_path(self.directory)
        os.rename(self.events, os.path.join(self.directory, EVENTS))
        sync_path(self.directory)
        _settle_metrics(self.directory, generation)


@contextmanager
def replacing(directory: str) -> Iterator[Replacement]:
    """New sealed files for a run. What was not committed when the block ends is gone then.

    Args:
        directory: the run's, whose lock for sealing the caller holds.
    """
    new = Replacement(directory)
    try:
        yield new
    finally:
        for path in (new.metrics, new.events):
            if os.path.exists(path):
                os.unlink(path)


def settle(directory: str, run: Sealed | None) -> None:
    """Finish what was committed by somebody who was killed then, and clear away what was not.

    Args:
        directory: the run's, whose lock for sealing the caller holds.
        run: its sealed files.
    """
    for name in os.listdir(directory):
        if name.startswith(_TEMPORARY) and name.endswith(".tmp"):
            os.unlink(os.path.join(directory, name))
    if run is not None:
        _settle_metrics(directory, run.about["generation"])
    for name in os.listdir(directory):
        if name.startswith("metrics-") and name.endswith(".parquet"):
            os.unlink(os.path.join(directory, name))


def _settle_metrics(directory: str, generation: str) -> None:
    """Give the committed points their usual name."""
    path = generation_path(directory, generation)
    if os.path.exists(path):
        os.rename(path, os.path.join(directory, METRICS))
        sync_path(directory)


def _copy(source: str, target: str) -> None:
    with open_binary(source) as there, open(target, "xb") as here:
        shutil.copyfileobj(there, here, _PIECE_BYTES)
