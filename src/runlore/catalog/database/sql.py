"""Pieces of SQL that are put together: text in which every value is a `?`, and the values beside it, in order.

No value ever becomes text, so what somebody writes in a query can only be compared, never executed. `?? ` stands for a
list of any length behind `IN`; each database has its own way to be given one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_OR, _AND, _NOT, _TERM = range(4)
"""How tightly a piece holds together."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL.

    Attributes:
        text: with `?` for each value, and `??` for each list of values.
        values: in the order of the marks.
        binding: how tightly it holds together, so that parentheses are put where they are needed and nowhere else.
        nesting: entries of SQLite's parser stack that it needs, of a hundred.
    """

    text: str
    values: tuple[Any, ...] = ()
    binding: int = _TERM
    nesting: int = 1

    def within(self, binding: int) -> str:
        """The text as an operand."""
        return f"({self.text})" if self.binding < binding else self.text


TRUE = Sql("TRUE")
FALSE = Sql("FALSE")


def sql(text: str, *values: Any) -> Sql:
    """A condition or a term without `AND`, `OR` and `NOT` at its outermost level.

    Example:
        >>> all_of(sql("points > ?", 3), any_of(sql("lost = 0"), sql("lost > ?", 5)))
        Sql(text='(lost = 0 OR lost > ?) AND points > ?', values=(5, 3), binding=1, nesting=5)
    """
    return Sql(text, values)


def join(template: str, *parts: Sql) -> Sql:
    """Pieces in the gaps `{}` of a text.

    Example:
        >>> join("EXISTS (SELECT 1 FROM tags WHERE {})", sql("key = ?", "team"))
        Sql(text='EXISTS (SELECT 1 FROM tags WHERE key = ?)', values=('team',), binding=3, nesting=1)
    """
    return Sql(template.format(*(part.text for part in parts)), tuple(v for part in parts for v in part.values))


def all_of(*conditions: Sql) -> Sql:
    """All of them hold; with none, always true."""
    return _combine(conditions, " AND ", _AND) if conditions else TRUE


def any_of(*conditions: Sql) -> Sql:
    """One of them holds; with none, never true."""
    return _combine(conditions, " OR ", _OR) if conditions else FALSE


def _combine(conditions: Iterable[Sql], word: str, binding: int) -> Sql:
    """Join conditions, the one that nests deepest first.

    SQLite's parser keeps three entries for each level that is opened at the end of a list, and one for a level that is
    opened at its beginning.
    """
    ordered = sorted(conditions, key=lambda part: -part.nesting)
    if len(ordered) == 1:
        return ordered[0]
    text = word.join(part.within(binding + 1) for part in ordered)
    nesting = max(part.nesting + (1 if index == 0 else 3) for index, part in enumerate(ordered))
    return Sql(text, tuple(value for part in ordered for value in part.values), binding, nesting)


def negated(condition: Sql) -> Sql:
    """The condition is false; unknown where it is unknown."""
    return Sql(f"NOT {condition.within(_NOT + 1)}", condition.values, _NOT, condition.nesting + 1)


def not_true(condition: Sql) -> Sql:
    """False or unknown: what `NOT` alone does not say in SQL."""
    return Sql(f"({condition.text}) IS NOT TRUE", condition.values, _TERM, condition.nesting + 1)


def is_true(condition: Sql) -> Sql:
    """The condition holds; never unknown, and of no use to an index."""
    return Sql(f"({condition.text}) IS TRUE", condition.values, _TERM, condition.nesting + 1)


def one_of(column: str, values: Iterable[Any]) -> Sql:
    """The column equals one of the values, each of which is a parameter of its own: planners count them."""
    many = tuple(values)
    if not many:
        return FALSE
    return Sql(f"{column} IN ({', '.join('?' * len(many))})", many)
