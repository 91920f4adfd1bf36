"""The attributes of runs as SQL: which expression over `runs` holds what a query names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runlore.catalog.schema import runs

_end = sa.func.coalesce(runs.c.ended_ns, runs.c.updated_ns)

ATTRIBUTE_COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    "uid": runs.c.uid,
    "experiment": runs.c.experiment,
    "number": runs.c.number,
    "name": runs.c.name,
    "status": runs.c.status,
    "started": runs.c.started_ns,
    "ended": runs.c.ended_ns,
    "updated": runs.c.updated_ns,
    "duration": _end - runs.c.started_ns,
    "user": runs.c.user,
    "host": runs.c.host,
    "description": runs.c.description,
    "group": runs.c.group_name,
    "parent": runs.c.parent_uid,
    "points": runs.c.points,
    "lost": runs.c.lost,
    "archived": runs.c.archived,
    "deleted": runs.c.deleted,
    "damaged": sa.case((runs.c.damage.is_(None), 0), else_=1),
}
"""By the canonical names of `runlore.query.fields.ATTRIBUTES`."""
