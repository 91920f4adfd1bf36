"""The tables of the catalog, as SQLAlchemy Core, for SQLite now and PostgreSQL later.

Times are int nanoseconds UTC. SQLite stores NaN as NULL, so in `metrics` a NULL `last`, `first`, `min` or `max` of an
existing row *means* NaN (`min` and `max` leave NaN points out, and are NULL when all points are NaN).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.types import UserDefinedType

VERSION = 3
"""Raised with every change of a table. A catalog of another version is rebuilt, never migrated, never misread."""

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")


class _NoType(UserDefinedType[float]):
    """No type at all. In a column of floats SQLite keeps -0.0 as the integer 0, and forgets the sign."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return ""


_Exact = Float().with_variant(_NoType(), "sqlite")
"""A float64, bit for bit."""

properties = Table(
    "properties",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    comment="version, and whatever else describes the catalog itself",
)

directories = Table(
    "directories",
    metadata,
    Column("path", Text, primary_key=True, comment="relative to runs/, '' is runs/ itself"),
    Column("mtime_ns", BigInteger, nullable=False, comment="0: look again; it changed too recently to trust"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("experiment", Text, nullable=False),
    Column("number", Integer, comment="counted 1, 2, 3 within the experiment"),
    Column("name", Text),
    Column("status", Text, nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger, comment="time of the stop event, or of the last event of a crashed run"),
    Column("updated_ns", BigInteger, nullable=False, comment="time of the last event"),
    Column("user", Text),
    Column("host", Text),
    Column("description", Text),
    Column("group_name", Text),
    Column("parent_uid", Text),
    Column("points", BigInteger, nullable=False, default=0, comment="metric points"),
    Column("lost", BigInteger, nullable=False, default=0, comment="records that could not be kept"),
    Column("detail", Text, comment="JSON: see runlore.store.summary.Detail"),
    Column("liveness", Text, comment="how the writer was found alive or dead: lock, process, age"),
    Column("damage", Text, comment="JSON list of what could not be read; NULL when nothing"),
    Column("deleted", Integer, nullable=False, default=0, comment="1: in the trash"),
    Column("archived", Integer, nullable=False, default=0),
    Column("path", Text, nullable=False, comment="directory, relative to runs/"),
    Column("state", Text, nullable=False, comment="open | ended | sealed"),
    Column("mtime_ns", BigInteger, nullable=False, default=0, comment="of the run's directory"),
    Column("sealed", Text, comment="identity of the sealed files that were indexed"),
    Index("runs_experiment", "experiment", "number"),
    Index("runs_started", "started_ns", "uid"),
    Index("runs_state", "state"),
    Index("runs_status", "status", "started_ns"),
    Index("runs_parent", "parent_uid"),
    Index("runs_path", "path"),
)


def _run_id() -> Column[int]:
    return Column("run_id", _Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False)


params = Table(
    "params",
    metadata,
    _run_id(),
    Column("key", Text, nullable=False),
    Column("num", Float, comment="numbers and bools; integers exact to 2^53 here, in full in json"),
    Column("text", Text, comment="strings as they are; others as their JSON"),
    Column("json", Text, nullable=False, comment="the value, exactly"),
    Column("time_ns", BigInteger, nullable=False, comment="of the event; the latest wins"),
    PrimaryKeyConstraint("run_id", "key"),
    Index("params_num", "key", "num"),
    Index("params_text", "key", "text"),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    _run_id(),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False, comment="'' for a tag that is only a word"),
    Column("time_ns", BigInteger, nullable=False, comment="of the event; the latest wins"),
    PrimaryKeyConstraint("run_id", "key"),
    Index("tags_value", "key", "value"),
    sqlite_with_rowid=False,
)

metrics = Table(
    "metrics",
    metadata,
    _run_id(),
    Column("key", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("last", _Exact),
    Column("last_step", _Exact),
    Column("last_time_ns", BigInteger, nullable=False),
    Column("first", _Exact),
    Column("first_step", _Exact),
    Column("first_time_ns", BigInteger, nullable=False),
    Column("min", _Exact),
    Column("min_step", _Exact),
    Column("max", _Exact),
    Column("max_step", _Exact),
    Column("sum", _Exact, comment="of the points that are not NaN"),
    Column("finite", BigInteger, nullable=False, comment="points that are not NaN: the mean is sum / finite"),
    PrimaryKeyConstraint("run_id", "key"),
    Index("metrics_last", "key", "last"),
    sqlite_with_rowid=False,
)

artifacts = Table(
    "artifacts",
    metadata,
    _run_id(),
    Column("name", Text, nullable=False),
    Column("step", Float),
    Column("digest", Text, comment="SHA-256 of the contents, hex; NULL for a reference"),
    Column("size", BigInteger),
    Column("media_type", Text),
    Column("kind", Text, nullable=False),
    Column("metadata", Text, comment="JSON: the rest of the event's value and columns"),
    Column("time_ns", BigInteger, nullable=False),
    Column("writer", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="order within the writer"),
    PrimaryKeyConstraint("run_id", "writer", "sequence"),
    Index("artifacts_name", "run_id", "name"),
    Index("artifacts_digest", "digest"),
    sqlite_with_rowid=False,
)

journals = Table(
    "journals",
    metadata,
    _run_id(),
    Column("writer", Text, nullable=False),
    Column("offset", BigInteger, nullable=False, comment="bytes consumed; the guard against applying twice"),
    Column("state", Text, nullable=False, comment="open | closed | sealed"),
    Column("context", Text, nullable=False, comment="JSON: what reading needs to go on from offset"),
    Column("lost", BigInteger, nullable=False, comment="records that its writer could not keep"),
    Column("damage", Text, nullable=False, comment="JSON list of what could not be read"),
    Column("file", Text, nullable=False, comment="which file it was that had damage; '' where there is none"),
    PrimaryKeyConstraint("run_id", "writer"),
    sqlite_with_rowid=False,
)
