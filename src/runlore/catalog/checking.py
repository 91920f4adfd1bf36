"""Whether what is searched says the same as what is shown: rows of `params`, `tags`, `metrics`, and what is packed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from runlore.catalog.database.tables import FACTS, METRICS, OPEN, PARAMS, TAGS
from runlore.catalog.packing import Packed, unpack
from runlore.catalog.rows import metric_rows, param_rows, tag_rows

if TYPE_CHECKING:
    from runlore.catalog.database.base import Connection, Row
    from runlore.catalog.database.tables import Table

_AT_ONCE = 500
_PACKED = f"SELECT run_id, {', '.join(FACTS.names[1:])} FROM facts WHERE run_id IN ??"


def misfiled_runs(connection: Connection) -> list[str]:
    """Uids of runs that a query may find, or not find, for something else than they are."""
    known = connection.rows("SELECT id, uid, state FROM runs ORDER BY id")
    wrong = []
    for start in range(0, len(known), _AT_ONCE):
        some = known[start : start + _AT_ONCE]
        ids = [run_id for run_id, *_ in some]
        packed = {run_id: Packed._make(row) for run_id, *row in connection.rows(_PACKED, ids)}
        found = [_rows(connection, table, ids) for table in (PARAMS, TAGS, METRICS)]
        for run_id, uid, state in some:
            if run_id not in packed or _searched(packed[run_id], state) != [rows[run_id] for rows in found]:
                wrong.append(uid)
    return wrong


def _searched(packed: Packed, state: str) -> list[list[Row]]:
    """The rows that a run should have."""
    if state == OPEN:
        return [[], [], []]
    summary, _ = unpack(packed, 0)
    return [sorted(rows) for rows in (param_rows(summary), tag_rows(summary), metric_rows(summary.series))]


def _rows(connection: Connection, table: Table, ids: list[int]) -> dict[int, list[Row]]:
    """The rows of runs, by key."""
    names = ", ".join(table.names)
    found: dict[int, list[Row]] = defaultdict(list)
    for run_id, *row in connection.rows(f"SELECT {names} FROM {table.name} WHERE run_id IN ?? ORDER BY key", ids):
        found[run_id].append(tuple(row))
    return found
