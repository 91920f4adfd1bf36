"""What a condition on a param means, for one value.

Params are of any type: numbers compare as numbers, text as text, true and false as themselves. Lenient where types
differ only in writing, because many clients log every param as text: `params.lr = 0.1`, `params.lr = '0.1'` and a param
that was logged as `"0.1"` all agree. Integers compare exactly at any size.
"""

from __future__ import annotations

import json
import math
import operator
from typing import TYPE_CHECKING, Any

from runlore.query.values import is_nan, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.query.expression import Operator, Value

_EXACT = 2**53
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def param_text(value: Any) -> str:
    """A param as text: strings as they are, everything else as its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def holds_param(symbol: Operator, value: Any, wanted: Value) -> bool:
    """Whether `value symbol wanted` holds; the value is not None.

    Example:
        >>> holds_param("<", 0.05, "0.1"), holds_param("=", "True", True), holds_param("<", "adam", 1)
        (True, True, False)
    """
    if symbol in ("=", "!="):
        return equals_param(value, wanted) == (symbol == "=")
    order = _ORDERS[symbol]
    read = number(wanted.strip()) if isinstance(wanted, str) else wanted
    if _is_number(value):
        return _is_number(read) and bool(order(value, read))
    return isinstance(value, str) and isinstance(wanted, str) and bool(order(value, wanted))


def equals_param(value: Any, wanted: Value) -> bool:
    """Whether a param equals a literal, however either is written."""
    written = param_text(value)
    if isinstance(wanted, str):
        if written == wanted:
            return True
        if wanted.lower() in ("true", "false"):
            return equals_param(value, wanted.lower() == "true")
        read = number(wanted.strip())
        return read is not None and equals_param(value, read)
    if isinstance(wanted, bool):
        return value is wanted or (isinstance(value, str) and value in (str(wanted), str(wanted).lower()))
    if _is_number(value):
        return is_nan(value) if is_nan(wanted) else bool(value == wanted)  # type: ignore[arg-type]
    return isinstance(value, str) and value in _writings(wanted)


def _writings(wanted: Any) -> set[str]:
    """The texts that a number is written as."""
    if is_nan(wanted) or (isinstance(wanted, float) and math.isinf(wanted)):
        return {repr(wanted), json.dumps(wanted)}
    texts = {repr(wanted)}
    if isinstance(wanted, float) and abs(wanted) >= _EXACT:
        texts.add(str(int(wanted)))
    if isinstance(wanted, int) and abs(wanted) >= _EXACT:
        texts.update(_float_writing(wanted))
    return texts


def _float_writing(wanted: int) -> set[str]:
    try:
        near = float(wanted)
    except OverflowError:
        return set()
    return {repr(near)} if int(near) == wanted else set()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
