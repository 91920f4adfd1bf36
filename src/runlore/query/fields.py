"""The names of fields: run attributes with their types and aliases, and references such as `metrics.loss`."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from enum import Enum

from runlore.errors import InvalidArgument
from runlore.names import MAX_NAME_LENGTH
from runlore.query.expression import (
    Aggregate,
    Attribute,
    Field,
    Metric,
    MetricAt,
    MetricBest,
    Param,
    Tag,
    Tags,
)


class UnknownField(InvalidArgument):
    """A word that names no field.

    Attributes:
        word: as it was written.
    """

    def __init__(self, message: str, word: str) -> None:
        super().__init__(message)
        self.word = word


class Kind(Enum):
    """What the values of a field are: decides how literals are read and which operators apply."""

    TEXT = "text"
    INTEGER = "an integer"
    NUMBER = "a number"
    TIME = "a time"
    DURATION = "a duration"
    FLAG = "true or false"
    ANY = "a value"


@dataclass(frozen=True)
class Definition:
    """One run attribute.

    Attributes:
        kind: type of its values; times and durations are compared in ns.
        aliases: other names, among them those of MLflow.
        fixed: it never changes after the start of the run, so that paging by it needs no memory.
        nullable: some runs have none.
    """

    kind: Kind
    aliases: tuple[str, ...] = ()
    fixed: bool = False
    nullable: bool = False


ATTRIBUTES: dict[str, Definition] = {
    "uid": Definition(Kind.TEXT, ("run_id", "run_uid", "run_uuid", "id"), fixed=True),
    "experiment": Definition(Kind.TEXT, ("experiment_name", "experiment_id"), fixed=True),
    "number": Definition(Kind.INTEGER, ("run", "run_number"), nullable=True),
    "name": Definition(Kind.TEXT, ("run_name",), nullable=True),
    "status": Definition(Kind.TEXT),
    "started": Definition(Kind.TIME, ("start", "start_time", "started_at", "created", "created_at"), fixed=True),
    "ended": Definition(Kind.TIME, ("end", "end_time", "ended_at", "finished", "finished_at"), nullable=True),
    "updated": Definition(Kind.TIME, ("updated_at", "last_update", "modified")),
    "duration": Definition(Kind.DURATION, ("run_time", "elapsed")),
    "user": Definition(Kind.TEXT, ("user_id", "username"), fixed=True, nullable=True),
    "host": Definition(Kind.TEXT, ("hostname", "node"), fixed=True, nullable=True),
    "description": Definition(Kind.TEXT, (), nullable=True),
    "group": Definition(Kind.TEXT, ("group_name",), fixed=True, nullable=True),
    "parent": Definition(Kind.TEXT, ("parent_uid", "parent_run_id"), fixed=True, nullable=True),
    "points": Definition(Kind.INTEGER),
    "lost": Definition(Kind.INTEGER),
    "archived": Definition(Kind.FLAG, ("is_archived",)),
    "deleted": Definition(Kind.FLAG, ("is_deleted", "trashed")),
    "damaged": Definition(Kind.FLAG, ("is_damaged",)),
}
"""Every attribute that a query can name."""

_NAMES = {alias: name for name, definition in ATTRIBUTES.items() for alias in (name, *definition.aliases)}

PREFIXES: dict[str, str] = {
    "metric": "metric",
    "metrics": "metric",
    "param": "param",
    "params": "param",
    "parameter": "param",
    "parameters": "param",
    "tag": "tag",
    "tags": "tag",
    "attribute": "attribute",
    "attributes": "attribute",
    "attr": "attribute",
    "run": "attribute",
}
"""What may stand before the dot of a reference, in any case."""

FUNCTIONS: dict[str, Aggregate] = {
    "last": "last",
    "latest": "last",
    "first": "first",
    "min": "min",
    "max": "max",
    "mean": "mean",
    "avg": "mean",
    "count": "count",
}
"""Functions of one series that an index knows, in any case; `at(metrics.key, step)` has a second argument."""

BEST = "best"
"""The function that means `min` or `max`, as the metric was defined."""


def attribute(name: str) -> Attribute:
    """The attribute of this name or alias, in any case; blanks count as underscores.

    Raises:
        UnknownField: there is none; the message names the nearest.

    Example:
        >>> attribute("Start Time")
        Attribute(name='started')
        >>> attribute("statsu")
        Traceback (most recent call last):
        ...
        runlore.query.fields.UnknownField: there is no attribute 'statsu'; did you mean 'status'?
    """
    canonical = _NAMES.get(name.strip().lower().replace(" ", "_"))
    if canonical is not None:
        return Attribute(canonical)
    close = difflib.get_close_matches(name[:100].lower(), [*_NAMES, "tags"], n=1)
    known = f"keys stand after metrics., params. or tags., attributes are {', '.join(ATTRIBUTES)}"
    hint = f"did you mean {close[0]!r}?" if close else known
    raise UnknownField(f"there is no attribute {_short(name)}; {hint}", name)


def field(prefix: str, key: str) -> Field:
    """The field that `prefix.key` names.

    Raises:
        UnknownField: no such prefix or attribute.
        InvalidArgument: an impossible key.
    """
    sort = PREFIXES.get(prefix.lower())
    if sort is None:
        close = difflib.get_close_matches(prefix[:100].lower(), PREFIXES, n=1)
        hint = (
            f"did you mean {close[0] + '.' + key[:60]!r}?" if close else "write metrics., params. or tags. before a key"
        )
        raise UnknownField(f"nothing is called {_short(prefix)}; {hint}", f"{prefix}.{key}")
    if sort == "attribute":
        return attribute(key)
    if not key:
        raise InvalidArgument(f"the key after {prefix + '.'!r} is empty")
    made: Field = {"metric": Metric, "param": Param, "tag": Tag}[sort](key)
    check_field(made)
    return made


def apply_function(name: str, argument: Field) -> Metric | MetricBest:
    """`min(metrics.loss)` and its kin.

    Raises:
        InvalidArgument: no such function, or its argument is not a metric.
    """
    aggregate = FUNCTIONS.get(name.lower())
    is_best = name.lower() == BEST
    if aggregate is None and not is_best:
        close = difflib.get_close_matches(name[:100].lower(), [*FUNCTIONS, BEST, "at"], n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"functions are {', '.join(FUNCTIONS)}, {BEST}, at"
        raise InvalidArgument(f"there is no function {_short(name)}; {hint}")
    if not isinstance(argument, Metric) or argument.aggregate != "last":
        raise InvalidArgument(f"{name}() takes a metric, for example {name}(metrics.loss)")
    return MetricBest(argument.key) if aggregate is None else Metric(argument.key, aggregate)


def check_field(field: Field) -> None:
    """Refuse a field that no catalog can hold.

    Raises:
        InvalidArgument: an unknown attribute or aggregate, or a key that is empty, too long, or not storable as text.
    """
    if isinstance(field, Attribute):
        if field.name not in ATTRIBUTES:
            attribute(field.name)
            raise InvalidArgument(f"{field.name!r} is an alias; build Attribute({_NAMES[field.name.lower()]!r})")
        return
    if isinstance(field, Tags):
        return
    if isinstance(field, Metric) and field.aggregate not in FUNCTIONS.values():
        raise InvalidArgument(f"there is no aggregate {field.aggregate!r}")
    if isinstance(field, MetricAt) and math.isnan(field.step):
        raise InvalidArgument("at(…): the step is NaN; give a number")
    if not isinstance(field.key, str) or not field.key or len(field.key) > MAX_NAME_LENGTH:
        raise InvalidArgument(f"a key is text of 1 to {MAX_NAME_LENGTH:,} characters, not {_short(str(field.key))}")
    check_text(field.key)


def refuse_best(field: Field) -> None:
    """Refuse what an index cannot answer, as it does not know what is best.

    Raises:
        InvalidArgument: the field is `best(…)`.
    """
    if isinstance(field, MetricBest):
        raise InvalidArgument(
            f"best(metrics.{field.key[:100]}) has no meaning by itself; ask for min(…) or max(…) of it here"
        )


def check_text(text: str) -> str:
    """Text that a database can hold: no NUL, no lone surrogate.

    Raises:
        InvalidArgument: it has one.
    """
    if "\0" in text:
        raise InvalidArgument(f"{_short(text)} contains a NUL character at index {text.index(chr(0))}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{_short(text)} contains a lone surrogate at index {error.start}") from error
    return text


def kind_of(field: Field) -> Kind:
    """What the values of the field are."""
    if isinstance(field, Attribute):
        return ATTRIBUTES[field.name].kind
    if isinstance(field, (Metric, MetricAt, MetricBest)):
        return Kind.NUMBER
    return Kind.ANY if isinstance(field, Param) else Kind.TEXT


def is_fixed(field: Field) -> bool:
    """Whether the value never changes after the start of a run."""
    return isinstance(field, Attribute) and ATTRIBUTES[field.name].fixed


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}…"
