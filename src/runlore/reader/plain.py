"""Values as JSON has them, for the command line, exports and servers: one rule for what JSON does not have."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def to_json(value: Any) -> Any:
    """The value with what JSON does not have as text: `"NaN"`, `"Infinity"`, `"-Infinity"`. `null` means absent.

    Example:
        >>> to_json({"loss": float("nan"), "steps": (1, 2)})
        {'loss': 'NaN', 'steps': [1, 2]}
    """
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(item) for item in value]
    if hasattr(value, "item"):
        return to_json(value.item())
    return value


def dump_json(value: Any, *, indent: int | None = None) -> bytes:
    """JSON text in UTF-8. Text that is no valid Unicode is escaped."""
    text = json.dumps(to_json(value), ensure_ascii=False, allow_nan=False, indent=indent)
    return text.encode("utf-8", "backslashreplace")


def cells_of(column: pd.Series[Any]) -> list[Any]:
    """The cells of a column as Python values, with None where one is missing, NaN included."""
    cells, missing = column.tolist(), column.isna().tolist()
    return [None if absent else cell for cell, absent in zip(cells, missing, strict=True)]


def values_of(frame: pd.DataFrame) -> list[Any]:
    """The values of records as `Experiment.data` gives them, with None where a record has none.

    In a column of numbers both are NaN: a metric that is NaN, and an event without a value.
    """
    pairs = zip(frame["event"].tolist(), frame["value"].tolist(), strict=True)
    return [None if isinstance(v, float) and math.isnan(v) and event != "metric" else v for event, v in pairs]
