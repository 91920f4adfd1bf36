"""Orders: several keys, missing values last in either direction, ties broken so that the order is total.

Each key becomes one to three sort terms that are never NULL: a rank (0 a value, then NaN, then nothing), which always
ascends, and the value, which follows the direction. That is what keyset pagination needs to compare positions.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from runlore.catalog.schema import metrics, params, runs, tags
from runlore.catalog.search.columns import ATTRIBUTE_COLUMNS
from runlore.catalog.search.filters import aggregate_column, value_at_step
from runlore.errors import InvalidArgument
from runlore.query.expression import Attribute, Metric, MetricAt, Param, Tags
from runlore.query.fields import ATTRIBUTES, Kind, check_field, is_fixed
from runlore.query.ordering import order_keys, tie_breakers

if TYPE_CHECKING:
    from runlore.catalog.search.functions import QueryFunctions
    from runlore.query.expression import Field, OrderKey
    from runlore.query.ordering import OrderBy


@dataclass(frozen=True, slots=True)
class SortTerm:
    """One expression to sort by; never NULL.

    Attributes:
        expression: over `runs` and the joined tables.
        type: of its values in Python: int, float or str.
        descending: its direction.
    """

    expression: sa.ColumnElement[Any]
    type: type[int | float | str]
    descending: bool = False

    def ordered(self) -> sa.ColumnElement[Any]:
        """For ORDER BY."""
        return self.expression.desc() if self.descending else self.expression.asc()


@dataclass(frozen=True, slots=True)
class Front:
    """An index that has the runs in the order of the first key. Those without a value in it come after all others.

    Attributes:
        term: the indexed column.
        rest: what decides among runs of the same value.
        values: selects the column, without NULL.
    """

    term: SortTerm
    rest: tuple[SortTerm, ...]
    values: sa.Select[Any]


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of runs.

    Attributes:
        keys: as asked for.
        terms: to sort by, ending with the start and the uid.
        source: `runs` with what the terms need joined to it.
        fixed: no term ever changes after the start of a run.
        front: an index for the first key, or None.
    """

    keys: tuple[OrderKey, ...]
    terms: tuple[SortTerm, ...]
    source: sa.FromClause
    fixed: bool
    front: Front | None


def compile_order(order_by: OrderBy, functions: QueryFunctions) -> Order:
    """An order as sort terms.

    Ties are broken by the start and then the uid, in the direction of the last key. None is `"-started"`.

    Raises:
        QuerySyntaxError: the text is no order.
        InvalidArgument: too many keys, or a key that has no order.

    Example:
        >>> from runlore.catalog.search import SqliteFunctions
        >>> order = compile_order("-metrics.acc", SqliteFunctions())
        >>> [(term.type.__name__, term.descending) for term in order.terms]
        [('int', False), ('float', True), ('int', True), ('str', True)]
    """
    keys = order_keys(order_by)
    builder = _Builder(functions)
    builder.add(keys[0])
    indexed, of_first_key = builder.indexed, len(builder.terms)
    for key in (*keys[1:], *tie_breakers(keys)):
        builder.add(key)
    terms = tuple(builder.terms)
    front = None if indexed is None else Front(indexed[0], terms[of_first_key:], indexed[1])
    return Order(keys, terms, builder.source, all(is_fixed(key.field) for key in keys), front)


@functools.cache
def _alias(table: sa.Table, number: int) -> Any:
    """The table as the order's key of this number joins it: made once, as it takes longer than the rest of a query."""
    return table.alias(f"{table.name}_of_key_{number}")


class _Builder:
    def __init__(self, functions: QueryFunctions) -> None:
        self.terms: list[SortTerm] = []
        self.source: sa.FromClause = runs
        self.indexed: tuple[SortTerm, sa.Select[Any]] | None = None
        """Of the key that was added last: the column of an index that has its order, and what selects it."""
        self._functions = functions
        self._done: set[Field] = set()

    def add(self, key: OrderKey) -> None:
        field = key.field
        check_field(field)
        if field in self._done:
            return
        self._done.add(field)
        self.indexed = None
        if isinstance(field, Tags):
            raise InvalidArgument("order_by: all tags together have no order; name one, as in tags.team")
        if isinstance(field, Attribute):
            self._attribute(field, key.descending)
        elif isinstance(field, Param):
            self._param(field, key.descending)
        elif isinstance(field, Metric):
            table = self._join(metrics, field.key)
            value = aggregate_column(table, field.aggregate)
            self._number(value, table.c.run_id.is_not(None), key.descending)
            if field.aggregate == "last":
                self._has_index(SortTerm(value, float, key.descending), table.c.key == field.key)
        elif isinstance(field, MetricAt):
            value, present = value_at_step(field, self._functions)
            self._number(value, present, key.descending)
        else:
            table = self._join(tags, field.key)
            self._rank(sa.case((table.c.run_id.is_(None), 1), else_=0))
            self._text(sa.func.coalesce(table.c.value, ""), key.descending)
            value = self._functions.binary(table.c.value)
            self._has_index(SortTerm(value, str, key.descending), table.c.key == field.key)

    def _has_index(self, term: SortTerm, *rows: sa.ColumnElement[bool]) -> None:
        self.indexed = term, sa.select(term.expression).where(*rows, term.expression.is_not(None))

    def _join(self, table: sa.Table, key: str) -> Any:
        alias = _alias(table, len(self._done))
        self.source = self.source.outerjoin(alias, sa.and_(alias.c.run_id == runs.c.id, alias.c.key == key))
        return alias

    def _rank(self, expression: sa.ColumnElement[Any]) -> None:
        self.terms.append(SortTerm(expression, int))

    def _text(self, expression: sa.ColumnElement[Any], descending: bool) -> None:
        self.terms.append(SortTerm(self._functions.binary(expression), str, descending))

    def _attribute(self, field: Attribute, descending: bool) -> None:
        definition = ATTRIBUTES[field.name]
        column = ATTRIBUTE_COLUMNS[field.name]
        is_text = definition.kind is Kind.TEXT
        if definition.nullable:
            self._rank(sa.case((column.is_(None), 1), else_=0))
            column = sa.func.coalesce(column, "" if is_text else 0)
        if is_text:
            self._text(column, descending)
        else:
            self.terms.append(SortTerm(column, int, descending))
        if field.name == "started":
            self._has_index(self.terms[-1])

    def _number(self, value: sa.ColumnElement[Any], present: sa.ColumnElement[bool], descending: bool) -> None:
        self._rank(sa.case((sa.and_(present, value.is_not(None)), 0), (present, 1), else_=2))
        self.terms.append(SortTerm(sa.func.coalesce(sa.cast(value, sa.Float), 0.0), float, descending))

    def _param(self, field: Param, descending: bool) -> None:
        """Numbers, then text (and lists, by their JSON), then NaN, then None and missing."""
        table = self._join(params, field.key)
        number, json = table.c.num, table.c.json
        is_missing = sa.or_(table.c.run_id.is_(None), json == "null")
        self._rank(sa.case((is_missing, 3), (number.is_not(None), 0), (json == "NaN", 2), else_=1))
        self.terms.append(SortTerm(sa.func.coalesce(number, 0.0), float, descending))
        is_text = sa.and_(sa.not_(is_missing), number.is_(None))
        self._text(sa.case((is_text, sa.func.coalesce(table.c.text, "")), else_=""), descending)
        self._has_index(SortTerm(number, float, descending), table.c.key == field.key)
