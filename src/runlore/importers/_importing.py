"""The import of a source, run by run, and the report that proves it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from runlore.errors import RunNotFound, StoreNotFound
from runlore.importers._counting import count
from runlore.importers._names import path_name
from runlore.importers._proof import Tally
from runlore.importers._reading import records_of
from runlore.importers._writing import RunWriter
from runlore.names import check_path_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.importers._records import LiveSource, Source, SourceRun
    from runlore.store.base import Store

ADDED, EXTENDED, UNCHANGED = "added", "extended", "unchanged"
"""What became of a run: it is new here, got what was missing, had everything."""

NEW, KNOWN = "new", "known"
"""What a dry run says of a run: it would be new here, or is here, whether or not something is missing."""


@dataclass
class Taken:
    """One run of the source, and what became of it.

    Attributes:
        id: what the source calls it.
        uid: of the run here.
        experiment: where it is.
        number: in the experiment; None where it is not known.
        state: `added`, `extended` or `unchanged`; in a dry run `new` or `known`.
        source: what the source gave.
        store: what the store has of that, read back; None in a dry run.
        sample: the latest points of a few series, from both sides.
        problems: what was left out, and why.
    """

    id: str
    uid: str
    experiment: str
    number: int | None = None
    state: str = NEW
    source: Tally = field(default_factory=Tally)
    store: Tally | None = None
    sample: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        """Whether the store has what the source gave, and no other points."""
        return self.store is None or self.store == self.source

    def to_json(self) -> dict[str, Any]:
        """As it stands in a report."""
        sides = {"source": self.source.to_json(), "store": self.store.to_json() if self.store else None}
        return {**vars(self), **sides, "same": self.is_same}


@dataclass
class Report:
    """What an import did, and the proof of it.

    Attributes:
        kind: of the source.
        location: of the source.
        dry: whether nothing was written.
        runs: each run of the source.
        problems: what of the source is no run that can be read.
    """

    kind: str
    location: str
    dry: bool
    runs: list[Taken] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether all was taken in, and the store has all of it."""
        return not self.problems and all(run.is_same and not run.problems for run in self.runs)

    def total(self) -> Tally:
        """What the source gave, of all runs together."""
        given = [run.source for run in self.runs]
        names = ("points", "facts", "files", "bytes")
        sums = {name: sum(getattr(tally, name) for tally in given) for name in names}
        return Tally(**sums, checksum=sum(tally.checksum for tally in given) % 2**64)

    def to_json(self) -> dict[str, Any]:
        """The report as one document."""
        states = [run.state for run in self.runs]
        return {
            "source": self.kind, "location": self.location, "dry_run": self.dry, "whole": self.is_whole,
            "states": {state: states.count(state) for state in sorted(set(states))}, "total": self.total().to_json(),
            "runs": [run.to_json() for run in self.runs], "problems": self.problems,
        }  # fmt: skip


def import_runs(
    store: Store | None, source: Source, *, experiment: str | None = None, dry: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:  # fmt: skip
    """Take in every run of a source. Twice is the same as once; one run at a time is in memory.

    Args:
        store: where to; None, in a dry run alone: there is none yet.
        source: where from.
        experiment: put all runs into this one; None: into those that the source names.
        dry: only read the source, and say what would be taken in.
        progress: called with (runs done, runs of the source).

    Raises:
        InvalidArgument: `experiment` is no name.
        DamagedFile, NotReachable: the source cannot be read.
        ReadOnlyStore, NotStored, OSError: the store takes nothing more. What is there stays, and is not taken twice.
    """
    if experiment is not None:
        check_path_name(experiment, "experiment")
    report = Report(source.kind, source.location, dry)
    with closing(source):
        runs = list(source.runs())
        for index, run in enumerate(runs):
            run.experiment = experiment or path_name(run.experiment, source.kind)
            report.runs.append(_look(store, run) if store is None or dry else _take(store, run))
            if progress is not None:
                progress(index + 1, len(runs))
    report.problems = list(source.problems)
    return report


def follow_runs(
    store: Store, source: LiveSource, *, experiment: str | None = None, wait: Callable[[int], bool]
) -> Report:  # fmt: skip
    """Take in what a source gains, as it comes, until somebody has had enough. Meanwhile its runs are running here.

    Args:
        store: where to.
        source: where from.
        experiment: as for `import_runs`.
        wait: called with the number of runs after each look at the source; whether to look again.

    Raises: as `import_runs`.
    """
    if experiment is not None:
        check_path_name(experiment, "experiment")
    writers: dict[str, RunWriter] = {}
    try:
        going_on = True
        while True:
            for run in source.runs():
                if run.uid not in writers:
                    run.experiment = experiment or path_name(run.experiment, source.kind)
                    writers[run.uid] = RunWriter(store, run)
                _read(run, writers[run.uid])
            if not going_on:
                break
            going_on = wait(len(writers))
            if not going_on:
                source.stop()
        taken = [_checked(writer.source, writer) for writer in writers.values()]
    finally:
        for writer in writers.values():
            writer.close()
    return Report(source.kind, source.location, False, taken, list(source.problems))


def _take(store: Store, run: SourceRun) -> Taken:
    writer = RunWriter(store, run)
    try:
        _read(run, writer)
        return _checked(run, writer)
    finally:
        writer.close()


def _checked(run: SourceRun, writer: RunWriter) -> Taken:
    tally, sample = writer.check()
    state = ADDED if writer.is_new else EXTENDED if writer.written else UNCHANGED
    taken = Taken(run.id, run.uid, run.experiment, writer.number, state, writer.evidence.given, tally, sample)
    return replace(taken, problems=run.problems)


def _read(run: SourceRun, writer: RunWriter) -> None:
    for record in records_of(run):
        writer.take(record)


def _look(store: Store | None, run: SourceRun) -> Taken:
    """What would be taken in."""
    taken = Taken(run.id, run.uid, run.experiment, source=count(run), problems=run.problems)
    try:
        if store is not None:
            taken.number = store.open_run(run.uid).start().get("number")
            taken.state = KNOWN
    except (RunNotFound, StoreNotFound):
        return taken
    return taken
