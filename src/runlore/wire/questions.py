"""What an index is asked, as JSON: trees of queries, orders, references to runs, filters of cards.

A query that is text stays text. A tree is nested lists, each of which begins with the name of its node:

    ["and", [["compare", ["metric", "loss", "last"], "<", 0.1], ["not", ["null", ["param", "lr"]]]]]

Of times and durations as values: `{"time": "2026-11-01T12:00:00"}` and `{"duration": [days, seconds, microseconds]}`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

from runlore.index.records import CardFilter
from runlore.index.reference import RunReference
from runlore.query import expression as tree
from runlore.query.fields import ATTRIBUTES, refuse_best
from runlore.query.parser import parse, parse_order
from runlore.wire.text import Garbled, expect, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.query.ordering import OrderBy

_NUMBER = (int, float)
_GROUPS: dict[str, type[tree.And | tree.Or]] = {"and": tree.And, "or": tree.Or}
_FIELDS: dict[type, tuple[str, ...]] = {
    tree.Attribute: ("attribute", "name"), tree.Metric: ("metric", "key", "aggregate"),
    tree.MetricAt: ("metric_at", "key", "step"), tree.Param: ("param", "key"), tree.Tag: ("tag", "key"),
    tree.Tags: ("tags",),
}  # fmt: skip
"""What a field is called, and its parts."""


# -- queries ----------------------------------------------------------------------------------------------------------


def pack_query(query: Any) -> Any:
    """A query, text or tree.

    Raises:
        WrongType: it is neither.
    """
    if query is None or isinstance(query, str):
        return query
    return _pack_node(query)


def unpack_query(value: Any) -> str | tree.Expression | None:
    """What `pack_query` gave.

    Raises:
        Garbled: it is none.
    """
    if value is None or isinstance(value, str):
        return value
    return _unpack_node(value, 0)


def _pack_node(node: Any) -> list[Any]:
    if isinstance(node, (tree.And, tree.Or)):
        return ["and" if isinstance(node, tree.And) else "or", [_pack_node(operand) for operand in node.operands]]
    if isinstance(node, tree.Not):
        return ["not", _pack_node(node.operand)]
    if isinstance(node, tree.Compare):
        return ["compare", pack_field(node.field), node.operator, _pack_value(node.value)]
    if isinstance(node, tree.In):
        return ["in", pack_field(node.field), [_pack_value(value) for value in node.values]]
    if isinstance(node, tree.Like):
        return ["like", pack_field(node.field), node.pattern, node.ignore_case]
    if isinstance(node, tree.Contains):
        return ["contains", pack_field(node.field), node.text]
    if isinstance(node, tree.Matches):
        return ["matches", pack_field(node.field), node.pattern]
    if isinstance(node, tree.IsNull):
        return ["null", pack_field(node.field)]
    return parse(node)  # type: ignore[return-value] # it raises: this is no query


def _unpack_node(value: Any, depth: int) -> tree.Expression:
    if depth > 2 * tree.MAX_DEPTH:
        raise Garbled("the query is nested too deep")
    name, *parts = _node(value, "a node of the query")
    if name in _GROUPS and len(parts) == 1:
        return _GROUPS[name](tuple(_unpack_node(operand, depth + 1) for operand in expect(parts[0], list, "operands")))
    if name == "not" and len(parts) == 1:
        return tree.Not(_unpack_node(parts[0], depth + 1))
    if name not in _CONDITIONS or len(parts) not in (1, 2, 3):
        raise Garbled(f"the query has no node {name!r:.40} of {len(parts)} parts")
    try:
        return _CONDITIONS[name](unpack_field(parts[0]), *parts[1:])
    except TypeError:
        raise Garbled(f"the node {name!r} of the query has {len(parts)} parts") from None


def _compare(field: tree.Field, operator: Any, value: Any) -> tree.Expression:
    if operator not in tree.OPERATORS:
        raise Garbled(f"operator={operator!r:.40} is none of {' '.join(tree.OPERATORS)}")
    return tree.Compare(field, operator, _unpack_value(value))


def _in(field: tree.Field, values: Any) -> tree.Expression:
    return tree.In(field, tuple(_unpack_value(value) for value in expect(values, list, "values")))


def _like(field: tree.Field, pattern: Any, ignore_case: Any) -> tree.Expression:
    return tree.Like(field, expect(pattern, str, "pattern"), expect(ignore_case, bool, "ignore_case"))


def _contains(field: tree.Field, text: Any) -> tree.Expression:
    return tree.Contains(field, expect(text, str, "text"))


def _matches(field: tree.Field, pattern: Any) -> tree.Expression:
    return tree.Matches(field, expect(pattern, str, "pattern"))


_CONDITIONS: dict[str, Callable[..., tree.Expression]] = {
    "compare": _compare, "in": _in, "like": _like, "contains": _contains, "matches": _matches, "null": tree.IsNull,
}  # fmt: skip


def pack_field(field: Any) -> list[Any]:
    """A field of a query or an order.

    Raises:
        InvalidArgument: it is `best(…)`, which no index knows.
    """
    refuse_best(field)
    name, *parts = _FIELDS[type(field)]
    return [name, *(getattr(field, part) for part in parts)]


def unpack_field(value: Any) -> tree.Field:
    """What `pack_field` gave.

    Raises:
        Garbled: it is none.
    """
    name, *parts = _node(value, "a field")
    if name == "tags" and not parts:
        return tree.Tags()
    key = expect(parts[0], str, "the key of a field") if parts else ""
    if name == "attribute" and len(parts) == 1:
        if key not in ATTRIBUTES:
            raise Garbled(f"there is no attribute {key!r:.60}")
        return tree.Attribute(key)
    if name == "metric" and len(parts) == 2 and parts[1] in tree.AGGREGATES:
        return tree.Metric(key, parts[1])
    if name == "metric_at" and len(parts) == 2:
        return tree.MetricAt(key, expect(parts[1], _NUMBER, "step"))
    if name in ("param", "tag") and len(parts) == 1:
        return tree.Param(key) if name == "param" else tree.Tag(key)
    raise Garbled(f"there is no field {str(value)[:100]}")


def _pack_value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return {"time": value.isoformat(), "fold": value.fold}
    if isinstance(value, dt.timedelta):
        return {"duration": [value.days, value.seconds, value.microseconds]}
    return value


def _unpack_value(value: Any) -> Any:
    if not isinstance(value, dict):
        return expect(value, (bool, int, float, str), "a value of the query")
    try:
        if "duration" in value:
            days, seconds, microseconds = (expect(part, int, "a duration") for part in value["duration"])
            return dt.timedelta(days, seconds, microseconds)
        moment = dt.datetime.fromisoformat(expect(value.get("time"), str, "a time"))
        return moment.replace(fold=1 if value.get("fold") else 0)
    except (ValueError, OverflowError, TypeError):
        raise Garbled(f"{str(value)[:100]} is no time and no duration") from None


def _node(value: Any, what: str) -> list[Any]:
    if not expect(value, list, what) or not isinstance(value[0], str):
        raise Garbled(f"{what} should begin with its name")
    return list(value)


# -- orders -----------------------------------------------------------------------------------------------------------


def pack_order(order_by: OrderBy) -> Any:
    """An order.

    Raises:
        QuerySyntaxError, WrongType: it is none.
    """
    if order_by is None:
        return None
    return [[pack_field(key.field), key.descending] for key in parse_order(order_by)]


def unpack_order(value: Any) -> list[tree.OrderKey] | None:
    """What `pack_order` gave.

    Raises:
        Garbled: it is none.
    """
    if value is None:
        return None
    keys = []
    for item in expect(value, list, "order_by"):
        if len(expect(item, list, "a key of the order")) != 2:
            raise Garbled("a key of the order should be a field, and whether it descends")
        keys.append(tree.OrderKey(unpack_field(item[0]), expect(item[1], bool, "descending")))
    return keys


# -- references and filters -------------------------------------------------------------------------------------------


def pack_reference(reference: RunReference) -> dict[str, Any]:
    """What names a run."""
    return dataclasses.asdict(reference)


def unpack_reference(value: Any) -> RunReference:
    """What `pack_reference` gave, read anew: the text alone says what it means.

    Raises:
        Garbled: it is none.
    """
    return RunReference.parse(expect(expect(value, dict, "a reference").get("text"), str, "text"))


def pack_filter(wanted: CardFilter) -> dict[str, Any]:
    """Which cards."""
    return dataclasses.asdict(wanted)


def unpack_filter(value: Any) -> CardFilter:
    """What `pack_filter` gave.

    Raises:
        Garbled: it is none.
    """
    sent = expect(value, dict, "the filter")
    optional = {name: expect(sent.get(name), (str, type(None)), name) for name in _FILTER_TEXTS}
    uids = sent.get("uids")
    order = sent.get("order_by", "version")
    if order not in ("version", "created"):
        raise Garbled(f"order_by={order!r:.40} should be 'version' or 'created'")
    limit, latest = (_int64(sent.get(name), name) for name in ("limit", "max_created_ns"))
    if limit is not None and limit < 0:
        raise Garbled(f"limit={limit} should not be negative")
    return CardFilter(
        **optional, uids=None if uids is None else tuple(texts(uids, "uids")),
        tags=tuple(texts(sent.get("tags", []), "tags")), max_created_ns=latest,
        deleted=expect(sent.get("deleted", False), bool, "deleted"), order_by=order, limit=limit,
    )  # fmt: skip


_FILTER_TEXTS = ("kind", "space", "name", "stage", "run", "uid_prefix")


def _int64(value: Any, name: str) -> int | None:
    if expect(value, (int, type(None)), name) is not None and not -(2**63) <= value < 2**63:
        raise Garbled(f"{name}={value} should fit into 64 bits")
    return value  # type: ignore[no-any-return]


def unpack_names(value: Any, name: str) -> str | Sequence[str] | None:
    """A name, a list of names, or nothing: experiments.

    Raises:
        Garbled: it is neither.
    """
    if value is None or isinstance(value, str):
        return value
    return texts(value, name)
