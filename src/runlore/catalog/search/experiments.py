"""Experiments by name or by glob; the language of globs is that of `runlore.query.globs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.catalog.database.sql import Sql, sql
from runlore.errors import InvalidArgument
from runlore.query.globs import glob_to_regex, split_experiments
from runlore.query.regex import MAX_PATTERN_LENGTH, compile_pattern
from runlore.query.text import from_stored, to_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.catalog.database.base import Connection

_NAMES = (
    "WITH RECURSIVE names (name) AS (SELECT min(experiment) FROM runs UNION ALL "
    "SELECT (SELECT min(experiment) FROM runs WHERE experiment > names.name) FROM names WHERE names.name IS NOT NULL) "
    "SELECT name FROM names WHERE name IS NOT NULL"
)
"""Every name once: a step of the index for each, however many runs have it."""


def is_wanted(experiment: str | Sequence[str] | None) -> Callable[[str], bool]:
    """Whether a name is among the experiments that somebody asks for: a name, a glob, or a list of both; None: all.

    Raises:
        WrongType, InvalidArgument: as of `split_experiments`; a glob is too long.
    """
    if experiment is None:
        return lambda _: True
    names, globs = split_experiments(experiment)
    known = frozenset(names)
    patterns = [compile_pattern(_regex(glob)) for glob in globs]
    return lambda name: name in known or any(pattern.search(to_stored(name)) for pattern in patterns)


def experiment_condition(connection: Connection, experiment: str | Sequence[str]) -> Sql:
    """Runs of these experiments, as SQL. Globs are looked up among the names that there are.

    Raises:
        WrongType, InvalidArgument: as of `is_wanted`.
    """
    names, globs = split_experiments(experiment)
    if globs:
        wanted = is_wanted(experiment)
        names = [name for (stored,) in connection.rows(_NAMES) if wanted(name := from_stored(stored))]
    stored_names = [to_stored(name) for name in names]
    if len(stored_names) == 1:
        return sql("runs.experiment = ?", stored_names[0])
    return sql("runs.experiment IN ??", stored_names)


def _regex(glob: str) -> str:
    regex = glob_to_regex(glob)
    if len(regex) > MAX_PATTERN_LENGTH:
        raise InvalidArgument(f"experiment={glob[:40]!r}… is too long for a glob")
    return regex
