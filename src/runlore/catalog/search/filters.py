"""From the tree of a query to one SQL condition over `runs`.

Negations are pushed down to the conditions first, so that each one is compiled for "certainly true" or "certainly
false": that makes three-valued logic out of two-valued SQL. A condition that holds becomes `runs.id IN (SELECT …)`,
which uses the index on its key and value; one that must not hold becomes `EXISTS` on the primary key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from runlore.catalog.schema import metrics, params, runs, tags
from runlore.catalog.search import conditions
from runlore.catalog.search.columns import ATTRIBUTE_COLUMNS
from runlore.catalog.search.functions import QueryFunctions, SqliteFunctions
from runlore.catalog.search.params import equalities, param_condition
from runlore.query.checks import check_expression
from runlore.query.expression import (
    And,
    Attribute,
    Compare,
    Condition,
    Contains,
    Expression,
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
from runlore.query.parser import parse
from runlore.query.values import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

Truth: TypeAlias = "sa.ColumnElement[bool]"


def compile_filter(
    query: str | Expression | None,
    functions: QueryFunctions | None = None,
    *,
    clock: Clock | None = None,
    few: bool = False,
) -> Truth:
    """A query as a condition over the columns of `runs`. Every value in it is a bound parameter.

    Args:
        query: text or tree; None for every run.
        functions: of the database; SQLite without series unless given. The condition is to be executed within
            `functions.session(...)`, which registers what it needs.
        clock: what `now` and local time are; those of this machine unless given.
        few: only a few runs will be asked, by another condition: look each one up, instead of listing all that match.

    Raises:
        QuerySyntaxError: the text is no query.
        InvalidArgument: the tree is no query.

    Example:
        >>> print(compile_filter("status = 'failed' or points > 10"))
        runs.status = :status_1 OR runs.points > :param_1
    """
    tree = parse(query) if query is None or isinstance(query, str) else query
    clock = clock or Clock()
    check_expression(tree, clock)
    return _Compiler(functions or SqliteFunctions(), clock, few=few).compile(tree, wanted=True)[0]


def compile_listings(tree: Expression, functions: QueryFunctions, clock: Clock) -> list[list[sa.Select[Any]]]:
    """For each condition that must hold and that an index serves: the ids of the runs for which it does, in parts."""
    compiler = _Compiler(functions, clock, few=False)
    nodes = tree.operands if isinstance(tree, And) else (tree,)
    listings = [compiler.listed(node) for node in nodes if not isinstance(node, (And, Or, Not))]
    return [parts for parts in listings if parts]


def mean_of(table: Any) -> sa.ColumnElement[float]:
    """The mean of the points that are not NaN; NULL when there is none."""
    return sa.case((table.c.finite > 0, table.c.sum / table.c.finite))


def aggregate_column(table: Any, aggregate: str) -> sa.ColumnElement[Any]:
    """The column of `metrics` that holds an aggregate."""
    column: sa.ColumnElement[Any] = mean_of(table) if aggregate == "mean" else table.c[aggregate]
    return column


def value_at_step(field: MetricAt, functions: QueryFunctions) -> tuple[sa.ColumnElement[Any], Truth]:
    """The value of a series at a step, and whether there is one. Only series of runs with the key are looked up."""
    value, present = functions.value_at(runs.c.uid, field.key, field.step)
    has_key = _exists(metrics, metrics.c.key == field.key)
    return sa.case((has_key, value)), sa.case((has_key, present), else_=sa.false()) == sa.true()


_INDEXED = frozenset({"uid", "experiment", "status", "started", "parent"})
"""Attributes that begin an index."""


class _Compiler:
    def __init__(self, functions: QueryFunctions, clock: Clock, *, few: bool) -> None:
        self._functions = functions
        self._clock = clock
        self._few = few

    def compile(self, node: Expression, *, wanted: bool) -> tuple[Truth, int]:
        """SQL that is true where the node is certainly `wanted`, and how much of a parser's stack it needs."""
        if isinstance(node, Not):
            return self.compile(node.operand, wanted=not wanted)
        if isinstance(node, (And, Or)):
            return self._combine(node, wanted=wanted)
        return self._condition(node, wanted=wanted), 1

    def _combine(self, node: And | Or, *, wanted: bool) -> tuple[Truth, int]:
        """Join the operands, the one that nests deepest first.

        SQLite's parser keeps three entries for each level that is opened at the end of a list, and one for a level
        that is opened at its beginning, of a hundred. What calls Python stands last, to be asked of fewer runs.
        """
        conjunction = isinstance(node, And) == wanted
        if not node.operands:
            return (sa.true() if conjunction else sa.false()), 1
        ordered = sorted(node.operands, key=_is_slow)
        compiled = sorted((self.compile(o, wanted=wanted) for o in ordered), key=lambda pair: -pair[1])
        if len(compiled) == 1:
            return compiled[0]
        need = max(size + (1 if index == 0 else 3) for index, (_, size) in enumerate(compiled))
        join: Callable[..., Truth] = sa.and_ if conjunction else sa.or_
        return join(*(sql for sql, _ in compiled)), need

    def _condition(self, node: Condition, *, wanted: bool) -> Truth:
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
                return sa.or_(*(runs.c.id.in_(part) for part in parts))
        if isinstance(field, Metric):
            column = aggregate_column(metrics, field.aggregate)
            return self._on_row(metrics, field.key, node, lambda: self._on_column(node, column), wanted=wanted)
        if isinstance(field, Tag):
            return self._on_row(tags, field.key, node, lambda: self._on_column(node, tags.c.value), wanted=wanted)
        return self._on_param(node, field, wanted=wanted)

    def listed(self, node: Condition) -> list[sa.Select[Any]]:
        """The ids of the runs for which a condition holds, in parts, each from an index; empty where none serves."""
        field = node.field
        if not isinstance(node, (In, Compare)) or (isinstance(node, Compare) and node.operator == "!="):
            return []
        if isinstance(field, Param) and (isinstance(node, In) or node.operator == "="):
            many = node.values if isinstance(node, In) else (node.value,)
            return [_ids(params, field.key, found) for found in equalities(many, params)]
        if isinstance(field, Metric) and field.aggregate == "last":
            return [_ids(metrics, field.key, self._on_column(node, metrics.c.last))]
        if isinstance(field, Tag):
            return [_ids(tags, field.key, self._on_column(node, tags.c.value))]
        if isinstance(field, Attribute) and field.name in _INDEXED:
            return [sa.select(runs.c.id).where(self._on_column(node, ATTRIBUTE_COLUMNS[field.name]))]
        return []

    def _on_column(self, node: Condition, column: sa.ColumnElement[Any]) -> Truth:
        return conditions.on_column(node, kind_of(node.field), column, self._functions, self._clock)

    def _on_attribute(self, node: Condition, field: Attribute, *, wanted: bool) -> Truth:
        column = ATTRIBUTE_COLUMNS[field.name]
        if isinstance(node, IsNull):
            return column.is_(None) if wanted else column.is_not(None)
        holds = self._on_column(node, column)
        return holds if wanted else sa.and_(column.is_not(None), _not_true(holds))

    def _at_step(self, node: Condition, field: MetricAt, *, wanted: bool) -> Truth:
        value, present = value_at_step(field, self._functions)
        if isinstance(node, IsNull):
            return sa.not_(present) if wanted else present
        holds = self._on_column(node, value)
        return sa.and_(present, holds if wanted else _not_true(holds))

    def _on_any_tag(self, node: Condition, *, wanted: bool) -> Truth:
        if isinstance(node, IsNull):
            any_tag = _exists(tags)
            return sa.not_(any_tag) if wanted else any_tag
        if isinstance(node, Contains):
            node = Compare(node.field, "=", node.text)
        holds = _exists(tags, conditions.on_column(node, Kind.TEXT, tags.c.key, self._functions, self._clock))
        return holds if wanted else sa.not_(holds)

    def _on_param(self, node: Condition, field: Param, *, wanted: bool) -> Truth:
        has_key, not_null = params.c.key == field.key, params.c.json != "null"
        if isinstance(node, IsNull):
            present = _exists(params, has_key, not_null)
            return sa.not_(present) if wanted else present
        holds = param_condition(node, params, self._functions)
        return _exists(params, has_key, not_null, holds if wanted else _not_true(holds))

    def _on_row(
        self, table: sa.Table, key: str, node: Condition, condition: Callable[[], Truth], *, wanted: bool
    ) -> Truth:
        if isinstance(node, IsNull):
            present = _exists(table, table.c.key == key)
            return sa.not_(present) if wanted else present
        return _exists(table, table.c.key == key, condition() if wanted else _not_true(condition()))


def _not_true(condition: Truth) -> Truth:
    """False or unknown: what `NOT` alone does not say in SQL."""
    return Grouping(condition).is_not(sa.true())


def _is_slow(node: Expression) -> bool:
    """Whether it calls back into Python for each run."""
    if isinstance(node, Not):
        return _is_slow(node.operand)
    return isinstance(node, Matches) or (not isinstance(node, (And, Or)) and isinstance(node.field, MetricAt))


def _ids(table: sa.Table, key: str, condition: Truth) -> sa.Select[Any]:
    return sa.select(table.c.run_id).where(table.c.key == key, condition)


def _exists(table: sa.Table, *where: Truth) -> Truth:
    found: sa.Select[Any] = (
        sa.select(sa.literal_column("1")).select_from(table).where(table.c.run_id == runs.c.id, *where)
    )
    return sa.exists(found.correlate(runs))
