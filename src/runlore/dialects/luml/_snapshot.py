"""A run as files that need no Runlore: a SQLite database with LUML's tables, a tar of the attachments, and its index.

Everything is read from what was recorded, and written into new files: however a program goes on writing meanwhile, the
database is whole, and holds all that was logged before the call. NaN is NULL there, because SQLite has no NaN.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tarfile
import tempfile
import zipfile
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from runlore._version import __version__
from runlore.dialects.luml import _records as records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runlore.reader import RunView

DATABASE, ATTACHMENTS, INDEX = "exp.db.zip", "attachments.tar", "attachments.index.json"

_VERSION = 2
_TABLES = """
CREATE TABLE static_params (key TEXT PRIMARY KEY, value TEXT, value_type TEXT);
CREATE TABLE dynamic_metrics (key TEXT, value REAL, step INTEGER, logged_at TIMESTAMP, PRIMARY KEY (key, step));
CREATE TABLE attachments (id TEXT PRIMARY KEY, name TEXT NOT NULL, file_path TEXT, created_at TIMESTAMP);
CREATE TABLE spans (
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_span_id TEXT, name TEXT NOT NULL, kind INTEGER,
    dfs_span_type INTEGER NOT NULL DEFAULT 0, start_time_unix_nano BIGINT NOT NULL, end_time_unix_nano BIGINT NOT NULL,
    status_code INTEGER, status_message TEXT, attributes TEXT, events TEXT, links TEXT, trace_flags INTEGER,
    created_at TIMESTAMP, PRIMARY KEY (trace_id, span_id)
);
CREATE TABLE evals (
    id TEXT NOT NULL, dataset_id TEXT NOT NULL, inputs TEXT NOT NULL, outputs TEXT, refs TEXT, scores TEXT,
    metadata TEXT, created_at TIMESTAMP, updated_at TIMESTAMP, PRIMARY KEY (dataset_id, id)
);
CREATE TABLE eval_traces_bridge (
    id TEXT PRIMARY KEY, eval_dataset_id TEXT NOT NULL, eval_id TEXT NOT NULL, trace_id TEXT NOT NULL,
    created_at TIMESTAMP
);
CREATE TABLE eval_annotations (
    id TEXT PRIMARY KEY, dataset_id TEXT NOT NULL, eval_id TEXT NOT NULL, name TEXT NOT NULL,
    annotation_kind TEXT NOT NULL, value_type TEXT NOT NULL, value TEXT NOT NULL, user TEXT NOT NULL, rationale TEXT,
    created_at TIMESTAMP, FOREIGN KEY (dataset_id, eval_id) REFERENCES evals (dataset_id, id)
);
CREATE TABLE span_annotations (
    id TEXT PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, name TEXT NOT NULL,
    annotation_kind TEXT NOT NULL, value_type TEXT NOT NULL, value TEXT NOT NULL, user TEXT NOT NULL, rationale TEXT,
    created_at TIMESTAMP, FOREIGN KEY (trace_id, span_id) REFERENCES spans (trace_id, span_id)
);
"""


@contextmanager
def snapshot(view: RunView) -> Iterator[dict[str, str]]:
    """The three files of a run's snapshot, by name; they are gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="runlore-") as folder:
        database = os.path.join(folder, "exp.db")
        with closing(sqlite3.connect(database)) as connection:
            _fill(connection, view)
        files = {name: os.path.join(folder, name) for name in (DATABASE, ATTACHMENTS, INDEX)}
        with zipfile.ZipFile(files[DATABASE], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(database, "exp.db")
        _write_attachments(view, files[ATTACHMENTS], files[INDEX])
        yield files


def export_members(
    about: Mapping[str, Any], description: str | None, tag: str, files: Mapping[str, str]
) -> dict[str, bytes | str]:
    """The members of an exported experiment: its manifest, and the files of its snapshot."""
    manifest = {
        "artifact_type": "experiment",
        "variant": "experiment_snapshot",
        "name": about["metadata"]["name"],
        "description": description,
        "producer_name": "runlore",
        "producer_version": __version__,
        "producer_tags": [tag],
        "payload": {
            "id": about["experiment_id"],
            "group": about["metadata"]["group"],
            "tags": about["metadata"]["tags"],
            "status": about["metadata"]["status"],
            "created_at": about["metadata"]["created_at"],
        },
    }
    return {"manifest.json": json.dumps(manifest).encode(), **files}


def _write_attachments(view: RunView, path: str, index: str) -> None:
    """A tar rooted at `attachments/`, and where in it the bytes of each member are: `{name: [offset, size]}`."""
    with tarfile.open(path, "w") as archive:
        root = tarfile.TarInfo("attachments")
        root.type, root.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(root)
        for name, item in records.attachments(view).items():
            about = tarfile.TarInfo(f"attachments/{name}")
            about.size, about.mtime = item.size or 0, item.time_ns // 1_000_000_000
            with item.open() as file:
                archive.addfile(about, file)
    with tarfile.open(path) as archive:
        places = {member.name: [member.offset_data, member.size] for member in archive if member.isfile()}
    with open(index, "w", encoding="utf-8") as file:
        json.dump(places, file)


def _fill(connection: sqlite3.Connection, view: RunView) -> None:
    connection.executescript(_TABLES)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    _insert(connection, "static_params", [_static(key, value) for key, value in records.params(view).items()])
    points = [
        (key, point["value"], point["step"], point["logged_at"])
        for key, series in records.series(view).items()
        for point in series
    ]
    _insert(connection, "dynamic_metrics", points)
    attachments = [
        (f"{item.digest}-{item.time_ns}", name, name, records.time_text(item.time_ns))
        for name, item in records.attachments(view).items()
    ]
    _insert(connection, "attachments", attachments)
    _insert(connection, "spans", [_span(span) for span in records.spans(view)])
    _insert(connection, "evals", [_eval(sample) for sample in records.evals(view)])
    links = [
        (link["id"], link["dataset_id"], link["key"], link["trace_id"], records.time_text(link["time_ns"]))
        for link in records.facts(view, records.EVAL_TRACE)
    ]
    _insert(connection, "eval_traces_bridge", links)
    annotations = records.facts(view, records.ANNOTATION)
    for table, first, second in (
        ("eval_annotations", "dataset_id", "eval_id"),
        ("span_annotations", "trace_id", "span_id"),
    ):
        _insert(connection, table, [_annotation(note, first, second) for note in annotations if first in note])
    connection.commit()


def _insert(connection: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - names of this module


def _static(key: str, value: Any) -> tuple[str, str, str]:
    if isinstance(value, (str, int, float)):
        return key, str(value), type(value).__name__
    return key, json.dumps(value), "json"


def _span(span: dict[str, Any]) -> tuple[Any, ...]:
    kind, status = span.get("kind", 0), span.get("status")
    return (
        span["trace_id"], span["span_id"], span.get("parent_id"), span["name"],
        records.SPAN_KINDS.index(kind) if kind in records.SPAN_KINDS else kind,
        records.span_type(span.get("attributes") or {}), span["start_ns"], span["end_ns"],
        records.SPAN_STATUSES.index(status) if status in records.SPAN_STATUSES else 0, span.get("status_message"),
        records.json_text(span.get("attributes")), records.json_text([_event(one) for one in span.get("events") or ()]),
        records.json_text(span.get("links")), span.get("trace_flags", 0), records.time_text(span["start_ns"]),
    )  # fmt: skip


def _event(event: dict[str, Any]) -> dict[str, Any]:
    """An event of a span, whose time LUML calls `timestamp`."""
    return {("timestamp" if name == "time_ns" else name): value for name, value in event.items()}


def _eval(sample: dict[str, Any]) -> tuple[Any, ...]:
    return (
        sample["id"], sample["dataset_id"], json.dumps(sample["inputs"]), records.json_text(sample["outputs"]),
        records.json_text(sample["references"]), records.json_text(sample["scores"]),
        records.json_text(sample["metadata"]), records.time_text(sample["created_ns"]),
        records.time_text(sample["time_ns"]),
    )  # fmt: skip


def _annotation(note: dict[str, Any], first: str, second: str) -> tuple[Any, ...]:
    return (
        note["id"], note[first], note[second], note["key"], note["annotation_kind"], note["value_type"],
        json.dumps(note["value"]) if isinstance(note["value"], bool) else str(note["value"]), note["user"],
        note["rationale"], records.time_text(note["time_ns"]),
    )  # fmt: skip
