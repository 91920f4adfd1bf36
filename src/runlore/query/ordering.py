"""Orders as lists of keys: what is asked for, what stands in for nothing, and what breaks ties."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from runlore.errors import InvalidArgument
from runlore.query.expression import Attribute, OrderKey
from runlore.query.fields import refuse_best

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_KEYS = 8
"""Keys in one order."""

DEFAULT_ORDER = (OrderKey(Attribute("started"), descending=True),)
"""The newest run first."""

OrderBy: TypeAlias = "str | OrderKey | Sequence[str | OrderKey] | None"


def order_keys(order_by: OrderBy) -> tuple[OrderKey, ...]:
    """The keys of an order; None is `"-started"`.

    Raises:
        QuerySyntaxError: the text is no order.
        InvalidArgument: too many keys, or one is `best(…)`, which no index knows.

    Example:
        >>> order_keys(None)
        (OrderKey(field=Attribute(name='started'), descending=True),)
    """
    if order_by is None:
        return DEFAULT_ORDER
    from runlore.query.parser import parse_order

    keys = parse_order(order_by) or DEFAULT_ORDER
    if len(keys) > MAX_KEYS:
        raise InvalidArgument(f"order_by: {len(keys)} keys; at most {MAX_KEYS} are possible")
    for key in keys:
        refuse_best(key.field)
    return keys


def tie_breakers(keys: Sequence[OrderKey]) -> tuple[OrderKey, OrderKey]:
    """What decides among runs that all keys leave equal: the start, then the uid, in the direction of the last key."""
    last = keys[-1].descending
    return OrderKey(Attribute("started"), last), OrderKey(Attribute("uid"), last)
