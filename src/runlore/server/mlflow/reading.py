"""One run as its own journals say it is, this moment. For one run that is faster than an index, which looks at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore import model
from runlore.errors import RunNotFound
from runlore.index.records import RunFacts, RunRecord, SeriesRecord
from runlore.names import is_uid
from runlore.server.mlflow.logging import no_run
from runlore.store.series import summarise_points
from runlore.store.summary import UNSET, RunSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.server.context import Context
    from runlore.store.base import RecordedRun
    from runlore.store.detail import Detail

_ABOUT = (model.START, model.RESUME, model.STATUS, model.STOP, model.ATTRIBUTE)
_LOGGED = (*_ABOUT, model.PARAM, model.UNSET, model.TAG, model.METRIC)


def open_run(context: Context, uid: str) -> RecordedRun:
    """A run of the store.

    Raises:
        MlflowError: there is none.
    """
    if not is_uid(uid):
        raise no_run(uid)
    try:
        return context.store.open_run(uid)
    except RunNotFound:
        raise no_run(uid) from None


def read_about(context: Context, uid: str, tags: Mapping[str, str] | None = None) -> RunRecord:
    """The run itself, without what was logged of it.

    Args:
        context: what the server works on.
        uid: of the run.
        tags: that are known of it.
    """
    run = open_run(context, uid)
    summary = RunSummary()
    for event in run.events(_ABOUT):
        summary.add_events(event.writer, [event])  # type: ignore[list-item]
    return _record(run, summary.detail, RunFacts({}, {}, tags or {}, ""))


def read_run(context: Context, uid: str) -> tuple[RunRecord, dict[str, SeriesRecord]]:
    """The run with all that was logged of it, and its series in numbers.

    Raises:
        MlflowError: there is none.
    """
    run = open_run(context, uid)
    summary = RunSummary()
    for event in run.events(_LOGGED):
        summary.add_events(event.writer, [event])  # type: ignore[list-item]
    points = run.points()
    series = summary.series.merge(summarise_points(points, dict(enumerate(points.names))))  # type: ignore[arg-type]
    params = {key: value for key, (_, value) in sorted(summary.params.items()) if value is not UNSET}
    tags = {key: str(value) for key, (_, value) in sorted(summary.tags.items()) if value is not None}
    found = {key: SeriesRecord(*row) for key, row in series.items()}
    return _record(run, summary.detail, RunFacts(params, {}, tags, "")), found


def _record(run: RecordedRun, detail: Detail, facts: RunFacts) -> RunRecord:
    status, ended, ended_ns, _ = detail.conclude()
    started_ns = detail.started_ns or model.uid_time_ns(run.uid)
    if not ended and not run.is_alive()[0]:
        status, ended_ns = model.CRASHED, detail.last_ns or started_ns
    return RunRecord(
        uid=run.uid, experiment=detail.attribute("experiment") or run.experiment, number=detail.attribute("number"),
        name=detail.attribute("name"), status=status, started_ns=started_ns, ended_ns=ended_ns,
        updated_ns=detail.last_ns, active_ns=0, user=detail.start.get("user"), host=detail.start.get("host"),
        description=detail.attribute("description"), group=detail.attribute("group"),
        parent=detail.attribute("parent"), points=0, lost=0, liveness=None, damage=(),
        archived=bool(detail.attribute("archived")), deleted=bool(detail.attribute("deleted")), is_open=not ended,
        facts=facts,
    )  # fmt: skip
