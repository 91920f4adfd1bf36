"""Orders: several keys, missing values last in either direction, ties broken so that the order is total.

Each key becomes one to three sort terms that are never NULL: a rank (0 a value, then NaN, then nothing), which always
ascends, and the value, which follows the direction. That is what keyset pagination needs to compare positions. Each
term is said twice, for SQL and for Python: `runlore.index.evaluate` has the meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runlore.catalog.database.sql import TRUE, Sql, join, sql
from runlore.catalog.database.tables import NULL, NUMBER
from runlore.catalog.search.columns import ATTRIBUTE_COLUMNS
from runlore.catalog.search.conditions import is_not_null
from runlore.catalog.search.filters import aggregate_column, value_at_step
from runlore.errors import InvalidArgument
from runlore.query.expression import Attribute, Metric, MetricAt, Param, Tags
from runlore.query.fields import ATTRIBUTES, Kind, check_field, is_fixed
from runlore.query.ordering import order_keys, tie_breakers
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from runlore.catalog.database.base import Dialect
    from runlore.query.expression import Field, OrderKey
    from runlore.query.ordering import OrderBy


@dataclass(frozen=True, slots=True)
class SortTerm:
    """One expression to sort by; never NULL.

    Attributes:
        expression: over `runs` and the joined tables.
        type: of its values in Python: int, float or str.
        descending: its direction.
        field, place: it is this part of what `runlore.index.evaluate.place_of` says of the field.
    """

    expression: Sql
    type: type[int | float | str]
    descending: bool
    field: Field
    place: int


@dataclass(frozen=True, slots=True)
class Front:
    """An index that has the runs in the order of the first key. Those without a value in it come after all others.

    Attributes:
        term: the indexed column.
        rest: what decides among runs of the same value.
        source: the table that the column belongs to, under the name that it is joined as.
        rows: which rows of it; a run has at most one.
    """

    term: SortTerm
    rest: tuple[SortTerm, ...]
    source: str
    rows: Sql


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of runs.

    Attributes:
        keys: as asked for.
        terms: to sort by, ending with the start and the uid.
        source: `runs` with what the terms need joined to it.
        fixed: no term ever changes after the start of a run.
        front: an index for the first key, or None.
        decides: SQL can sort by it.
    """

    keys: tuple[OrderKey, ...]
    terms: tuple[SortTerm, ...]
    source: Sql
    fixed: bool
    front: Front | None
    decides: bool


def compile_order(order_by: OrderBy, dialect: Dialect) -> Order:
    """An order as sort terms.

    Ties are broken by the start and then the uid, in the direction of the last key. None is `"-started"`.

    Raises:
        QuerySyntaxError: the text is no order.
        InvalidArgument: too many keys, or a key that has no order.

    Example:
        >>> from runlore.catalog.database.sqlite_dialect import SqliteDialect
        >>> order = compile_order("-metrics.acc", SqliteDialect())
        >>> [(term.type.__name__, term.descending) for term in order.terms]
        [('int', False), ('float', True), ('int', True), ('str', True)]
    """
    keys = order_keys(order_by)
    builder = _Builder(dialect)
    builder.add(keys[0])
    indexed, of_first_key = builder.indexed, len(builder.terms)
    for key in (*keys[1:], *tie_breakers(keys)):
        builder.add(key)
    terms = tuple(builder.terms)
    front = None if indexed is None else Front(indexed[0], terms[of_first_key:], *indexed[1:])
    fixed = all(is_fixed(key.field) for key in keys)
    return Order(keys, terms, builder.source, fixed, front, builder.decides)


_UNDECIDED = sql("0")


class _Builder:
    def __init__(self, dialect: Dialect) -> None:
        self.terms: list[SortTerm] = []
        self.source = sql("runs")
        self.decides = True
        self.indexed: tuple[SortTerm, str, Sql] | None = None
        """Of the key that was added last: the column of an index that has its order, its source, and which rows."""
        self._dialect = dialect
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
            self._attribute(key, field)
        elif isinstance(field, Param):
            self._param(key, field)
        elif isinstance(field, Metric):
            table = self._join("metrics", field.key)
            value = aggregate_column(table, field.aggregate)
            self._number(key, value, sql(f"{table}.run_id IS NOT NULL"))
            if field.aggregate == "last":
                self._has_index(key, value, float, table)
        elif isinstance(field, MetricAt):
            found = value_at_step(field, self._dialect)
            self.decides = self.decides and found is not None
            self._number(key, *(found or (_UNDECIDED, _UNDECIDED)))
        else:
            table = self._join("tags", field.key)
            self._rank(key, f"CASE WHEN {table}.run_id IS NULL THEN 2 ELSE 0 END")
            self._term(key, sql(f"coalesce({table}.value, '')"), str)
            self._has_index(key, sql(f"{table}.value"), str, table)

    def _term(self, key: OrderKey, expression: Sql, kind: type[int | float | str], place: int = 1) -> None:
        self.terms.append(SortTerm(expression, kind, key.descending, key.field, place))

    def _rank(self, key: OrderKey, expression: str | Sql) -> None:
        found = sql(expression) if isinstance(expression, str) else expression
        self.terms.append(SortTerm(found, int, descending=False, field=key.field, place=0))

    def _has_index(self, key: OrderKey, column: Sql, kind: type[int | float | str], table: str) -> None:
        is_joined = not isinstance(key.field, Attribute)
        rows = sql(f"{table}.key = ?", to_stored(key.field.key)) if is_joined else TRUE  # type: ignore[union-attr]
        source = f"{table.partition('_')[0]} AS {table}" if is_joined else table
        self.indexed = SortTerm(column, kind, key.descending, key.field, 1), source, rows

    def _join(self, table: str, key: str) -> str:
        """Join a table under a name of its own, which is returned."""
        alias = f"{table}_of_key_{len(self._done)}"
        joined = sql(f"LEFT JOIN {table} AS {alias} ON {alias}.run_id = runs.id AND {alias}.key = ?", to_stored(key))
        self.source = join("{} {}", self.source, joined)
        return alias

    def _attribute(self, key: OrderKey, field: Attribute) -> None:
        definition = ATTRIBUTES[field.name]
        column = ATTRIBUTE_COLUMNS[field.name]
        is_text = definition.kind is Kind.TEXT
        if definition.nullable:
            self._rank(key, f"CASE WHEN {column.text} IS NULL THEN 2 ELSE 0 END")
            column = sql(f"coalesce({column.text}, {chr(39) * 2 if is_text else 0})")
        self._term(key, column, str if is_text else int)
        if field.name == "started":
            self._has_index(key, column, int, "runs")

    def _number(self, key: OrderKey, value: Sql, present: Sql) -> None:
        known = is_not_null(value)
        self._rank(key, join("CASE WHEN {} AND {} THEN 0 WHEN {} THEN 1 ELSE 2 END", present, known, present))
        self._term(key, join("coalesce(CAST({} AS DOUBLE PRECISION), 0.0)", value), float)

    def _param(self, key: OrderKey, field: Param) -> None:
        """Numbers, then text (and lists, by their JSON), then NaN, then None and missing."""
        table = self._join("params", field.key)
        is_missing = f"{table}.run_id IS NULL OR {table}.kind = {NULL}"
        is_number = f"{table}.num IS NOT NULL"
        self._rank(
            key,
            f"CASE WHEN {is_missing} THEN 3 WHEN {is_number} THEN 0 WHEN {table}.kind = {NUMBER} THEN 2 ELSE 1 END",
        )
        self._term(key, sql(f"coalesce({table}.num, 0.0)"), float)
        is_text = f"{table}.num IS NULL AND {table}.kind != {NUMBER}"
        self._term(key, sql(f"CASE WHEN {is_text} THEN coalesce({table}.text, '') ELSE '' END"), str, 2)
        self._has_index(key, sql(f"{table}.num"), float, table)
