"""Values as JSON has them: those of `runlore.plain`, and those of records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runlore.plain import dump_json, to_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cells_of", "dump_json", "to_json", "values_of"]


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
