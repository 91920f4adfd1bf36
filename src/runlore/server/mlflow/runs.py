"""Runs: made, looked at, ended, deleted, restored."""

from __future__ import annotations

from typing import Any

from runlore import model
from runlore.errors import NotStored
from runlore.names import is_uid
from runlore.query.expression import Attribute, Compare
from runlore.run.recording import abandon, begin_run
from runlore.server.endpoint import WRITE
from runlore.server.mlflow import entities
from runlore.server.mlflow.experiments import Experiments
from runlore.server.mlflow.inputs import linked
from runlore.server.mlflow.logging import held, record_tag, run_id
from runlore.server.mlflow.message import Message, MlflowError, endpoint
from runlore.server.mlflow.reading import open_run, read_about, read_run
from runlore.server.mlflow.values import MAX_TAG, ns_of, read_pair

_STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
"""As protocol buffers number them."""


def create(message: Message) -> dict[str, Any]:
    """Begin a run."""
    context = message.context
    experiments = Experiments(context)
    experiment = experiments.active(message.text("experiment_id") or "0")
    tags = dict(read_pair(item, "Tag", MAX_TAG, f"tags[{place}].") for place, item in enumerate(message.parts("tags")))
    given = message.text("run_name")
    said = tags.get(entities.RUN_NAME, "")
    if given and said and given != said:
        raise MlflowError(
            f"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name="
            f"'{given[:100]}', mlflow.runName='{said[:100]}')."
        )
    parent = tags.get(entities.PARENT)
    begun = begin_run(
        context.store, experiment.home, time_ns=ns_of(message.integer("start_time", low=0, high=1 << 43)),
        about={
            "name": given or said or None, "parent": parent if parent and is_uid(parent) else None,
            "user": message.text("user_id") or tags.get(entities.USER), "description": tags.get(entities.NOTE),
            "protocol": "mlflow",
        },
    )  # fmt: skip
    if begun is None:
        raise MlflowError("the new run's id is taken; try again")
    if experiment.native != experiment.home:
        begun.recorder.event(model.ATTRIBUTE, "experiment", experiment.native)
    tags[entities.REMOTE] = ""
    for key, value in tags.items():
        begun.recorder.event(model.TAG, key, value)
    if begun.recorder.lost:
        abandon(context.store, experiment.home, begun.uid, begun.recorder)
        raise NotStored("the run was not begun: the disk is full. Try again later")
    context.recorders.adopt(begun, deleted=False)
    run = read_about(context, begun.uid, tags)
    [made] = entities.run_documents([run], {}, {experiment.native: experiments.place_of(experiment.native)})
    return {"run": made}


def get(message: Message) -> dict[str, Any]:
    """A run, deleted or not."""
    context, uid = message.context, run_id(message)
    run, series = read_run(context, uid)
    names = {run.experiment: Experiments(context).place_of(run.experiment)}
    [found] = entities.run_documents([run], {uid: series}, names)
    return {"run": found | linked(context, [uid]).get(uid, {})}


def update(message: Message) -> dict[str, Any]:
    """Change status, end or name."""
    context, uid = message.context, run_id(message)
    status = message.word("status", _STATUSES)
    end = message.integer("end_time", low=0, high=1 << 43)
    name = message.text("run_name")
    with held(context, uid) as found:
        recorder = found.recorder
        if name:
            record_tag(recorder, entities.RUN_NAME, name)
        if status:
            about = read_about(context, uid)
            before = about.status
            if before in model.TERMINAL and entities.status_of(about) != status:
                recorder.event(model.RESUME, "resume", {"protocol": "mlflow"})
            if status == "SCHEDULED":
                recorder.event(model.STATUS, "scheduled")
            elif status == "RUNNING" and before == "scheduled":
                recorder.event(model.STATUS, model.RUNNING)
        if status in entities.NATIVE_STATUSES:
            _stop(recorder, entities.NATIVE_STATUSES[status], end)
            found.close()
    run = read_about(context, uid, {entities.REMOTE: ""})
    return {"run_info": entities.run_info(run, Experiments(context).place_of(run.experiment))}


def _stop(recorder: Any, status: str, end_ms: int) -> None:
    recorder.event(model.STOP, "stop", {"status": status}, time_ns=ns_of(end_ms))


def delete(message: Message) -> dict[str, Any]:
    """Put a run into the trash."""
    _mark(message, deleted=True)
    return {}


def restore(message: Message) -> dict[str, Any]:
    """Take a run out of the trash."""
    _mark(message, deleted=False)
    return {}


def _mark(message: Message, *, deleted: bool) -> None:
    context, uid = message.context, run_id(message)
    run = open_run(context, uid)
    said = [event.time_ns for event in run.events([model.ATTRIBUTE])]
    run.annotate([(model.ATTRIBUTE, "deleted", deleted)], after_ns=max(said, default=0))
    context.recorders.forget(uid)


def delete_runs(message: Message) -> dict[str, Any]:
    """Put the runs of an experiment that were begun before a time into the trash, at most so many."""
    context = message.context
    experiment = Experiments(context).get(message.required("experiment_id"))
    before_ns = message.integer("max_timestamp_millis") * entities.MILLISECOND
    most = message.integer("max_runs", 10_000, low=1, high=10_000)
    context.freshness.wait_for_now()
    query = Compare(Attribute("experiment"), "=", experiment.native)
    runs = [run for run in context.index.page(query, "started", last=True).runs if run.started_ns <= before_ns][:most]
    for run in runs:
        context.store.open_run(run.uid).annotate([(model.ATTRIBUTE, "deleted", True)], after_ns=run.updated_ns)
        context.recorders.forget(run.uid)
    return {"runs_deleted": len(runs)}


ENDPOINTS = (
    endpoint("POST", "/runs/create", create, "Begin a run.", WRITE),
    endpoint("GET", "/runs/get", get, "A run with its latest metrics, params and tags."),
    endpoint("POST", "/runs/update", update, "Change status, end or name of a run.", WRITE),
    endpoint("POST", "/runs/delete", delete, "Put a run into the trash.", WRITE),
    endpoint("POST", "/runs/restore", restore, "Take a run out of the trash.", WRITE),
    endpoint("POST", "/runs/delete-runs", delete_runs, "Put old runs of an experiment into the trash.", WRITE),
)
