"""Constructor parameters of gradient boosting wrappers as JSON."""

from __future__ import annotations

import math
from typing import Any

from runlore.errors import InvalidArgument
from runlore.media._arrays import json_number


def json_params(params: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Those parameters that JSON can hold (None left out, NaN as text), and the names of the others."""
    kept: dict[str, Any] = {}
    omitted = []
    for name, value in params.items():
        plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
        if isinstance(plain, float):
            kept[name] = json_number(plain)
        elif isinstance(plain, (bool, int, str)) or _is_plain_container(plain):
            kept[name] = plain
        elif plain is not None:
            omitted.append(name)
    return kept, omitted


def _is_plain_container(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and _is_plain_container(list(value.values()))
    return isinstance(value, list) and all(
        isinstance(item, (bool, int, str)) or (isinstance(item, float) and math.isfinite(item)) for item in value
    )


def restore_params(params: Any, what: str) -> dict[str, Any]:
    """The reverse of `json_params`.

    Raises:
        InvalidArgument: not a mapping.
    """
    if not isinstance(params, dict):
        raise InvalidArgument(f"the parameters of {what} are {params!r}; a mapping was expected")
    numbers = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    return {name: numbers.get(value, value) if isinstance(value, str) else value for name, value in params.items()}
