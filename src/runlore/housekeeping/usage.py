"""How much room the runs of some experiments take."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import RunNotFound
from runlore.housekeeping.garbage import tree_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.reader.session import Session

_AT_ONCE = 1_000


class Usage(NamedTuple):
    """Of some experiments.

    Attributes:
        runs: how many, those in the trash included: they take room too.
        bytes: of their files, and of the contents of their artifacts, each counted once.
    """

    runs: int
    bytes: int


def usage(session: Session, experiment: str | Sequence[str]) -> Usage:
    """What runs take on the disk.

    Args:
        session: a store that keeps files, up to date.
        experiment: name, glob or list of those.
    """
    runs = size = 0
    contents: dict[str, int] = {}
    for page in session.index.pages(None, "started", _AT_ONCE, experiment=experiment, include_deleted=True):
        for run in page.runs:
            try:
                size += tree_bytes(session.open_run(run).directory)
            except RunNotFound:
                continue  # removed meanwhile
            runs += 1
        for artifacts in session.index.artifacts([run.uid for run in page.runs]).values():
            contents.update((one.digest, one.size or 0) for one in artifacts if one.digest is not None)
    return Usage(runs, size + sum(contents.values()))
