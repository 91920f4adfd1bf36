"""What a query means, rule by rule: builds the tree, reads words, counts limits, and says where it hurts."""

# ruff: noqa: D102 - each method is a rule that `runlore.query.grammar` describes

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from runlore.errors import InvalidArgument
from runlore.query.checks import check_condition
from runlore.query.expression import (
    MAX_DEPTH,
    MAX_TERMS,
    MAX_VALUES,
    And,
    Compare,
    Condition,
    Contains,
    Expression,
    Field,
    In,
    IsNull,
    Like,
    Matches,
    Metric,
    MetricAt,
    Not,
    Operator,
    Or,
    OrderKey,
    Tags,
    Value,
)
from runlore.query.fields import Kind, UnknownField, apply_function, attribute, check_text, field, kind_of
from runlore.query.values import Clock, literal, to_number

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_OPERATORS: dict[str, Operator] = {
    "==": "=",
    "<>": "!=",
    "=": "=",
    "!=": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}

EXPECTED_FIELD = "a field such as metrics.loss, params.lr, tags.team or status"
EXPECTED_VALUE = "a value: a number, true, false, or text in quotes"

_ESCAPE = {quote: re.compile(r"\\([\\'\"nrt])|\\u([0-9a-fA-F]{4})|" + quote * 2) for quote in "'\""}
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t"}


class Token(str):
    """A word of a text, and where it begins."""

    __slots__ = ("start_pos",)
    start_pos: int


class Refused(Exception):
    """Why and where; the parser adds the query and makes it the error that users see."""

    def __init__(self, reason: str, column: int, expected: str = "", word: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column
        self.expected = expected
        self.word = word


@dataclass(frozen=True, slots=True)
class Node:
    """An expression with what the limits count, and the column where it begins."""

    expression: Expression
    column: int
    depth: int = 1
    terms: int = 1
    values: int = 0


@dataclass(frozen=True, slots=True)
class FieldPart:
    """A field as written; `sign`: what stands before it, for an order."""

    field: Field
    column: int
    sign: str = ""


@dataclass(frozen=True, slots=True)
class LiteralPart:
    """A value as written: `text` without quotes, and whether it had any."""

    text: str
    column: int
    quoted: bool

    def value(self, kind: Kind) -> Value:
        """What it means for a field of this kind."""
        if self.quoted or kind is Kind.TEXT:
            return self.text
        return guard(lambda: literal(self.text), self.column)


def guard(action: Callable[[], _T], column: int) -> _T:
    """Do it; what is refused is refused at this column."""
    try:
        return action()
    except UnknownField as error:
        raise Refused(str(error), column, word=error.word) from error
    except InvalidArgument as error:
        raise Refused(str(error), column) from error


def _column(token: Token) -> int:
    return token.start_pos + 1


def _unquote(text: str) -> str:
    quote, inside = text[0], text[1:-1]
    if quote == "`":
        return inside.replace("``", "`")

    def read(found: re.Match[str]) -> str:
        if found[1]:
            return _ESCAPES[found[1]]
        return chr(int(found[2], 16)) if found[2] else quote

    return _ESCAPE[quote].sub(read, inside)


def _check_at(condition: Condition, column: int) -> None:
    guard(lambda: check_condition(condition, _CLOCK), column)


def _condition(condition: Condition, where: FieldPart, column: int, *, negate: bool = False, values: int = 0) -> Node:
    if where.sign:
        raise Refused("a field has no sign here", where.column, EXPECTED_FIELD)
    _check_at(condition, column)
    node = Node(condition, where.column, values=values)
    return replace(node, expression=Not(condition), depth=2) if negate else node


def _combine(kind: type[And | Or], nodes: list[Node]) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    operands: list[Expression] = []
    depth = terms = values = 0
    for node in nodes:
        same = isinstance(node.expression, kind)
        operands.extend(node.expression.operands if isinstance(node.expression, kind) else (node.expression,))
        depth = max(depth, node.depth - 1 if same else node.depth)
        terms += node.terms
        values += node.values
        if terms > MAX_TERMS:
            raise Refused(f"the query has more than {MAX_TERMS} conditions; use `in (…)` or split it", node.column)
        if values > MAX_VALUES:
            raise Refused(f"the query has more than {MAX_VALUES:,} values in lists; split it", node.column)
    _check_depth(depth + 1, nodes[0].column)
    return Node(kind(tuple(operands)), nodes[0].column, depth + 1, terms, values)


def _check_depth(depth: int, column: int) -> None:
    if depth > MAX_DEPTH:
        raise Refused(f"the query nests more than {MAX_DEPTH} levels of and, or, not; write it flatter", column)


_CLOCK = Clock(now_ns=0)
"""For checking values only: what they mean is settled when the query is compiled."""


class Builder:
    """Called for each rule that was read, the inner ones first. Stateless, so that threads can share it."""

    def disjunction(self, nodes: list[Node]) -> Node:
        return _combine(Or, nodes)

    def conjunction(self, nodes: list[Node]) -> Node:
        return _combine(And, nodes)

    def negated(self, token: Token, node: Node) -> Node:
        if isinstance(node.expression, Not):
            return replace(node, expression=node.expression.operand, column=_column(token), depth=node.depth - 1)
        _check_depth(node.depth + 1, _column(token))
        return replace(node, expression=Not(node.expression), column=_column(token), depth=node.depth + 1)

    def compare(self, where: FieldPart, operator: str, value: LiteralPart) -> Node:
        made = Compare(where.field, _OPERATORS[operator], self._value(where, value))
        return _condition(made, where, value.column)

    def member(self, where: FieldPart, values: list[LiteralPart], *, negate: bool) -> Node:
        read = tuple(self._value(where, value) for value in values)
        if len(read) > MAX_VALUES:
            raise Refused(f"more than {MAX_VALUES:,} values in a list; split it", values[MAX_VALUES].column)
        for value, written in zip(read, values, strict=True):
            _check_at(In(where.field, (value,)), written.column)
        return _condition(In(where.field, read), where, where.column, negate=negate, values=len(read))

    def text(self, where: FieldPart, operator: str, value: LiteralPart, *, negate: bool) -> Node:
        kind = operator.lower()
        made: Condition
        if kind == "contains":
            made = Contains(where.field, value.text)
        elif kind == "matches":
            made = Matches(where.field, value.text)
        else:
            made = Like(where.field, value.text, ignore_case=kind == "ilike")
        return _condition(made, where, value.column, negate=negate)

    def between(self, where: FieldPart, low: LiteralPart, high: LiteralPart, *, negate: bool) -> Node:
        at_least = _condition(Compare(where.field, ">=", self._value(where, low)), where, low.column)
        at_most = _condition(Compare(where.field, "<=", self._value(where, high)), where, high.column)
        node = _combine(And, [at_least, at_most])
        return replace(node, expression=Not(node.expression), depth=3) if negate else node

    def null(self, where: FieldPart, *, negate: bool) -> Node:
        return _condition(IsNull(where.field), where, where.column, negate=negate)

    def identity(self, where: FieldPart, token: Token, *, negate: bool) -> Node:
        if token.lower() not in ("nan", "true", "false"):
            raise Refused(f"{str(token)[:40]!r} cannot stand here", _column(token), "null, nan, true or false")
        made = Compare(where.field, "!=" if negate else "=", literal(token))
        return _condition(made, where, _column(token))

    def reference(self, token: Token) -> FieldPart:
        column, (sign, text) = _column(token), _split_sign(token)
        if text.lower() == "tags":
            return FieldPart(Tags(), column, sign)
        prefix, dot, key = text.partition(".")
        if not dot:
            return FieldPart(guard(lambda: attribute(text), column), column, sign)
        if key.endswith(":"):
            raise Refused(
                f"the key {key!r} ends with a colon", column, f"an operator, or a quoted key: {prefix}.`{key}`"
            )
        return FieldPart(guard(lambda: field(prefix, key), column), column, sign)

    def quoted_reference(self, token: Token) -> FieldPart:
        column, (sign, text) = _column(token), _split_sign(token)
        prefix, _, quoted = text.partition(".")
        return FieldPart(guard(lambda: field(prefix, _unquote(quoted)), column), column, sign)

    def function(self, name: Token, argument: FieldPart, step: LiteralPart | None) -> FieldPart:
        column, (sign, text) = _column(name), _split_sign(name)
        if argument.sign:
            raise Refused("a sign cannot stand inside a function", argument.column)
        if text.lower() != "at":
            if step is not None:
                raise Refused(f"{text[:40]}() takes one argument", step.column, "')'")
            return FieldPart(guard(lambda: apply_function(text, argument.field), column), column, sign)
        if step is None or not isinstance(argument.field, Metric) or argument.field.aggregate != "last":
            raise Refused("at() takes a metric and a step", column, "for example at(metrics.loss, 100)")
        number = guard(lambda: to_number(step.text), step.column)
        if math.isnan(number):
            raise Refused("a step is not nan", step.column, "a number")
        return FieldPart(MetricAt(argument.field.key, number), column, sign)

    def bare(self, token: Token) -> LiteralPart:
        return LiteralPart(str(token), _column(token), quoted=False)

    def string(self, token: Token) -> LiteralPart:
        text = guard(lambda: check_text(_unquote(token)), _column(token))
        return LiteralPart(text, _column(token), quoted=True)

    def order_key(self, where: FieldPart, direction: Token | None) -> OrderKey:
        if isinstance(where.field, Tags):
            raise Refused("all tags together have no order", where.column, "one of them, for example tags.team")
        if where.sign and direction is not None:
            raise Refused("a sign and a direction together", _column(direction), "one of the two")
        descending = direction.lower().startswith("desc") if direction is not None else where.sign == "-"
        return OrderKey(where.field, descending)

    @staticmethod
    def _value(where: FieldPart, value: LiteralPart) -> Value:
        if not value.quoted and value.text.lower() in ("null", "none"):
            raise Refused("nothing equals null", value.column, "`is null` or `is not null`")
        prefix = value.text.partition(".")[0].lower()
        if not value.quoted and "." in value.text and prefix in ("metrics", "params", "tags", "metric", "param", "tag"):
            raise Refused("a field is compared with a value, not with another field", value.column, EXPECTED_VALUE)
        return value.value(kind_of(where.field))


def _split_sign(token: Token) -> tuple[str, str]:
    text = str(token)
    return (text[0], text[1:]) if text[0] in "+-" else ("", text)
