"""The catalog's tables of runs, in one place: databases are made, filled and read by what stands here.

`facts` has all that is known of a run, packed into one row: what readers are shown, and what the next refresh needs to
go on. `params`, `tags` and `metrics` say a part of it again, so that it can be searched: they have rows of those runs
alone that do not change any more. A run that is open is decided by what is packed (`runlore.catalog.search.undecided`);
to follow it costs one row.

Times are int nanoseconds UTC. Texts are as `runlore.catalog.text` stores them. NaN is NULL in `params` and `metrics`,
where a NULL `last`, `first`, `min` or `max` of an existing row means NaN (`min` and `max` leave NaN points out, and are
NULL when all points are NaN).
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 5
"""Raised when what stands in a column changes. A table that changes makes another version by itself."""

ID, TEXT, INTEGER, FLOAT, BYTES = "id", "text", "integer", "float", "bytes"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `about` says what its name does not."""

    name: str
    type: str
    nullable: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index on columns; `where` restricts it to rows with a value in this column."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Rows are inserted with a value for every column, in this order."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[Index, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, by name."""
        return tuple(column.name for column in self.columns)


PROPERTIES = Table("properties", (Column("name", TEXT), Column("value", TEXT)), ("name",))
"""The version, and whatever else describes the catalog itself."""

DIRECTORIES = Table(
    "directories",
    (
        Column("path", TEXT, about="relative to runs/, '' is runs/ itself"),
        Column("mtime_ns", INTEGER, about="0: look again; it changed too recently to trust"),
        Column("strangers", TEXT, nullable=True, about="JSON: names of entries that are left out, and why"),
    ),
    ("path",),
)

RUNS = Table(
    "runs",
    (
        Column("id", ID),
        Column("uid", TEXT),
        Column("experiment", TEXT),
        Column("number", INTEGER, nullable=True, about="counted 1, 2, 3 within the experiment"),
        Column("name", TEXT, nullable=True),
        Column("status", TEXT),
        Column("started_ns", INTEGER),
        Column("ended_ns", INTEGER, nullable=True, about="of the stop event, or of the last event of a crashed run"),
        Column("updated_ns", INTEGER, about="time of the last event"),
        Column("active_ns", INTEGER, about="how long it was recorded for, without gaps before it was resumed"),
        Column("user_name", TEXT, nullable=True),
        Column("host", TEXT, nullable=True),
        Column("description", TEXT, nullable=True),
        Column("group_name", TEXT, nullable=True),
        Column("parent_uid", TEXT, nullable=True),
        Column("points", INTEGER, about="metric points"),
        Column("lost", INTEGER, about="records that could not be kept"),
        Column("liveness", TEXT, nullable=True, about="how the writer was found alive or dead: lock, process, age"),
        Column("damage", TEXT, nullable=True, about="JSON list of what could not be read; NULL when nothing"),
        Column("archived", INTEGER),
        Column("deleted", INTEGER, about="1: in the trash"),
        Column("state", TEXT, about="open | ended | sealed"),
        Column("path", TEXT, about="directory, relative to runs/"),
        Column("mtime_ns", INTEGER, about="of the run's directory"),
        Column("sealed", TEXT, nullable=True, about="identity of the sealed files that were indexed"),
    ),
    ("id",),
    (
        Index("runs_uid", ("uid",), unique=True),
        Index("runs_experiment", ("experiment", "number")),
        Index("runs_started", ("started_ns", "uid")),
        Index("runs_state", ("state",)),
        Index("runs_status", ("status", "started_ns")),
        Index("runs_parent", ("parent_uid",)),
        Index("runs_path", ("path",)),
    ),
)

OPEN, ENDED, SEALED = "open", "ended", "sealed"
"""States of a run: it may still change by itself, or not; its files are sealed."""

FACTS = Table(
    "facts",
    (
        Column("run_id", ID),
        Column("keys", TEXT, about="JSON: the keys of params, of metrics and of tags, each sorted; many runs share it"),
        Column("values_json", TEXT, about="JSON: the values of params and of tags, in the order of the keys"),
        Column("last", BYTES, about="the last value of each series, float64"),
        Column("detail", TEXT, about="JSON: see runlore.store.detail.Detail"),
        Column("series", BYTES, about="the rest of each series: see runlore.catalog.series"),
        Column("progress", TEXT, about="JSON: how far journals were read, and when params and tags were set"),
    ),
    ("run_id",),
)

PARAMS = Table(
    "params",
    (
        Column("run_id", INTEGER),
        Column("key", TEXT),
        Column("kind", INTEGER, about="one of the constants below"),
        Column("num", FLOAT, nullable=True, about="numbers and flags; integers exact to 2^53 here, in full in text"),
        Column("text", TEXT, nullable=True, about="strings as they are; others as their JSON; NULL for null"),
    ),
    ("run_id", "key"),
    (Index("params_num", ("key", "num"), where="num"), Index("params_text", ("key", "text"))),
)
NULL, FLAG, NUMBER, WORDS, OTHER = range(5)
"""Kinds of params: None, true and false, numbers, strings, lists and mappings."""

TAGS = Table(
    "tags",
    (Column("run_id", INTEGER), Column("key", TEXT), Column("value", TEXT, about="'' for a tag that is only a word")),
    ("run_id", "key"),
    (Index("tags_value", ("key", "value")),),
)

METRICS = Table(
    "metrics",
    (
        Column("run_id", INTEGER),
        Column("key", TEXT),
        Column("count", INTEGER),
        Column("last", FLOAT, nullable=True),
        Column("first", FLOAT, nullable=True),
        Column("min", FLOAT, nullable=True),
        Column("max", FLOAT, nullable=True),
        Column("mean", FLOAT, nullable=True, about="of the points that are not NaN"),
    ),
    ("run_id", "key"),
    (Index("metrics_last", ("key", "last")),),
)

ARTIFACTS = Table(
    "artifacts",
    (
        Column("run_id", INTEGER),
        Column("writer", TEXT),
        Column("sequence", INTEGER, about="order within the writer"),
        Column("name", TEXT),
        Column("step", FLOAT, nullable=True),
        Column("digest", TEXT, nullable=True, about="SHA-256 of the contents, hex; NULL for a reference"),
        Column("size", INTEGER, nullable=True),
        Column("media_type", TEXT, nullable=True),
        Column("kind", TEXT),
        Column("metadata", TEXT, nullable=True, about="JSON: the rest of the event's value and columns"),
        Column("time_ns", INTEGER),
    ),
    ("run_id", "writer", "sequence"),
    (Index("artifacts_digest", ("digest",), where="digest"),),
)

RUN_TABLES = (PROPERTIES, DIRECTORIES, RUNS, FACTS, PARAMS, TAGS, METRICS, ARTIFACTS)
SEARCHED = (PARAMS, TAGS, METRICS)
"""What says again what `facts` has, for searching."""
