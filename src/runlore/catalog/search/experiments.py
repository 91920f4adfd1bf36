"""Experiments by name or by glob, as SQL; the language of globs is that of `runlore.query.globs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from runlore.catalog.schema import runs
from runlore.errors import InvalidArgument
from runlore.query.globs import glob_to_regex, literal_prefix, split_experiments
from runlore.query.regex import MAX_PATTERN_LENGTH, compile_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.catalog.search.functions import QueryFunctions


def experiment_condition(experiment: str | Sequence[str], functions: QueryFunctions) -> sa.ColumnElement[bool]:
    """Runs of these experiments: a name, a glob, or a list of both.

    Raises:
        WrongType, InvalidArgument: as of `split_experiments`; a glob is too long.
    """
    names, globs = split_experiments(experiment)
    alternatives = [_glob_condition(glob, functions) for glob in globs]
    if names or not globs:
        alternatives.append(runs.c.experiment.in_(names) if len(names) != 1 else runs.c.experiment == names[0])
    return sa.or_(*alternatives)


def _glob_condition(glob: str, functions: QueryFunctions) -> sa.ColumnElement[bool]:
    if glob == "**":
        return sa.true()
    prefix = literal_prefix(glob)
    below = functions.begins(runs.c.experiment, prefix) if prefix else sa.true()
    if glob == prefix + "**":
        return sa.or_(runs.c.experiment == prefix[:-1], below)
    regex = glob_to_regex(glob)
    if len(regex) > MAX_PATTERN_LENGTH:
        raise InvalidArgument(f"experiment={glob[:40]!r}… is too long for a glob")
    compile_pattern(regex)
    return sa.and_(below, functions.matches(runs.c.experiment, regex))
