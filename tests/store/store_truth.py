"""Everything that a run holds, bit for bit, as values that can be compared; and writers of runs to compare."""

from __future__ import annotations

import os
from typing import Any

from runlore.journal import open_journal
from runlore.model import START, STOP, new_uid
from runlore.store.content import RunPoints, read_events, read_points


def points_of(points: RunPoints) -> dict[str, Any]:
    return {
        "key": [points.names[number] for number in points.key],
        "names": points.names,
        "step": points.step.tobytes(),
        "time": points.time_ns.tolist(),
        "value": points.value.tobytes(),
        "writer": [points.writers[number] for number in points.writer],
        "writers": points.writers,
        "headers": points.headers,
        "sequence": points.sequence.tolist(),
        "extras": points.extras,
    }


def truth(directory: str) -> tuple[dict[str, Any], list[Any]]:
    return points_of(read_points(directory)), list(map(repr, read_events(directory)))


def new_run(store: Any, experiment: str = "e", uid: str | None = None) -> str:
    uid = uid or new_uid()
    store.create_run(experiment, uid)
    return store.run_directory(experiment, uid)


def new_journal(directory: str) -> Any:
    return open_journal(store_journals(directory), os.path.basename(directory))


def store_journals(directory: str) -> str:
    path = os.path.join(directory, "journal")
    os.makedirs(path, exist_ok=True)
    return path


def record(directory: str, points: int = 20, base: float = 0.0) -> None:
    """One closed journal with scalars, rows, events and extra columns."""
    journal = new_journal(directory)
    journal.event(START, "start", {"experiment": "e", "number": 1})
    for step in range(points):
        journal.scalar("loss", base + 1 / (step + 1), step)
        if step == points // 2:
            journal.columns({"fold": 3})
            journal.event("note", "half", {"step": step}, step=step)
        journal.row({"b": step, "a": -step}, step)
    journal.event("param", "lr", 0.1, extra={"own": 1})
    journal.event(STOP, "stop", {"status": "succeeded"})
    journal.close()
