"""Runs as a table: which columns say most of them, and what stands in them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from runlore.cli import _format as fmt
from runlore.cli._output import Cell, status_cell
from runlore.cli._session import is_system, name_of
from runlore.cli._table import Column, View, print_table, split_names
from runlore.errors import InvalidArgument
from runlore.names import LINK_TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runlore.query import Expression, OrderKey
    from runlore.reader.asking import Found

ATTRIBUTES = (
    "status", "name", "group", "started", "duration", "ended", "user", "host", "parent", "description", "points",
    "lost", "archived", "deleted", "uid",
)  # fmt: skip
"""What every run has, beside its experiment and number."""

_KINDS = ("metrics", "params", "tags")
_WHOLE = frozenset({"uid", "parent", "started", "ended"})
_ALWAYS = ("status", "name", "group", "started", "duration")
_RIGHT = frozenset({"points", "lost"})
_NEEDED = frozenset({"status", "name"})


def print_runs(
    records: Sequence[dict[str, Any]], found: Found, columns: str | None, *, wide: bool, system: bool
) -> None:  # fmt: skip
    """Print the runs: the columns that were named, or what is worth showing.

    Raises:
        InvalidArgument: there is no column of such a name.
    """
    named = _mentioned(found.tree, found.order)
    fields = _known(split_names(columns)) if columns else _worth_showing(records, named, wide=wide, system=system)
    needed = set(fields if columns else named) | _NEEDED
    heads = [Column("run", tail=True), *(_column(field, needed=field in needed) for field in fields)]
    rows = [[name_of(record), *(_cell(record, field) for field in fields)] for record in records]
    print_table(heads, rows, View(None, wide))


def _known(fields: list[str]) -> list[str]:
    for field in fields:
        kind, _, key = field.partition(".")
        if field not in ATTRIBUTES and not (kind in _KINDS and key):
            raise InvalidArgument(
                f"--columns: there is no column {field!r}; use params.…, metrics.…, tags.… or {', '.join(ATTRIBUTES)}"
            )
    return list(dict.fromkeys(fields))


def _mentioned(tree: Expression, order: Sequence[OrderKey]) -> list[str]:
    """The columns of the fields that the query and the order name."""
    from runlore.query.expression import Attribute
    from runlore.query.hints import conditions, key_of

    found = []
    for field in [*(key.field for key in order), *(item.field for item in conditions(tree))]:
        named = key_of(field)
        if named is not None:
            found.append(f"{named[0]}.{named[1]}")
        elif isinstance(field, Attribute) and field.name in ATTRIBUTES:
            found.append(field.name)
    return list(dict.fromkeys(found))


def _worth_showing(
    records: Sequence[dict[str, Any]], named: Sequence[str], *, wide: bool, system: bool
) -> list[str]:  # fmt: skip
    """The most telling first: what the query names, then what differs; with `wide` all that any run has."""
    present = {kind: _keys(records, kind) for kind in _KINDS}
    params = [key for key in present["params"] if wide or len(records) == 1 or _differs(records, key)]
    metrics = [*present["metrics"], *(_keys(records, "system") if system else ())]
    attributes = [name for name in ATTRIBUTES if any(_cell(record, name) != "" for record in records)]
    shown = [name for name in attributes if wide or name in _ALWAYS or name in named]
    early = [name for name in shown if name in ("status", "name", "group")]
    asked = [field for field in named if field in shown or _has(records, field)]
    return list(
        dict.fromkeys(
            [
                *early,
                *(field for field in asked if "." in field),
                *(f"metrics.{key}" for key in metrics),
                *(f"params.{key}" for key in params),
                *shown,
                *(f"tags.{key}" for key in present["tags"] if wide or not key.startswith(LINK_TAGS)),
            ]
        )
    )


def _has(records: Iterable[dict[str, Any]], field: str) -> bool:
    kind, _, key = field.partition(".")
    return any(key in record[_home(kind, key)] for record in records)


def _home(kind: str, key: str) -> str:
    return "system" if kind == "metrics" and is_system(key) else kind


def _keys(records: Iterable[dict[str, Any]], kind: str) -> list[str]:
    """Those that most runs have come first."""
    counts = Counter(key for record in records for key in record[kind])
    return sorted(counts, key=lambda key: (-counts[key], key))


def _differs(records: Sequence[dict[str, Any]], key: str) -> bool:
    values = [record["params"].get(key) for record in records]
    return any(value != values[0] for value in values[1:])


def _column(field: str, *, needed: bool) -> Column:
    kind, _, key = field.partition(".")
    if kind in _KINDS and key:
        return Column(key, group=kind, right=kind == "metrics", needed=needed)
    return Column(field, right=field in _RIGHT, whole=field in _WHOLE, needed=needed)


def _cell(record: dict[str, Any], field: str) -> Cell | str:
    kind, _, key = field.partition(".")
    if kind in _KINDS and key:
        values = record[_home(kind, key)]
        if key not in values:
            return ""
        if kind == "metrics":
            return fmt.metric(key, values[key])
        return "yes" if kind == "tags" and values[key] == "" else fmt.value(values[key])
    if field == "status":
        return status_cell(record["status"])
    if field in ("started", "ended"):
        return fmt.local_time(fmt.time_ns(record[field]) if record[field] else None)
    if field == "duration":
        return fmt.duration(record["duration_s"])
    if field in ("archived", "deleted", "lost") and not record[field]:
        return ""
    return fmt.value(record[field])
