"""The attributes of runs as SQL: which expression over `runs` holds what a query names."""

from __future__ import annotations

from runlore.catalog.database.sql import Sql, sql

ATTRIBUTE_COLUMNS: dict[str, Sql] = {
    "uid": sql("runs.uid"),
    "experiment": sql("runs.experiment"),
    "number": sql("runs.number"),
    "name": sql("runs.name"),
    "status": sql("runs.status"),
    "started": sql("runs.started_ns"),
    "ended": sql("runs.ended_ns"),
    "updated": sql("runs.updated_ns"),
    "duration": sql("runs.active_ns"),
    "user": sql("runs.user_name"),
    "host": sql("runs.host"),
    "description": sql("runs.description"),
    "group": sql("runs.group_name"),
    "parent": sql("runs.parent_uid"),
    "points": sql("runs.points"),
    "lost": sql("runs.lost"),
    "archived": sql("runs.archived"),
    "deleted": sql("runs.deleted"),
    "damaged": sql("(CASE WHEN runs.damage IS NULL THEN 0 ELSE 1 END)"),
}
"""By the canonical names of `runlore.query.fields.ATTRIBUTES`."""
