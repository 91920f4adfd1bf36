"""What a run's files gained since the catalog looked: read outside of any transaction."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from runlore.catalog.journals import SEALED, JournalsReader, Mark
from runlore.catalog.packing import Packed, unpack
from runlore.errors import DamagedFile, RunloreError
from runlore.files import refuse_others
from runlore.journal.decode import Context
from runlore.store.summary import RunSummary

if TYPE_CHECKING:
    from runlore.catalog.changes import Candidate

MALFORMED = (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError)
"""What goes wrong where a stranger's files say something else than Runlore would have written."""

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


@dataclass
class Gain:
    """A run as it is now, to be written if the catalog still has what it was read from."""

    path: str
    mtime_ns: int
    known: Known | None
    summary: RunSummary = field(default_factory=RunSummary)
    """Of the whole run; its `artifacts` are those that were gained."""
    marks: dict[str, Mark] = field(default_factory=dict)
    alive: bool | None = None
    """Whether some writer lives; None: every journal is closed."""
    liveness: str | None = None
    settled: bool = True
    """Nothing more can come without the directory changing."""
    sealed: str | None = None
    replaces: bool = False
    """All of the run was read anew, its artifacts too."""
    damage: list[str] = field(default_factory=list)
    """What of the run cannot be read, besides damage in its journals."""

    @property
    def uid(self) -> str:
        """Of the run: the name of its directory."""
        return self.path.rpartition("/")[2]


def read_run(root: str, candidate: Candidate, known: Known | None) -> Gain | None:
    """Read what a run's files gained. None where the directory vanished meanwhile, or where nothing is recorded yet.

    A run of which nothing is recorded is just being made, or who made it was killed before it recorded anything. It is
    looked at again: its first journal will not change its directory's time.

    A run that cannot be read is damaged, and is looked at again the next time; it costs no other run anything.

    Args:
        root: the store's runs/ directory.
        candidate: which run.
        known: what the catalog has of it.
    """
    gain = Gain(candidate.path, candidate.mtime_ns, known)
    try:
        return _read_files(root, gain)
    except (RunloreError, OSError) as error:
        return unreadable(gain, str(error))
    except MALFORMED as error:
        return unreadable(gain, f"what its files say makes no sense: {error!r}")


def unreadable(gain: Gain, problem: str) -> Gain:
    """Of a run that cannot be read, that it is there."""
    return Gain(gain.path, gain.mtime_ns, gain.known, settled=False, replaces=True, damage=[problem])


def _read_files(root: str, gain: Gain, *, anew: bool = False) -> Gain | None:
    """Read what a run's files gained; or all of it, anew."""
    directory = os.path.join(root, gain.path)
    known = gain.known
    footer = None
    try:
        gain.sealed = _sealed_identity(directory)
        if gain.sealed and (anew or known is None or gain.sealed != known.sealed):
            footer = _read_footer(directory)
    except (RunloreError, OSError) as error:
        gain.sealed = None
        gain.damage.append(str(error))
    gain.replaces = anew or known is None or footer is not None or gain.sealed != known.sealed
    if footer is not None:
        gain.summary, gain.marks = footer
    elif known is not None and not gain.replaces:
        gain.summary, gain.marks = unpack(known.packed, known.points)
    reader = JournalsReader(directory, gain.summary, gain.marks)
    if not reader.read():
        return None
    if reader.is_doubtful and not gain.replaces:
        return _read_files(root, Gain(gain.path, gain.mtime_ns, known), anew=True)
    gain.damage += reader.unreadable
    is_begun = gain.marks and (not reader.alive or gain.summary.detail.last_ns)
    if known is None and not (is_begun or gain.sealed or gain.damage):
        return None
    gain.alive, gain.liveness = reader.alive, reader.liveness
    gain.settled = reader.settled and not gain.damage
    return gain


def _read_footer(directory: str) -> tuple[RunSummary, dict[str, Mark]]:
    """What the footer of a sealed run says of it, and of how far each journal was taken in.

    Raises:
        DamagedFile, UnsupportedFormat, OSError: it cannot be read.
    """
    from runlore.store.sealed.files import read_summary

    footer = read_summary(directory)
    marks = {}
    try:
        for writer, about in footer["writers"].items():
            offset = Context.load(about["context"]).offset
            marks[writer] = Mark(offset, SEALED, about["context"], about["lost"], json.dumps(about["damage"]))
        return RunSummary.load(footer["summary"]), marks
    except MALFORMED as error:
        raise DamagedFile(f"the footer of {_SEALED} of the run {directory!r} makes no sense: {error!r}") from error


def _sealed_identity(directory: str) -> str | None:
    """Which sealed files the run has; None: none.

    Raises:
        DamagedFile: something that is no file is in their place.
    """
    path = os.path.join(directory, _SEALED)
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    refuse_others(path)
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"
