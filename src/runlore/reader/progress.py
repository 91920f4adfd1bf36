"""How far a run that goes on has come, and how long it will still take: from what it said of its own length.

A run says its length as a param whose name is customary (`max_steps`, `epochs` …), and where it is by the steps of its
metrics or by a metric `epoch`; or it logs a metric `progress` between 0 and 1. Nothing is guessed from other runs.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from runlore.reader.facts import facts_of, is_system

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runlore.index.records import RunRecord, SeriesRecord
    from runlore.reader.session import Session

STEPS = frozenset({
    "max_steps", "total_steps", "num_steps", "n_steps", "num_training_steps", "steps", "max_iters", "num_iters",
    "iterations", "total_timesteps",
})  # fmt: skip
EPOCHS = frozenset({"epochs", "max_epochs", "num_epochs", "n_epochs", "total_epochs", "num_train_epochs"})

_LAST_PART = re.compile(r"[^/.]+$")


def progress_of(run: RunRecord, last_step: float | None) -> float | None:
    """The share of its length that a run has come, 0 to 1; None where it has ended or has not said how long it is.

    Args:
        run: with its facts.
        last_step: the greatest step of its metrics, those of the hardware left out.
    """
    if not run.is_open:
        return None
    facts = facts_of(run)
    said = _named(facts.metrics, {"progress"})
    steps, epochs = _named(facts.params, STEPS), _named(facts.params, EPOCHS)
    epoch = _named(facts.metrics, {"epoch"}, least=0)
    if said is not None and said <= 1:
        share = said
    elif steps is not None and last_step is not None:
        share = last_step / steps
    elif epochs is not None and epoch is not None:
        share = epoch / epochs
    else:
        return None
    return share if 0 <= share <= 1 else None


def left_s(run: RunRecord, progress: float | None) -> float | None:
    """The seconds that are left if it goes on as fast as it went, pauses not counted; None: nobody knows."""
    if progress is None or progress <= 0:
        return None
    return run.active_ns / 1e9 * (1 - progress) / progress


def live_columns(session: Session, runs: Sequence[RunRecord], names: Iterable[str]) -> dict[str, list[Any]]:
    """The columns `progress` and `eta`, as far as they are asked for. Only runs that go on are looked up."""
    wanted = list(names)
    going_on = [run.uid for run in runs if run.is_open] if wanted else []
    series = session.index.series(going_on) if going_on else {}
    progress = [progress_of(run, _last_step(series.get(run.uid, {}))) for run in runs]
    columns: dict[str, list[Any]] = {
        "progress": progress, "eta": [left_s(run, share) for run, share in zip(runs, progress, strict=True)],
    }  # fmt: skip
    return {name: columns[name] for name in wanted}


def _last_step(series: Mapping[str, SeriesRecord]) -> float | None:
    steps = [known.last_step for key, known in series.items() if not is_system(key) and known.last_step is not None]
    return max(steps, default=None)


def _named(values: Mapping[str, Any], names: Iterable[str], least: float = math.ulp(0.0)) -> float | None:
    """The number with one of these names, whatever it is nested in: the one whose name is shortest."""
    for key in sorted(values, key=len):
        value, last = values[key], _LAST_PART.search(key)
        if last is None or last.group() not in names or isinstance(value, bool):
            continue
        if isinstance(value, int | float) and math.isfinite(value) and value >= least:
            return float(value)
    return None
