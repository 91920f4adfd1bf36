"""Runs and experiments as plain values: for programs that print or send them, and need no DataFrame.

Nothing here imports pandas, so the answer comes as fast as the index gives it. Times are ISO 8601 in UTC with
nanoseconds; a metric that is NaN is the float NaN, one that a run does not have is absent.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore.reader.facts import facts_of, is_system
from runlore.reader.run_view import RunView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session


def iso_time(time_ns: int | None) -> str | None:
    """A time in ns as ISO 8601 text with nine digits after the second; None stays None.

    Example:
        >>> iso_time(1_700_000_000_123_456_789)
        '2023-11-14T22:13:20.123456789Z'
    """
    if time_ns is None:
        return None
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def experiment_records(session: Session, pattern: str | Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The experiments of a store by name: `experiment`, `runs`, `statuses` (count of each), `updated`.

    Args:
        session: the store, up to date.
        pattern: a name or a glob such as `vision/*`; None: all.
    """
    return [
        {
            "experiment": known.name,
            "runs": known.runs,
            "statuses": dict(known.statuses),
            "updated": iso_time(known.updated_ns),
        }
        for known in session.index.experiments(pattern)
    ]


def keys_of(session: Session, kind: str) -> list[str]:
    """All keys that runs have, sorted.

    Args:
        session: the store, up to date.
        kind: `params`, `metrics` or `tags`.
    """
    return session.index.keys(kind)


def run_records(runs: Iterable[RunRecord], *, system: bool = False) -> list[dict[str, Any]]:
    """Runs as mappings: their attributes, then `params`, `metrics` (last values) and `tags` by key.

    Args:
        runs: with their facts.
        system: whether the last values of hardware metrics are wanted too, as `system`: they are not among `metrics`.
    """
    found = []
    for run in runs:
        facts = facts_of(run)
        record = {
            **attributes(run),
            "params": dict(facts.params),
            "metrics": {key: value for key, value in facts.metrics.items() if not is_system(key)},
            "tags": dict(facts.tags),
        }
        if system:
            record["system"] = {key: value for key, value in facts.metrics.items() if is_system(key)}
        found.append(record)
    return found


def attributes(run: RunRecord) -> dict[str, Any]:
    """What an index says of one run, without what was logged."""
    return {
        "uid": run.uid,
        "experiment": run.experiment,
        "number": run.number,
        "name": run.name,
        "status": run.status,
        "started": iso_time(run.started_ns),
        "ended": iso_time(run.ended_ns),
        "duration_s": run.active_ns / 1e9,
        "user": run.user,
        "host": run.host,
        "group": run.group,
        "parent": run.parent,
        "description": run.description,
        "points": run.points,
        "lost": run.lost,
        "archived": run.archived,
        "deleted": run.deleted,
    }


def metric_records(session: Session, uid: str, *, system: bool = False) -> dict[str, dict[str, Any]]:
    """The series of one run in numbers, by key: count, last, last_step, first, min, min_step, max, max_step, mean.

    Args:
        session: the store, up to date.
        uid: of the run.
        system: whether those of the hardware are wanted too.
    """
    return {
        key: {
            "count": known.points, "last": known.last, "first": known.first, "min": known.min, "max": known.max,
            "last_step": known.last_step, "min_step": known.min_step, "max_step": known.max_step, "mean": known.mean,
        }
        for key, known in session.index.series([uid]).get(uid, {}).items()
        if system or not is_system(key)
    }  # fmt: skip


def find_view(session: Session, run: str) -> RunView:
    """The run that a person means, deleted ones included: its uid, the beginning of it, or `experiment#number`.

    A negative number counts from the experiment's latest run back: `iris#-1`.

    Raises:
        RunNotFound: there is none, or several could be meant.
    """
    return RunView(session, session.find(run))
