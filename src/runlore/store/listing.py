"""Every run directory of a store, found by listing directories: what is there, whatever a catalog says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.names import is_uid

if TYPE_CHECKING:
    from collections.abc import Iterator


def run_directories(runs_root: str) -> Iterator[str]:
    """The directories of all runs below the store's runs/ directory, experiment by experiment, oldest run first."""
    pending = [runs_root]
    while pending:
        directory = pending.pop()
        try:
            with os.scandir(directory) as entries:
                folders = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            continue  # removed meanwhile
        for name in folders:
            path = os.path.join(directory, name)
            if is_uid(name):
                yield path
        pending.extend(os.path.join(directory, name) for name in reversed(folders) if not is_uid(name))
