"""Experiments by name or by glob; the language of globs is that of `runlore.query.globs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.catalog.database.sql import Sql, sql
from runlore.query.globs import experiment_matcher, split_experiments
from runlore.stored_text import from_stored, to_stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.database.base import Connection

_NAMES = (
    "WITH RECURSIVE names (name) AS (SELECT min(experiment) FROM runs UNION ALL "
    "SELECT (SELECT min(experiment) FROM runs WHERE experiment > names.name) FROM names WHERE names.name IS NOT NULL) "
    "SELECT name FROM names WHERE name IS NOT NULL"
)
"""Every name once: a step of the index for each, however many runs have it."""


def experiment_condition(connection: Connection, experiment: str | Sequence[str]) -> Sql:
    """Runs of these experiments, as SQL. Globs are looked up among the names that there are.

    Raises:
        WrongType, InvalidArgument: as of `experiment_matcher`.
    """
    names, globs = split_experiments(experiment)
    if globs:
        wanted = experiment_matcher(experiment)
        names = [name for (stored,) in connection.rows(_NAMES) if wanted(name := from_stored(stored))]
    stored_names = [to_stored(name) for name in names]
    if len(stored_names) == 1:
        return sql("runs.experiment = ?", stored_names[0])
    return sql("runs.experiment IN ??", stored_names)
