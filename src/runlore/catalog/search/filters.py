"""From the tree of a query to one SQL condition over `runs`.

Negations are pushed down to the conditions first, so that each one is compiled for "certainly true" or "certainly
false": that makes three-valued logic out of two-valued SQL. A condition that holds becomes `runs.id IN (SELECT …)`,
which uses the index on its key and value; one that must not hold becomes `EXISTS` on the primary key. What cannot be
decided in SQL is left open: it holds wherever it may hold, and `Filter.decides` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from runlore.catalog.database.sql import TRUE, Sql, all_of, any_of, join, negated, not_true, sql
from runlore.catalog.search import conditions
from runlore.catalog.search.columns import ATTRIBUTE_COLUMNS
from runlore.catalog.search.params import PRESENT, equalities, param_condition
from runlore.query.expression import (
    And,
    Attribute,
    Compare,
    Contains,
    In,
    IsNull,
    Matches,
    Metric,
    MetricAt,
    Not,
    Or,
    Param,
    Tag,
    Tags,
)
from runlore.query.fields import Kind, kind_of
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from runlore.catalog.database.base import Dialect
    from runlore.query.expression import Condition, Expression
    from runlore.query.values import Clock


@dataclass(frozen=True, slots=True)
class Filter:
    """A query as a condition over the columns of `runs`.

    Attributes:
        condition: every run for which the query holds is among those for which this is true.
        decides: there are no others among them.
    """

    condition: Sql
    decides: bool


def compile_filter(
    tree: Expression, dialect: Dialect, clock: Clock, *, few: bool = False, facts: bool = True
) -> Filter:
    """A query as a condition. Every value in it is a parameter.

    Args:
        tree: a tree that `runlore.query.checks.check_expression` accepted.
        dialect: of the database.
        clock: what `now` and local time are.
        few: only a few runs will be asked, by another condition: look each one up, instead of listing all that match.
        facts: params, tags and metrics of the runs can be searched; False: only what `runs` has.

    Example:
        >>> from runlore.catalog.database.sqlite_dialect import SqliteDialect
        >>> from runlore.query import Clock, parse
        >>> found = compile_filter(parse("status = 'failed' or points > 10"), SqliteDialect(), Clock())
        >>> found.condition.text, found.condition.values, found.decides
        ('runs.status = ? OR runs.points > ?', ('failed', 10), True)
    """
    compiler = _Compiler(dialect, clock, few=few, facts=facts)
    return Filter(compiler.compile(tree, wanted=True), compiler.decides)


def compile_listings(tree: Expression, dialect: Dialect, clock: Clock) -> list[list[Sql]]:
    """For each condition that must hold and that an index serves: the ids of the runs for which it does, in parts."""
    compiler = _Compiler(dialect, clock, few=False, facts=True)
    nodes = tree.operands if isinstance(tree, And) else (tree,)
    listings = [compiler.listed(node) for node in nodes if not isinstance(node, (And, Or, Not))]
    return [parts for parts in listings if parts]


def aggregate_column(table: str, aggregate: str) -> Sql:
    """The column of `metrics` that holds an aggregate."""
    return sql(f"{table}.{aggregate}")


def value_at_step(field: MetricAt, dialect: Dialect) -> tuple[Sql, Sql] | None:
    """The value of a series at a step, and whether there is one. Only series of runs with the key are looked up."""
    found = dialect.value_at("runs.uid", to_stored(field.key), field.step)
    if found is None:
        return None
    has_key = _exists("metrics", _key("metrics", field.key))
    value, present = found
    return (
        join("CASE WHEN {} THEN {} END", has_key, value),
        join("CASE WHEN {} THEN {} ELSE FALSE END", has_key, present),
    )


_INDEXED = frozenset({"uid", "experiment", "status", "started", "parent"})
"""Attributes that begin an index."""


class _Compiler:
    def __init__(self, dialect: Dialect, clock: Clock, *, few: bool, facts: bool) -> None:
        self.decides = True
        self._dialect = dialect
        self._clock = clock
        self._few = few
        self._facts = facts

    def compile(self, node: Expression, *, wanted: bool) -> Sql:
        """SQL that is true where the node is certainly `wanted`, or may be where that is not decided."""
        if isinstance(node, Not):
            return self.compile(node.operand, wanted=not wanted)
        if isinstance(node, (And, Or)):
            ordered = sorted(node.operands, key=_is_slow)  # what calls Python stands last: it is asked of fewer runs
            operands = [self.compile(operand, wanted=wanted) for operand in ordered]
            return all_of(*operands) if isinstance(node, And) == wanted else any_of(*operands)
        found = self._condition(node, wanted=wanted) if self._facts or isinstance(node.field, Attribute) else None
        if found is None:
            self.decides = False
            return TRUE
        return found

    def listed(self, node: Condition) -> list[Sql]:
        """The ids of the runs for which a condition holds, in parts, each from an index; empty where none serves."""
        field = node.field
        if not isinstance(node, (In, Compare)) or (isinstance(node, Compare) and node.operator == "!="):
            return []
        if isinstance(field, Param) and (isinstance(node, In) or node.operator == "="):
            many = node.values if isinstance(node, In) else (node.value,)
            return [_ids("params", field.key, found) for found in equalities(many)]
        found = None
        if isinstance(field, Metric) and field.aggregate == "last":
            found = self._on_column(node, sql("metrics.last"))
            return [] if found is None else [_ids("metrics", field.key, found)]
        if isinstance(field, Tag):
            found = self._on_column(node, sql("tags.value"))
            return [] if found is None else [_ids("tags", field.key, found)]
        if isinstance(field, Attribute) and field.name in _INDEXED:
            found = self._on_column(node, ATTRIBUTE_COLUMNS[field.name])
            return [] if found is None else [join("SELECT runs.id FROM runs WHERE {}", found)]
        return []

    def _condition(self, node: Condition, *, wanted: bool) -> Sql | None:
        field = node.field
        if isinstance(field, Attribute):
            return self._on_attribute(node, field, wanted=wanted)
        if isinstance(field, MetricAt):
            return self._at_step(node, field, wanted=wanted)
        if isinstance(field, Tags):
            return self._on_any_tag(node, wanted=wanted)
        if wanted and not self._few:
            parts = self.listed(node)
            if parts:
                return any_of(*(join("runs.id IN ({})", part) for part in parts))
        if isinstance(field, Metric):
            column = aggregate_column("metrics", field.aggregate)
            return self._on_row("metrics", field.key, node, column, wanted=wanted)
        if isinstance(field, Tag):
            return self._on_row("tags", field.key, node, sql("tags.value"), wanted=wanted)
        return self._on_param(node, cast("Param", field), wanted=wanted)  # `best(…)` was refused with the query

    def _on_column(self, node: Condition, column: Sql) -> Sql | None:
        return conditions.on_column(node, kind_of(node.field), column, self._dialect, self._clock)

    def _on_attribute(self, node: Condition, field: Attribute, *, wanted: bool) -> Sql | None:
        column = ATTRIBUTE_COLUMNS[field.name]
        if isinstance(node, IsNull):
            return conditions.is_null(column) if wanted else conditions.is_not_null(column)
        holds = self._on_column(node, column)
        if holds is None or wanted:
            return holds
        return all_of(conditions.is_not_null(column), not_true(holds))

    def _at_step(self, node: Condition, field: MetricAt, *, wanted: bool) -> Sql | None:
        found = value_at_step(field, self._dialect)
        if found is None:
            return None
        value, present = found
        if isinstance(node, IsNull):
            return negated(present) if wanted else present
        holds = self._on_column(node, value)
        return None if holds is None else all_of(present, holds if wanted else not_true(holds))

    def _on_any_tag(self, node: Condition, *, wanted: bool) -> Sql | None:
        if isinstance(node, IsNull):
            holds: Sql | None = negated(_exists("tags"))
        else:
            if isinstance(node, Contains):
                node = Compare(node.field, "=", node.text)
            found = conditions.on_column(node, Kind.TEXT, sql("tags.key"), self._dialect, self._clock)
            holds = None if found is None else _exists("tags", found)
        return holds if wanted or holds is None else negated(holds)

    def _on_param(self, node: Condition, field: Param, *, wanted: bool) -> Sql | None:
        present = (_key("params", field.key), PRESENT)
        if isinstance(node, IsNull):
            return negated(_exists("params", *present)) if wanted else _exists("params", *present)
        holds = param_condition(node, self._dialect)
        return None if holds is None else _exists("params", *present, holds if wanted else not_true(holds))

    def _on_row(self, table: str, key: str, node: Condition, column: Sql, *, wanted: bool) -> Sql | None:
        if isinstance(node, IsNull):
            present = _exists(table, _key(table, key))
            return negated(present) if wanted else present
        holds = self._on_column(node, column)
        return None if holds is None else _exists(table, _key(table, key), holds if wanted else not_true(holds))


def _is_slow(node: Expression) -> bool:
    """Whether it calls back into Python for each run."""
    if isinstance(node, Not):
        return _is_slow(node.operand)
    return isinstance(node, Matches) or (not isinstance(node, (And, Or)) and isinstance(node.field, MetricAt))


def _key(table: str, key: str) -> Sql:
    return sql(f"{table}.key = ?", to_stored(key))


def _ids(table: str, key: str, condition: Sql) -> Sql:
    return join(f"SELECT {table}.run_id FROM {table} WHERE {{}}", all_of(_key(table, key), condition))


def _exists(table: str, *where: Sql) -> Sql:
    found = all_of(sql(f"{table}.run_id = runs.id"), *where)
    return join(f"EXISTS (SELECT 1 FROM {table} WHERE {{}})", found)
