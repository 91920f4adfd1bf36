"""MLflow's filter and order strings: text to a small tree. What is made of it is up to who asks.

    metrics.loss < 0.1 and params.`learning rate` = '0.1' and (tags.team = 'a' or attributes.status = 'FINISHED')

`or`, `not` and parentheses are ours; MLflow has `and` alone. Keys stand in backticks or double quotes where they have
blanks; values of text in single or double quotes. A query of any length is read in one pass, without recursion deeper
than `MAX_DEPTH`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from runlore.index.evaluate import is_like
from runlore.query.regex import compile_pattern
from runlore.server.mlflow.message import MlflowError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_DEPTH = 30
MAX_LENGTH = 100_000

Value: TypeAlias = "str | float | int"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition.

    Attributes:
        kind: what stands before the first dot, in lower case; empty: nothing.
        key: the rest, or all of it.
        operator: `=`, `!=`, `<`, `<=`, `>`, `>=`, `LIKE`, `ILIKE`, `RLIKE`, `IN`, `NOT IN`, `IS NULL`, `IS NOT NULL`.
        value: text, number, or a tuple of those; None for the last two.
    """

    kind: str
    key: str
    operator: str
    value: Value | tuple[Value, ...] | None


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of which all (`and`), one (`or`) or not the only one (`not`) hold."""

    word: str
    parts: tuple[Node, ...]


Node: TypeAlias = "Comparison | Group"

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>"(?:[^"\\]|\\.)*"|`[^`]*`)
  | (?P<operator><=|>=|!=|<>|==|=|<|>)
  | (?P<mark>[(),])
  | (?P<word>(?:[^\s'"`<>=!(),]|`[^`]*`|(?<=\.)"[^"]*")+)
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)", re.IGNORECASE)
_OPERATORS = {"==": "=", "<>": "!="}
_WORDS = frozenset({"LIKE", "ILIKE", "RLIKE"})


@dataclass(frozen=True, slots=True)
class _Token:
    sort: str
    text: str
    at: int

    @property
    def upper(self) -> str:
        return self.text.upper() if self.sort == "word" else ""


def parse(text: str) -> Node | None:
    """A filter as a tree; None: it asks for nothing.

    Raises:
        MlflowError: it cannot be understood, and where.

    Example:
        >>> parse("metrics.`val loss` <= 0.5")
        Comparison(kind='metrics', key='val loss', operator='<=', value=0.5)
        >>> parse("a = 'x' and not (b.c in ('y', 'z') or d is null)").word
        'and'
    """
    if not text.strip():
        return None
    if len(text) > MAX_LENGTH:
        raise MlflowError(f"the filter has {len(text):,} characters; at most {MAX_LENGTH:,} are possible")
    parser = _Parser(text)
    found = parser.disjunction(0)
    parser.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _is(self, *words: str) -> bool:
        found = self._peek()
        return found is not None and (found.upper in words or (found.sort == "mark" and found.text in words))

    def _next(self, wanted: str) -> _Token:
        found = self._peek()
        if found is None:
            raise self._wrong(f"{wanted} is missing at its end")
        self._at += 1
        return found

    def _wrong(self, why: str) -> MlflowError:
        return MlflowError(
            f"Invalid clause(s) in filter string: {self._text[:500]!r}: {why}. Expected, for example, metrics.acc > 0.9"
        )

    def end(self) -> None:
        found = self._peek()
        if found is not None:
            raise self._wrong(f"{found.text!r} at {found.at} does not belong there; conditions are joined by AND or OR")

    def disjunction(self, depth: int) -> Node:
        return self._joined("or", self._conjunction, depth)

    def _conjunction(self, depth: int) -> Node:
        return self._joined("and", self._negation, depth)

    def _joined(self, word: str, part: Callable[[int], Node], depth: int) -> Node:
        parts = [part(depth)]
        while self._is(word.upper()):
            self._at += 1
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else Group(word, tuple(parts))

    def _negation(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._wrong(f"it nests more than {MAX_DEPTH} levels")
        if self._is("NOT"):
            self._at += 1
            return Group("not", (self._negation(depth + 1),))
        if self._is("("):
            self._at += 1
            found = self.disjunction(depth + 1)
            if not self._is(")"):
                raise self._wrong("a parenthesis is not closed")
            self._at += 1
            return found
        return self._comparison()

    def _comparison(self) -> Comparison:
        token = self._next("a condition")
        if token.sort not in {"word", "quoted"}:
            raise self._wrong(f"{token.text!r} at {token.at} should be a key, such as metrics.acc")
        kind, key = split_key(token.text)
        operator = self._operator()
        if operator.startswith("IS"):
            return Comparison(kind, key, operator, None)
        if operator.endswith("IN"):
            return Comparison(kind, key, operator, self._list())
        return Comparison(kind, key, operator, self._value())

    def _operator(self) -> str:
        token = self._next("an operator")
        if token.sort == "operator":
            return _OPERATORS.get(token.text, token.text)
        word = token.upper
        if word in _WORDS or word == "IN":
            return word
        if word == "NOT" and self._is("IN"):
            self._at += 1
            return "NOT IN"
        if word == "IS":
            negated = self._is("NOT")
            self._at += negated
            if self._is("NULL"):
                self._at += 1
                return "IS NOT NULL" if negated else "IS NULL"
        raise self._wrong(f"{token.text!r} at {token.at} is no operator")

    def _value(self) -> Value:
        token = self._next("a value")
        if token.sort in {"string", "quoted"}:
            return _unquoted(token.text)
        if token.sort == "word":
            if _NUMBER.fullmatch(token.text):
                return int(token.text) if re.fullmatch(r"[+-]?\d{1,19}", token.text) else float(token.text)
            if token.upper in {"TRUE", "FALSE"}:
                return token.text.lower()
        raise self._wrong(f"{token.text!r} at {token.at} should be a number, or text in quotes")

    def _list(self) -> tuple[Value, ...]:
        if not self._is("("):
            raise self._wrong("IN takes a list in parentheses")
        found: list[Value] = []
        while True:
            self._at += 1
            if self._is(")") and not found:
                raise self._wrong("a list of values is empty")
            if not found or not self._is(")"):  # a comma may stand at the end
                found.append(self._value())
            if self._is(")"):
                self._at += 1
                return tuple(found)
            if not self._is(","):
                raise self._wrong("a list of values is not closed")


def _tokens(text: str) -> Sequence[_Token]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise MlflowError(
                f"Invalid clause(s) in filter string: {text[:500]!r}: {text[at : at + 20]!r} at {at} cannot be read"
            )
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return found


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    if text[0] == "'":
        inner = inner.replace("''", "'")
    return re.sub(rf"\\({re.escape(text[0])}|\\)", r"\1", inner)


def split_key(text: str) -> tuple[str, str]:
    """What stands before the first dot, in lower case, and the rest without its quotes.

    Example:
        >>> split_key("Metrics.`a b`"), split_key("status"), split_key("tags.mlflow.user")
        (('metrics', 'a b'), ('', 'status'), ('tags', 'mlflow.user'))
    """
    if text[0] in '`"':
        return "", text[1:-1]
    kind, dot, key = text.partition(".")
    if not dot:
        return "", text
    if len(key) > 1 and key[0] in '`"' and key[-1] == key[0]:
        key = key[1:-1]
    return kind.lower(), key


def parse_order(text: str) -> tuple[str, str, bool]:
    """One term of an order: kind and key as for `split_key`, and whether it descends.

    Raises:
        MlflowError: it cannot be understood.

    Example:
        >>> parse_order("metrics.`val loss` DESC")
        ('metrics', 'val loss', True)
    """
    found = re.fullmatch(r"\s*(.+?)(?:\s+(ASC|DESC))?\s*", text, re.IGNORECASE | re.DOTALL)
    if found is None or len(text) > 4_096:
        raise MlflowError(f"Invalid order_by clause {text[:200]!r}")
    key = found[1]
    if not re.fullmatch(r"(?:[^\s`\"]+\.)?(?:`[^`]+`|\"[^\"]+\"|[^\s`\"]+)", key):
        raise MlflowError(f"Invalid order_by clause {text[:200]!r}. Put keys that have blanks in backticks")
    return *split_key(key), (found[2] or "").upper() == "DESC"


# -- deciding here ----------------------------------------------------------------------------------------------------


def holds(node: Node | None, value_of: Callable[[str, str], Value | None]) -> bool:
    """Whether a filter holds for something.

    Args:
        node: the filter; None holds for everything.
        value_of: gives what the thing has under a kind and key; None: it has none.
    """
    if node is None:
        return True
    if isinstance(node, Group):
        if node.word == "not":
            return not holds(node.parts[0], value_of)
        parts = (holds(part, value_of) for part in node.parts)
        return all(parts) if node.word == "and" else any(parts)
    value = value_of(node.kind, node.key)
    if node.operator in {"IS NULL", "IS NOT NULL"}:
        return (value is None) == (node.operator == "IS NULL")
    return value is not None and _compares(node, value)


def _compares(node: Comparison, value: Value) -> bool:
    wanted = node.value
    if isinstance(wanted, tuple):
        return (value in _alike(wanted, value)) == (node.operator == "IN")
    if node.operator in _WORDS:
        text = str(wanted)
        if node.operator == "RLIKE":
            return compile_pattern(text).search(str(value)) is not None
        return is_like(text.replace("\\", "\\\\"), str(value), ignore_case=node.operator == "ILIKE")
    [right] = _alike((wanted if wanted is not None else "",), value)
    if node.operator in {"=", "!="}:
        return (value == right) == (node.operator == "=")
    if isinstance(value, str) != isinstance(right, str):
        return False
    left, order = value, node.operator
    less, greater = left < right, left > right  # type: ignore[operator]
    return (less if order[0] == "<" else greater) or (order.endswith("=") and left == right)


def _alike(wanted: tuple[Value, ...], value: Value) -> list[Value]:
    """Literals as the sort of value that they are compared with."""
    if isinstance(value, str):
        return [item if isinstance(item, str) else str(item) for item in wanted]
    return [_as_number(item) for item in wanted]


def _as_number(item: Value) -> Value:
    try:
        return float(item) if isinstance(item, str) else item
    except ValueError:
        raise MlflowError(f"Expected a number to compare with, got {item!r}") from None
