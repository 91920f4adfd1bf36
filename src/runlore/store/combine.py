"""Sealed files from elsewhere: put in the place of those of a run, or combined with them, writer by writer."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

from runlore.journal.decode import Event
from runlore.model import new_uid
from runlore.store import sealed
from runlore.store.sealed_writer import EventsFile, MetricsFile
from runlore.store.sorting import PointSorter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.store.points import Part
    from runlore.store.sealed import Sealed

_PIECE_ROWS = 1 << 21


def adopt_sealed(source: Sealed, target: str) -> None:
    """Make the sealed files of another copy of a run those of this one. The caller holds the run's lock for sealing.

    Args:
        source: has all that is sealed in the target, and more.
        target: the run's directory.
    """
    generation = source.about["generation"]
    events, metrics = _temporary(target)
    try:
        with source.metrics() as file:
            shutil.copyfile(file.path, metrics)
        shutil.copyfile(os.path.join(source.directory, sealed.EVENTS), events)
        _commit(target, generation, events, metrics)
    finally:
        _discard(events, metrics)


def combine_sealed(target: str, chosen: Mapping[str, Sealed]) -> None:
    """Seal a run anew, with the records of each writer from the copy that has most of them.

    Args:
        target: the run's directory, whose lock for sealing the caller holds.
        chosen: writer → the sealed files from which its records are taken.
    """
    from runlore.catalog.summary import RunSummary

    generation = new_uid()
    events, metrics = _temporary(target)
    ids = {writer: index for index, writer in enumerate(sorted(chosen))}
    summary = RunSummary()
    runs = list({id(run): run for run in chosen.values()}.values())
    try:
        with closing(PointSorter(target)) as points, EventsFile(events) as file:
            count = 0
            for run in runs:
                _take_events(run, chosen, file, summary)
                count += _take_points(run, chosen, ids, points, summary)
            with MetricsFile(metrics, generation, list(ids), points) as metrics_file:
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
        _commit(target, generation, events, metrics)
    finally:
        _discard(events, metrics)


def _temporary(target: str) -> tuple[str, str]:
    name = os.path.join(target, f"sealing-{new_uid()}")
    return f"{name}-events.tmp", f"{name}-metrics.tmp"


def _discard(*paths: str) -> None:
    for path in paths:
        if os.path.exists(path):
            os.unlink(path)


def _commit(target: str, generation: str, events: str, metrics: str) -> None:
    """In the order in which sealing does it: a crash in between leaves the old state, or the new one."""
    waiting = sealed.generation_path(target, generation)
    os.rename(metrics, waiting)
    os.rename(events, os.path.join(target, sealed.EVENTS))
    os.rename(waiting, os.path.join(target, sealed.METRICS))


def _take_events(run: Sealed, chosen: Mapping[str, Sealed], file: EventsFile, summary: Any) -> None:
    for writer, *values in run.events():
        if chosen[writer] is run:
            event = Event(*values)
            file.add(writer, [event])
            summary.add_events(writer, [event])
    for writer, sequence, columns in run.extras:
        if chosen[writer] is run:
            file.add_extras(writer, [(sequence, columns)])


def _take_points(
    run: Sealed, chosen: Mapping[str, Sealed], ids: Mapping[str, int], points: PointSorter, summary: Any
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
                summary.add_points(mine, dict(enumerate(mine.names)))
                count += len(mine.value)
    return count


def _rows(part: Part, mask: Any) -> Part:
    import numpy as np

    writer = np.broadcast_to(np.asarray(part.writer, dtype=np.uint32), part.value.shape)
    position = None if part.position is None else part.position[mask]
    return part._replace(
        key=part.key[mask], step=part.step[mask], time_ns=part.time_ns[mask], value=part.value[mask],
        writer=writer[mask], sequence=part.sequence[mask], position=position,
    )  # fmt: skip
