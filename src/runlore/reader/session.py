"""One store as readers see it: an up-to-date catalog, and rows of it."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, select

from runlore.catalog import Catalog, open_catalog, schema
from runlore.catalog.search import SqliteFunctions, fetch_page
from runlore.errors import RunNotFound
from runlore.names import is_uid
from runlore.plain import load_json
from runlore.store import DirectoryStore, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import RowMapping

    from runlore.catalog.search.page import Page

IDS = select(func.json_each(bindparam("ids", type_=Text)).table_valued("value").c.value)
"""Ids of runs as one parameter, however many they are: the database has no limit for them, and reads the SQL once."""

MIN_UID_PREFIX = 6
"""Characters of a uid that are enough where it is unambiguous."""


class Session:
    """A store and its catalog. Cheap to make; brings the catalog up to date when asked to.

    Attributes:
        store: the store.
        catalog: its catalog.
    """

    def __init__(self, store: str | os.PathLike[str] | DirectoryStore | None = None) -> None:
        self.store = open_store(store)
        self.catalog: Catalog = open_catalog(self.store)
        self.functions = SqliteFunctions(value_at=self.value_at)

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> Session:
        """Bring the catalog up to date; returns the session itself."""
        self.catalog.refresh(progress)
        return self

    def directory(self, path: str) -> str:
        """Absolute directory of a run, from its path in the catalog."""
        return os.path.join(self.store.runs_root, path)

    def page(self, query: Any = None, order_by: Any = None, limit: int | None = None, **options: Any) -> Page:
        """Runs that a query finds, in order; see `runlore.query.fetch_page`."""
        with self.catalog.connect() as connection:
            return fetch_page(connection, query, order_by, limit, functions=self.functions, **options)

    def rows(self, ids: Sequence[int]) -> list[RowMapping]:
        """Rows of the table of runs, in the order of the ids."""
        found: dict[int, RowMapping] = {}
        for row in self.select(schema.runs, ids, "id"):
            found[row["id"]] = row
        return [found[run_id] for run_id in ids if run_id in found]

    def select(self, table: Any, ids: Sequence[int], column: str = "run_id") -> list[RowMapping]:
        """All rows of a table that belong to these runs."""
        with self.catalog.connect() as connection:
            chosen = connection.execute(select(table).where(table.c[column].in_(IDS)), as_parameter(ids))
            return list(chosen.mappings())

    def find(self, uid: str) -> RowMapping:
        """The run with this uid, or the only one whose uid begins so.

        Raises:
            RunNotFound: there is none, or several begin so.
        """
        table = schema.runs
        with self.catalog.connect() as connection:
            if is_uid(uid):
                rows = connection.execute(select(table).where(table.c.uid == uid)).mappings().all()
            else:
                wanted = uid.lower() if len(uid) >= MIN_UID_PREFIX and uid.isalnum() else "-"
                rows = connection.execute(
                    select(table).where(table.c.uid >= wanted, table.c.uid < wanted + "g").limit(3)
                ).mappings().all()  # fmt: skip
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise RunNotFound(f"uid={uid!r}: several runs begin so, for example {rows[0]['uid']} and {rows[1]['uid']}")
        raise RunNotFound(
            f"no run has the uid {uid!r} in the store {self.store.root!r}; `runlore ls` lists what is there"
        )

    def value_at(self, uid: str, key: str, step: float) -> float | None:
        """The last value of a metric at exactly this step, or None. Serves `at(metrics.key, step)` in queries."""
        from runlore.store.content import read_points

        points = read_points(self.directory(self.find(uid)["path"]), [key])
        at = points.value[points.step == step]
        return float(at[-1]) if len(at) else None


def as_parameter(ids: Sequence[int]) -> dict[str, str]:
    """What executes a statement in which `IDS` stands for these."""
    return {"ids": json.dumps(list(ids))}


def json_or_none(text: str | None) -> Any:
    """The value of a JSON column."""
    return None if text is None else load_json(text)


def nan_if_none(value: float | None) -> float:
    """A metric's value: the catalog keeps NaN as NULL."""
    return math.nan if value is None else value


def grouped(rows: Iterable[RowMapping]) -> dict[int, list[RowMapping]]:
    """Rows by the run that they belong to."""
    groups: dict[int, list[RowMapping]] = {}
    for row in rows:
        groups.setdefault(row["run_id"], []).append(row)
    return groups
