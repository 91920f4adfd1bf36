"""What a run's files gained since the catalog looked: read outside of any transaction."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.catalog.journals import JournalsReader, Mark
from runlore.catalog.packed import Packed, unpack
from runlore.journal.decode import Context
from runlore.store.summary import RunSummary

if TYPE_CHECKING:
    from runlore.catalog.changes import Candidate

_SEALED = "events.parquet"


class Known(NamedTuple):
    """What the catalog has of a run."""

    run_id: int
    row: tuple[object, ...]
    """Of `runs`, but for the id."""
    packed: Packed
    points: int
    sealed: str | None
    state: str


class Gain(NamedTuple):
    """A run as it is now, to be written if the catalog still has what it was read from."""

    path: str
    mtime_ns: int
    known: Known | None
    summary: RunSummary
    """Of the whole run; its `artifacts` are those that were gained."""
    marks: dict[str, Mark]
    alive: bool | None
    """Whether some writer lives; None: every journal is closed."""
    liveness: str | None
    settled: bool
    """Nothing more can come without the directory changing."""
    sealed: str | None
    replaces: bool
    """All of the run was read anew, its artifacts too."""


def read_run(root: str, candidate: Candidate, known: Known | None) -> Gain | None:
    """Read what a run's files gained. None where the directory vanished meanwhile.

    Args:
        root: the store's runs/ directory.
        candidate: which run.
        known: what the catalog has of it.
    """
    directory = os.path.join(root, candidate.path)
    sealed = _sealed_identity(directory)
    replaces = known is None or sealed != known.sealed
    if known is not None and not replaces:
        summary, marks = unpack(known.packed, known.points)
    elif sealed:
        summary, marks = _read_sealed(directory)
    else:
        summary, marks = RunSummary(), {}
    reader = JournalsReader(directory, summary, marks)
    if not reader.read():
        return None
    return Gain(
        candidate.path, candidate.mtime_ns, known, summary, marks, reader.alive, reader.liveness, reader.settled,
        sealed, replaces,
    )  # fmt: skip


def _read_sealed(directory: str) -> tuple[RunSummary, dict[str, Mark]]:
    from runlore.store.sealed.files import read_summary

    footer = read_summary(directory)
    marks = {
        writer: Mark(
            Context.load(about["context"]).offset,
            "sealed",
            about["context"],
            about["lost"],
            json.dumps(about["damage"]),
        )
        for writer, about in footer["writers"].items()
    }
    return RunSummary.load(footer["summary"]), marks


def _sealed_identity(directory: str) -> str | None:
    try:
        found = os.stat(os.path.join(directory, _SEALED))
    except FileNotFoundError:
        return None
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"
