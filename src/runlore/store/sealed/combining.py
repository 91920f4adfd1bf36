"""Sealed files from elsewhere: put in the place of those of a run, or combined with them, writer by writer."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from runlore.journal.decode import Event
from runlore.model import new_uid
from runlore.store.sealed.committing import replacing
from runlore.store.sealed.sorting import PointSorter
from runlore.store.sealed.writer import EventsFile, MetricsFile
from runlore.store.summary import RunSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.store.points import Part
    from runlore.store.seal_lock import Lock
    from runlore.store.sealed.files import Sealed

_PIECE_ROWS = 1 << 21


def adopt_sealed(source: Sealed, target: str, lock: Lock) -> None:
    """Make the sealed files of another copy of a run those of this one. They are on the disk then.

    Args:
        source: has all that is sealed in the target, and more.
        target: the run's directory.
        lock: its lock for sealing.

    Raises:
        LockLost: somebody else took the sealing over. The run is as it was.
    """
    with replacing(target) as new:
        new.copy(source)
        new.commit(source.about["generation"], lock)


def combine_sealed(target: str, chosen: Mapping[str, Sealed], lock: Lock) -> None:
    """Seal a run anew, with the records of each writer from the copy that has most of them. On the disk then.

    Args:
        target: the run's directory.
        chosen: writer → the sealed files from which its records are taken.
        lock: the run's lock for sealing.

    Raises:
        LockLost: somebody else took the sealing over. The run is as it was.
    """
    generation = new_uid()
    ids = {writer: index for index, writer in enumerate(sorted(chosen))}
    summary = RunSummary()
    runs = list({id(run): run for run in chosen.values()}.values())
    with replacing(target) as new:
        with closing(PointSorter(target)) as points, EventsFile(new.events) as file:
            count = 0
            for run in runs:
                _take_events(run, chosen, file, summary)
                count += _take_points(run, chosen, ids, points, summary)
            with MetricsFile(new.metrics, generation, list(ids), points) as metrics_file:
                metrics_file.write()
            file.describe(
                {
                    "generation": generation,
                    "points": count,
                    "summary": summary.dump(),
                    "start": summary.detail.start,
                    "writers": {writer: run.writers[writer] for writer, run in chosen.items()},
                }
            )
        new.commit(generation, lock)


def _take_events(run: Sealed, chosen: Mapping[str, Sealed], file: EventsFile, summary: RunSummary) -> None:
    for writer, *values in run.events():
        if chosen[writer] is run:
            event = Event(*values)
            file.add(writer, [event])
            summary.add_events(writer, [event])
    for writer, sequence, columns in run.extras:
        if chosen[writer] is run:
            file.add_extras(writer, [(sequence, columns)])


def _take_points(
    run: Sealed, chosen: Mapping[str, Sealed], ids: Mapping[str, int], points: PointSorter, summary: RunSummary
) -> int:
    """Add the points of the writers that are taken from these files; how many there are."""
    import numpy as np

    wanted = np.array([chosen[writer] is run for writer in ids], dtype=bool)
    count = 0
    with run.metrics() as metrics:
        for part in metrics.pieces(ids, _PIECE_ROWS):
            mine = _rows(part, wanted[np.broadcast_to(np.asarray(part.writer), part.value.shape)])
            if len(mine.value):
                points.add(mine)
                _summarise(mine, list(ids), summary)
                count += len(mine.value)
    return count


def _summarise(part: Part, writers: list[str], summary: RunSummary) -> None:
    """Take points of any writers into account."""
    import numpy as np

    writer: Any = part.writer  # of each point: `_rows` made it an array
    names = dict(enumerate(part.names))
    for number in np.unique(writer).tolist():
        points: Any = _rows(part, writer == number)  # has the columns that count
        summary.add_points(writers[number], points, names)


def _rows(part: Part, mask: Any) -> Part:
    import numpy as np

    writer = np.broadcast_to(np.asarray(part.writer, dtype=np.uint32), part.value.shape)
    position = None if part.position is None else part.position[mask]
    return part._replace(
        key=part.key[mask], step=part.step[mask], time_ns=part.time_ns[mask], value=part.value[mask],
        writer=writer[mask], sequence=part.sequence[mask], position=position,
    )  # fmt: skip
