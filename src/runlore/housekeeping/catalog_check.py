"""Whether the catalog says what the runs say: a second one is made from the runs, and compared row by row."""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from runlore.catalog import database, index, schema

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from runlore.reader.session import Session

_RUN_COLUMNS = (
    "experiment", "number", "name", "status", "started_ns", "ended_ns", "updated_ns", "points", "lost", "deleted",
    "archived", "description", "group_name", "parent_uid",
)  # fmt: skip
_TABLES = {
    "params": ("key", "json"),
    "tags": ("key", "value"),
    "metrics": ("key", "count", "last", "last_step", "min", "max", "first"),
    "artifacts": ("name", "step", "digest", "size", "kind"),
}


def differing_runs(session: Session) -> list[str]:
    """Uids of ended runs about which the catalog says something else than a catalog that is made anew.

    Runs that are being recorded are left out: they change between one look and the next.
    """
    # beside the catalog, which has a place that can be written to; the name is one that `gc` knows
    place = os.path.dirname(session.catalog.path)
    with TemporaryDirectory(prefix="doctor-", suffix=".tmp", dir=place) as folder:
        engine = database.open_database(os.path.join(folder, "catalog.sqlite"))
        try:
            index.refresh(engine, session.store.runs_root)
            session.refresh()
            fresh = _contents(engine)
        finally:
            engine.dispose()
    known = _contents(session.catalog.engine)
    return sorted(
        uid
        for uid in known.keys() | fresh.keys()
        if known.get(uid) != fresh.get(uid) and not (_is_open(known.get(uid)) or _is_open(fresh.get(uid)))
    )


def _is_open(row: dict[str, Any] | None) -> bool:
    return row is not None and row["run"][_RUN_COLUMNS.index("ended_ns")] is None


def _contents(engine: Engine) -> dict[str, dict[str, Any]]:
    """All that a catalog says, by uid."""
    found: dict[str, dict[str, Any]] = {}
    ids: dict[int, str] = {}
    with engine.connect() as connection:
        for row in connection.execute(schema.runs.select()).mappings():
            ids[row["id"]] = row["uid"]
            found[row["uid"]] = {"run": tuple(row[name] for name in _RUN_COLUMNS)}
        for name, columns in _TABLES.items():
            for row in connection.execute(schema.metadata.tables[name].select()).mappings():
                values = tuple(row[column] for column in columns)
                found[ids[row["run_id"]]].setdefault(name, []).append(values)
    for uid, tables in found.items():
        found[uid] = {name: rows if name == "run" else sorted(rows, key=repr) for name, rows in tables.items()}
    return found
