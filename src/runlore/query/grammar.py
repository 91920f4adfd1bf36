"""The grammar of queries and orders, read from left to right without recursion, however deep a text nests.

    query:      [disjunction]
    disjunction: conjunction ("or" conjunction)*
    conjunction: negation ("and" negation)*
    negation:   "not" negation | "(" disjunction ")" | condition
    condition:  field OPERATOR value
              | field ["not"] "in" "(" value ("," value)* [","] ")"
              | field ["not"] ("like" | "ilike" | "contains" | "matches") value
              | field ["not"] "between" value "and" value
              | field "is" ["not"] (null | nan | true | false)
    field:      BARE | QUOTED_REFERENCE | BARE "(" field ["," value] ")"
    value:      BARE | STRING
    order:      field ["asc" | "desc"] ("," field ["asc" | "desc"])* [","]

What stands where is decided here, what it means in `builder`. A rule's meaning is asked for when the word behind it
can stand there: of two faults the text is told of the one in its form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.errors import QuerySyntaxError, WrongType
from runlore.query.builder import Builder, Refused, guard
from runlore.query.expression import EVERYTHING
from runlore.query.fields import check_text
from runlore.query.tokens import END, Tokens

if TYPE_CHECKING:
    from runlore.query.builder import FieldPart, LiteralPart, Node, Token
    from runlore.query.expression import Expression, OrderKey

MAX_LENGTH = 65_536
"""Characters in a query."""

_AFTER_FIELD = ("OPERATOR", "NOT", "IN", "TEXT_OPERATOR", "BETWEEN", "IS")
_IN_FUNCTION = (")", ",")
_AFTER_KEY = ("DIRECTION", ",", END)
_AFTER_ANY_FIELD = (*_AFTER_FIELD, *_IN_FUNCTION, *_AFTER_KEY)
_AFTER_CONDITION = ("AND", "OR", ")", END)
_BUILD = Builder()


def read_query(text: str) -> Expression:
    """The tree of a query.

    Raises:
        QuerySyntaxError: it says nothing; the error points at the column and says what could stand there.
        WrongType: it is not text.
    """
    tokens = _tokens(text, "query")
    try:
        guard(lambda: check_text(text), 1)
        return EVERYTHING if tokens.at_end() else _Query(tokens).read()
    except Refused as error:
        raise _said(error, text) from error


def read_order(text: str) -> tuple[OrderKey, ...]:
    """The keys of an order. Raises as `read_query`."""
    tokens = _tokens(text, "order_by")
    try:
        guard(lambda: check_text(text), 1)
        return _order(tokens)
    except Refused as error:
        raise _said(error, text) from error


def _tokens(text: str, argument: str) -> Tokens:
    if not isinstance(text, str):
        raise WrongType(f"{argument}={text!r} must be text, not {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"the query has {len(text):,} characters; at most {MAX_LENGTH:,} are possible",
            query=text,
            column=MAX_LENGTH + 1,
        )
    return Tokens(text)


def _said(refused: Refused, text: str) -> QuerySyntaxError:
    return QuerySyntaxError(
        refused.reason, query=text, column=refused.column, expected=refused.expected, word=refused.word
    )


class _Level:
    """What was read between one parenthesis, or the beginning, and where the text is."""

    __slots__ = ("conjuncts", "disjuncts", "negations")

    def __init__(self) -> None:
        self.disjuncts: list[Node] = []
        self.conjuncts: list[Node] = []
        self.negations: list[Token] = []

    def add(self, node: Node) -> None:
        while self.negations:
            node = _BUILD.negated(self.negations.pop(), node)
        self.conjuncts.append(node)

    def end_conjunction(self) -> None:
        self.disjuncts.append(_BUILD.conjunction(self.conjuncts))
        self.conjuncts = []

    def finish(self) -> Node:
        self.end_conjunction()
        return _BUILD.disjunction(self.disjuncts)


class _Query:
    """A query that is being read."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._levels = [_Level()]

    def read(self) -> Expression:
        while True:
            self._open()
            node = self._condition()
            while not self._goes_on(node):
                if len(self._levels) > 1:
                    self._tokens.need(")")
                    node = self._levels.pop().finish()
                elif self._tokens.at_end():
                    return self._levels[0].finish().expression
                else:
                    raise self._tokens.refused()

    def _open(self) -> None:
        """Negations and parentheses before a condition."""
        while True:
            negation = self._tokens.take("NOT")
            if negation is not None:
                self._levels[-1].negations.append(negation)
            elif self._tokens.take("("):
                self._levels.append(_Level())
            else:
                return

    def _goes_on(self, node: Node) -> bool:
        """Take a node in; whether another one follows on the same level. Else the level ends."""
        level = self._levels[-1]
        level.add(node)
        if self._tokens.take("AND"):
            return True
        if self._tokens.take("OR"):
            level.end_conjunction()
            return True
        return False

    def _settle(self) -> None:
        """A condition was read."""
        self._tokens.settle(_AFTER_CONDITION, ("AND", "OR", END if len(self._levels) == 1 else ")"))

    def _condition(self) -> Node:
        tokens = self._tokens
        where = _field(tokens, _AFTER_FIELD)
        operator = tokens.take("OPERATOR")
        if operator is not None:
            value = _value(tokens)
            self._settle()
            return _BUILD.compare(where, operator, value)
        if tokens.take("IS"):
            return self._identity(where)
        negate = tokens.take("NOT") is not None
        if tokens.take("IN"):
            values = self._values()
            self._settle()
            return _BUILD.member(where, values, negate=negate)
        if tokens.take("BETWEEN"):
            low = _value(tokens)
            tokens.need("AND")
            high = _value(tokens)
            self._settle()
            return _BUILD.between(where, low, high, negate=negate)
        operator = tokens.need("TEXT_OPERATOR")
        value = _value(tokens)
        self._settle()
        return _BUILD.text(where, operator, value, negate=negate)

    def _identity(self, where: FieldPart) -> Node:
        negate = self._tokens.take("NOT") is not None
        null = self._tokens.take("NULL")
        word = null or self._tokens.need("BARE")
        self._settle()
        return _BUILD.null(where, negate=negate) if null else _BUILD.identity(where, word, negate=negate)

    def _values(self) -> list[LiteralPart]:
        tokens = self._tokens
        tokens.need("(")
        values = [_value(tokens)]
        while tokens.take(","):
            if tokens.take(")"):
                return values
            values.append(_value(tokens))
        tokens.need(")")
        return values


def _order(tokens: Tokens) -> tuple[OrderKey, ...]:
    keys: list[OrderKey] = []
    while True:
        where = _field(tokens, _AFTER_KEY)
        direction = tokens.take("DIRECTION")
        tokens.settle((",", END), (",", END) if direction else _AFTER_KEY)
        keys.append(_BUILD.order_key(where, direction))
        if not tokens.take(",") or tokens.at_end():
            return tuple(keys)


def _field(tokens: Tokens, follow: tuple[str, ...]) -> FieldPart:
    functions: list[Token] = []
    while True:
        quoted = tokens.take("QUOTED_REFERENCE")
        name = quoted or tokens.need("BARE")
        if quoted is None and tokens.take("("):
            functions.append(name)
            continue
        tokens.settle(_AFTER_ANY_FIELD, _IN_FUNCTION if functions else follow)
        found = _BUILD.quoted_reference(name) if quoted else _BUILD.reference(name)
        break
    while functions:
        step = _value(tokens) if tokens.take(",") else None
        tokens.need(")")
        function = functions.pop()
        tokens.settle(_AFTER_ANY_FIELD, _IN_FUNCTION if functions else follow)
        found = _BUILD.function(function, found, step)
    return found


def _value(tokens: Tokens) -> LiteralPart:
    text = tokens.take("STRING")
    return _BUILD.string(text) if text is not None else _BUILD.bare(tokens.need("BARE"))
