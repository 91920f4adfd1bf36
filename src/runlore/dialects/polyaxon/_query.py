"""Polyaxon's query syntax, as a tree of Runlore's query language.

    metrics.loss:<0.1, status:succeeded          and; `AND` does the same
    status:failed|stopped                        one of several values
    params.lr:0.01..0.1                          from … to …, both included
    metrics.acc:nil, finished_at:~nil            the run has none; the run has one
    status:~running, ~(tags:old OR name:tmp%)    not
    name:%resnet%                                % is any text

Values with a comma, a parenthesis, a bar or a colon stand in quotes, and so do such keys, in back ticks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from runlore.dialects._native import find_runs
from runlore.dialects.polyaxon._client import store_of
from runlore.dialects.polyaxon._names import BACKEND, BUILD, FRAMEWORK, KIND, split_project
from runlore.errors import InvalidArgument, QuerySyntaxError, WrongType
from runlore.query import (
    EVERYTHING,
    And,
    Attribute,
    Compare,
    In,
    IsNull,
    Like,
    Metric,
    Not,
    Or,
    OrderKey,
    Param,
    Tag,
    Tags,
)
from runlore.query.values import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.query import Expression, Field, Operator
    from runlore.reader import RunView

_FIELDS: dict[str, Field] = {
    "id": Attribute("number"),
    "uuid": Attribute("uid"),
    "name": Attribute("name"),
    "description": Attribute("description"),
    "status": Attribute("status"),
    "created_at": Attribute("started"),
    "started_at": Attribute("started"),
    "updated_at": Attribute("updated"),
    "finished_at": Attribute("ended"),
    "run_time": Attribute("duration"),
    "duration": Attribute("duration"),
    "user": Attribute("user"),
    "user.username": Attribute("user"),
    "project": Attribute("experiment"),
    "project.name": Attribute("experiment"),
    "group": Attribute("group"),
    "group.id": Attribute("group"),
    "experiment_group": Attribute("group"),
    "tags": Tags(),
    "framework": Tag(FRAMEWORK),
    "backend": Tag(BACKEND),
    "build": Tag(BUILD),
    "build.id": Tag(BUILD),
}
_PREFIXES: dict[str, type[Metric | Param | Tag]] = {
    "metric": Metric, "metrics": Metric, "outputs": Metric, "out": Metric, "param": Param, "params": Param,
    "declarations": Param, "inputs": Param, "in": Param, "tags": Tag,
}  # fmt: skip

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<mark>~?\(|\)|,)
      | (?P<word>AND|OR)(?=[\s(~])
      | (?P<field>[\w.]*`[^`]+`|[^\s:,()|`]+)\s*:\s*(?P<not>~?)\s*(?P<operator><=|>=|<|>|=)?\s*
        (?P<value>(?:"[^"]*"|'[^']*'|(?!(?<!\s)\s+(?:AND|OR)[\s(~])[^,()"'])+)
    )""",
    re.VERBOSE,
)
_ITEM = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^|"']+?))\s*(?:\||$)""")
_MAX_DEPTH = 30
_MAX_LENGTH = 10_000


def parse_query(query: str | None) -> Expression:
    """The tree of a query; None, or nothing but blanks, is every run.

    `status:failed` finds runs that crashed, too: Polyaxon's server calls failed what it hears nothing of any more.
    `status:"failed"` leaves them out.

    Raises:
        QuerySyntaxError: the text is no query; it points at the column.
        InvalidArgument: there is no such field.
        WrongType: it is not text.

    Example:
        >>> parse_query("metrics.loss:<0.1")
        Compare(field=Metric(key='loss', aggregate='last'), operator='<', value=0.1)
    """
    if query is None or (isinstance(query, str) and not query.strip()):
        return EVERYTHING
    if not isinstance(query, str):
        raise WrongType(f"query={query!r} must be text")
    if len(query) > _MAX_LENGTH:
        raise InvalidArgument(f"the query has {len(query):,} characters; at most {_MAX_LENGTH:,} are possible")
    return _Parser(query).parse()


def parse_sort(sort: str | None) -> tuple[OrderKey, ...]:
    """The keys of an order such as `-metrics.acc, created_at`; none for None.

    Raises:
        InvalidArgument: there is no such field.

    Example:
        >>> parse_sort("-id")
        (OrderKey(field=Attribute(name='number'), descending=True),)
    """
    keys = [key.strip() for key in sort.split(",")] if sort else []
    return tuple(OrderKey(_field(key.removeprefix("-").strip()), key.startswith("-")) for key in keys)


def experiments(
    query: str | None = None, sort: str | None = None, project: str | None = None, *, group_id: int | str | None = None,
    limit: int | None = None, client: Any = None,
) -> list[RunView]:  # fmt: skip
    """The experiments that a query finds, in order; the newest first by default. Jobs and groups are left out.

    Args:
        query: in Polyaxon's syntax.
        sort: such as `-metrics.acc, created_at`. Runs without a value come last.
        project: only this one; by default all.
        group_id: only members of this group.
        limit: at most so many.
        client: as for `Experiment`.

    Example:
        >>> from runlore.dialects.polyaxon import Experiment
        >>> for loss in (0.05, 0.5):
        ...     experiment = Experiment("vision").create()
        ...     experiment.log_metrics(loss=loss)
        ...     experiment.log_succeeded()
        >>> [view.number for view in experiments("metrics.loss:<0.1, status:succeeded")]
        [1]
    """
    wanted = [parse_query(query), IsNull(Tag(KIND))]
    if project is not None:
        wanted.append(Compare(Attribute("experiment"), "=", "/".join(filter(None, split_project(project)))))
    if group_id is not None:
        wanted.append(Compare(Attribute("group"), "=", str(group_id)))
    return find_runs(store_of(client), And(tuple(wanted)), parse_sort(sort), limit)


class _Parser:
    """Reads `any := all (OR all)*`, `all := term ((, | AND) term)*`, `term := condition | [~] ( any )`."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._at = 0
        self._depth = 0
        self._token: re.Match[str] | None = None
        self._next()

    def parse(self) -> Expression:
        found = self._any()
        if self._at < len(self._query) or self._token is not None:
            self._refuse("a comma, AND, OR or the end")
        return found

    def _next(self) -> None:
        self._at = self._token.end() if self._token is not None else self._at
        rest = self._query[self._at :]
        self._token = _TOKEN.match(self._query, self._at)
        if not rest.strip():
            self._at, self._token = len(self._query), None

    def _is(self, *marks: str) -> bool:
        return self._token is not None and (self._token["mark"] or self._token["word"]) in marks

    def _any(self) -> Expression:
        found = [self._all()]
        while self._is("OR"):
            self._next()
            found.append(self._all())
        return found[0] if len(found) == 1 else Or(tuple(found))

    def _all(self) -> Expression:
        found = [self._term()]
        while self._is(",", "AND"):
            self._next()
            found.append(self._term())
        return found[0] if len(found) == 1 else And(tuple(found))

    def _term(self) -> Expression:
        token = self._token
        if token is None or token["word"] or token["mark"] in (")", ","):
            self._refuse("a condition such as metrics.loss:<0.1, or a parenthesis")
        if token["mark"] is None:
            found = self._condition(token)
            self._next()
            return found
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._refuse(f"at most {_MAX_DEPTH} parentheses within one another")
        self._next()
        inner = self._any()
        if not self._is(")"):
            self._refuse("a closing parenthesis")
        self._depth -= 1
        self._next()
        return Not(inner) if token["mark"].startswith("~") else inner

    def _condition(self, token: re.Match[str]) -> Expression:
        field = _field(token["field"])
        operator: Any = token["operator"]
        values = self._values(token["value"].rstrip(), token.start("value"))
        if operator is not None and len(values) > 1:
            self._refuse("one value after a comparison", token.start("value"))
        found = _condition(field, operator or "=", values)
        return Not(found) if token["not"] else found

    def _values(self, text: str, start: int) -> list[tuple[str, bool]]:
        """The values between bars, and whether each stood in quotes."""
        found, at = [], 0
        while at < len(text):
            item = _ITEM.match(text, at)
            if item is None:
                self._refuse("a value", start + at)
            quoted = item[3] is None
            found.append(((item[1] if item[1] is not None else item[2]) if quoted else item[3], quoted))
            at = item.end()
        if not found or text.endswith("|"):
            self._refuse("a value", start + len(text))
        return found

    def _refuse(self, expected: str, at: int | None = None) -> NoReturn:
        column = (self._at if at is None else at) + 1
        raise QuerySyntaxError("this is no query", query=self._query, column=column, expected=expected)


def _condition(field: Field, operator: Operator, values: Sequence[tuple[str, bool]]) -> Expression:
    found = [_one(field, operator, text, quoted=quoted) for text, quoted in values]
    plain = [condition.value for condition in found if isinstance(condition, Compare) and condition.operator == "="]
    if len(found) > 1 and len(plain) == len(found):
        return In(field, tuple(plain))
    return found[0] if len(found) == 1 else Or(tuple(found))


def _one(field: Field, operator: Operator, text: str, *, quoted: bool) -> Expression:
    if not quoted and operator == "=":
        if text in ("nil", "~nil"):
            return IsNull(field) if text == "nil" else Not(IsNull(field))
        if text.startswith("~"):
            return Not(_one(field, operator, text[1:].strip(), quoted=False))
        low, mark, high = text.partition("..")
        if mark and low and high:
            return And((Compare(field, ">=", _value(field, low)), Compare(field, "<=", _value(field, high))))
        if text.startswith("%") or text.endswith("%"):
            return Like(field, re.sub(r"[\\_]", r"\\\g<0>", text))
    if field == Attribute("status") and operator == "=" and text == "failed" and not quoted:
        return Or((Compare(field, "=", "failed"), Compare(field, "=", "crashed")))
    return Compare(field, operator, text if quoted else _value(field, text))


def _value(field: Field, text: str) -> Any:
    if field == Attribute("experiment"):
        return "/".join(filter(None, split_project(text.strip())))
    return literal(text.strip()) if isinstance(field, (Metric, Param)) else text.strip()


def _field(name: str) -> Field:
    """The field of this name.

    Raises:
        InvalidArgument: there is none.
    """
    known = _FIELDS.get(name)
    if known is not None:
        return known
    prefix, _, key = name.partition(".")
    make = _PREFIXES.get(prefix)
    key = key.removeprefix("`").removesuffix("`")
    if make is None or not key:
        raise InvalidArgument(
            f"there is no field {name[:100]!r}; fields are metrics.KEY, params.KEY, {', '.join(sorted(_FIELDS))}"
        )
    return make(key)
