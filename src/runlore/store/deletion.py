"""Removing an experiment for good: its runs, and the claims of their numbers.

Run directories are first moved out of the way, each by one rename, so that a reader sees a run whole or not at all;
what a killed deletion left behind is removed by the next one.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from runlore.names import check_path_name, encode_path, is_uid

if TYPE_CHECKING:
    from runlore.store.directory import DirectoryStore

REMOVED = "removed"
"""Directory of a store that holds what is being deleted."""


def delete_experiment(store: DirectoryStore, experiment: str) -> int:
    """Remove all runs of an experiment, not of those below it, and the claims of numbers that no run holds any more.

    A run that is started meanwhile stays, and keeps its number.

    Returns:
        How many runs were removed.

    Raises:
        InvalidName: it cannot be the name of an experiment.
        OSError: the store cannot be written to.

    Example:
        >>> from runlore.store import open_store
        >>> store = open_store(".runlore", create=True)
        >>> store.create_run("iris", "0" * 32), store.claim_number("iris", "0" * 32)
        (True, 1)
        >>> delete_experiment(store, "iris"), store.claim_number("iris", "1" * 32)
        (1, 1)
    """
    path = encode_path(check_path_name(experiment, "experiment"))
    runs = os.path.join(store.runs_root, path)
    claims = os.path.join(store.root, "numbers", path)
    removed = os.path.join(store.root, REMOVED)
    os.makedirs(removed, exist_ok=True)
    uids = [name for name in _names(runs) if is_uid(name)]
    moved = sum(_move(os.path.join(runs, uid), os.path.join(removed, uid)) for uid in uids)
    for number in _names(claims):
        if number.isdigit() and not _is_held(os.path.join(claims, number), runs):
            os.unlink(os.path.join(claims, number))
    for directory in (runs, claims):
        if os.path.isdir(directory) and not os.listdir(directory):
            os.rmdir(directory)
    shutil.rmtree(removed)
    return moved


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _move(source: str, target: str) -> bool:
    """Whether this call moved it, and not another deletion."""
    try:
        os.rename(source, target)
    except FileNotFoundError:
        return False
    return True


def _is_held(claim: str, runs: str) -> bool:
    """Whether a run that exists holds the number. A run's directory is made before its number is claimed."""
    with open(claim, encoding="ascii") as file:
        uid = file.read(32)
    return not uid or os.path.isdir(os.path.join(runs, uid))
