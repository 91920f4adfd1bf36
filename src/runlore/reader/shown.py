"""How a notebook shows what was read: runs, experiments and artifacts as HTML."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore import notebook
from runlore.errors import ArtifactNotFound, DamagedFile
from runlore.query.globs import literal_glob
from runlore.reader.facts import facts_of, is_system

if TYPE_CHECKING:
    from runlore.reader.artifact import Artifact
    from runlore.reader.run_view import RunView
    from runlore.reader.session import Session

_MOST_METRICS = 6
"""Columns of metrics in the table of an experiment."""


def run_html(view: RunView) -> str:
    """A run: what it is, its params, last metrics and tags."""
    about: dict[str, Any] = {
        "started": _time(view.started_ns),
        "duration": f"{view.duration_s:,.1f} s",
        "description": view.description,
        "group": view.group,
        "user": view.user,
        "host": view.host,
        "points": f"{view.points:,}",
        "lost": view.lost or None,
        "damage": "; ".join(view.damage) or None,
        "uid": view.uid,
    }
    known = [(name, value) for name, value in about.items() if value is not None]
    return "".join([
        notebook.heading(f"{view.experiment}#{view.number}", beside=f"{view.name or ''} {view.status}".strip()),
        notebook.table(known),
        notebook.section("metrics, last values", view.metrics),
        notebook.section("params", view.params),
        notebook.section("tags", view.tags),
    ])  # fmt: skip


def experiment_html(path: str, session: Session) -> str:
    """An experiment: how many runs it has, and the latest of them with their metrics."""
    mine = literal_glob(path)
    counts = [known.statuses for known in session.index.experiments(mine)]
    statuses = {status: count for known in counts for status, count in known.items() if count}
    runs = session.page(None, None, notebook.MOST_ROWS, experiment=mine, facts=True).runs
    metrics = _common_metrics(runs)
    rows = []
    for record in runs:
        last = facts_of(record).metrics
        about = [record.number, record.name, record.status, _time(record.started_ns)]
        rows.append([*about, *(last.get(key) for key in metrics)])
    total = sum(statuses.values())
    beside = ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items()))
    return "".join([
        notebook.heading(path, beside=beside),
        notebook.table(rows, ["run", "name", "status", "started", *metrics]),
        notebook.left_out(total - len(rows)),
    ])  # fmt: skip


def _common_metrics(runs: Any) -> list[str]:
    """The metrics that most of the runs have, without those of the hardware; few enough for a table."""
    found: dict[str, int] = {}
    for record in runs:
        for key in facts_of(record).metrics:
            if not is_system(key):
                found[key] = found.get(key, 0) + 1
    return sorted(found, key=lambda key: (-found[key], key))[:_MOST_METRICS]


def artifact_html(artifact: Artifact) -> str:
    """An artifact: what it is, and the picture if it is one. Contents that are gone or damaged are said to be."""
    about: dict[str, Any] = {
        "kind": artifact.kind,
        "step": artifact.step,
        "type": artifact.media_type,
        "size": None if artifact.size is None else f"{artifact.size:,} bytes",
        "logged": _time(artifact.time_ns),
        "caption": artifact.metadata.get("caption"),
    }
    known = [(name, value) for name, value in about.items() if value is not None]
    shown = notebook.heading(artifact.name) + notebook.table(known)
    if not notebook.is_shown(artifact.media_type, artifact.size):
        return shown
    try:
        return shown + notebook.picture(artifact.read_bytes(), artifact.media_type or "")
    except (ArtifactNotFound, DamagedFile) as error:
        return f"{shown}<p>{notebook.text(str(error))}</p>"


def _time(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
