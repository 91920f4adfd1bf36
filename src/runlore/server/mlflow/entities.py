"""Runs, metrics, params and tags as MLflow's clients read them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.names import LINK_TAGS
from runlore.server.mlflow.message import as_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runlore.index.records import RunRecord, SeriesRecord
    from runlore.server.mlflow.experiments import Place

MILLISECOND = 1_000_000

HIDDEN = LINK_TAGS
"""Tags that begin so are not shown to MLflow's clients; see `inputs`."""

REMOTE = f"{HIDDEN}client"
"""Tag of runs that MLflow's clients record."""

STATUSES = {
    model.SUCCEEDED: "FINISHED", model.FAILED: "FAILED", model.CRASHED: "FAILED", model.STOPPED: "KILLED",
    "scheduled": "SCHEDULED",
}  # fmt: skip
"""MLflow's words for ours; any other status is that of a run which goes on."""

NATIVE_STATUSES = {"FINISHED": model.SUCCEEDED, "FAILED": model.FAILED, "KILLED": model.STOPPED}
"""Ours for those of MLflow's that end a run."""

RUN_NAME, PARENT, USER, NOTE = "mlflow.runName", "mlflow.parentRunId", "mlflow.user", "mlflow.note.content"


def status_of(run: RunRecord) -> str:
    """MLflow's word for the status of a run.

    Of a run that a client records here, nobody can know whether the client lives: it goes on until the client says
    that it ended, also where the recorder was closed meanwhile and readers take it for crashed.
    """
    if run.status == model.CRASHED and run.facts is not None and REMOTE in run.facts.tags:
        return "RUNNING"
    return STATUSES.get(run.status, "RUNNING")


def param_to_text(value: Any) -> str:
    """A param as MLflow's own client would have sent it."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (bool, int, float)) or value is None else json.dumps(value)


def run_name(run: RunRecord) -> str:
    """What it is called; a run without a name, by its number."""
    return run.name or f"{run.experiment.rpartition('/')[2]}-{run.number}"


def run_documents(
    runs: Sequence[RunRecord], series: Mapping[str, Mapping[str, SeriesRecord]], experiments: Mapping[str, Place]
) -> list[dict[str, Any]]:
    """Runs, with their facts, as MLflow's clients read them; inputs and outputs come of `inputs.linked`.

    Args:
        runs: as the index gives them.
        series: of each uid, by key.
        experiments: by the name that runs have.
    """
    return [
        {
            "info": run_info(run, experiments[run.experiment]),
            "data": {
                "metrics": [metric_document(key, found) for key, found in series.get(run.uid, {}).items()],
                "params": [{"key": key, "value": param_to_text(value)} for key, value in _params(run).items()],
                "tags": [{"key": key, "value": value} for key, value in sorted(tags_of(run).items())],
            },
            "inputs": {},
            "outputs": {},
        }
        for run in runs
    ]


def _params(run: RunRecord) -> Mapping[str, Any]:
    return run.facts.params if run.facts is not None else {}


def tags_of(run: RunRecord) -> dict[str, str]:
    """Its tags, with those by which MLflow says what Runlore's runs have beside their tags."""
    known = run.facts.tags if run.facts is not None else {}
    tags = {key: value for key, value in known.items() if not key.startswith(HIDDEN)}
    user = None if REMOTE in known else run.user  # a client that wants the tag sends it itself
    said = {RUN_NAME: run_name(run), PARENT: run.parent, USER: user, NOTE: run.description}
    for key, value in said.items():
        if value is not None and (key not in tags or key == RUN_NAME):
            tags[key] = value
    return tags


def run_info(run: RunRecord, experiment: Place) -> dict[str, Any]:
    """The run itself."""
    info: dict[str, Any] = {
        "run_id": run.uid, "run_uuid": run.uid, "run_name": run_name(run), "experiment_id": experiment.id,
        "user_id": run.user or "", "status": status_of(run), "start_time": run.started_ns // MILLISECOND,
        "artifact_uri": f"{experiment.location}/{run.uid}/artifacts",
        "lifecycle_stage": "deleted" if run.deleted else "active",
    }  # fmt: skip
    if run.ended_ns is not None and info["status"] != "RUNNING":
        info["end_time"] = run.ended_ns // MILLISECOND
    return info


def metric_document(key: str, found: SeriesRecord) -> dict[str, Any]:
    """The last point of a series."""
    return point_document(key, found.last, found.last_time_ns, found.last_step)


def point_document(key: str, value: float, time_ns: int, step: float | None) -> dict[str, Any]:
    """One point. MLflow's have a whole step each."""
    plain = step is None or math.isnan(step) or math.isinf(step)
    return {
        "key": key, "value": as_number(value), "timestamp": round(time_ns / MILLISECOND),
        "step": 0 if plain else int(step),  # type: ignore[arg-type]
    }  # fmt: skip


def as_pairs(values: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """A mapping as the list of `key` and `value` that MLflow sends."""
    return [{"key": key, "value": value} for key, value in dict(values).items()]
