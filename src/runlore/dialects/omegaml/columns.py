"""Native frames with the columns that omega-ml promises: `dt` in naive UTC, and plain types."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def own_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of `Experiment.data` as omega-ml's: the nine columns, then extras.

    `time` becomes `dt`, datetime64[ns] in naive UTC; text is of the type object; an extra column is int64 where each
    row has an integer, float64 where all that are there are numbers, else object, with NaN for missing cells.
    """
    import pandas as pd

    data: dict[str, Any] = {}
    for name in frame.columns:
        column = frame[name]
        if name == "time":
            data["dt"] = column.dt.tz_localize(None)
        elif name in ("step", "run", "value"):
            data[name] = column
        elif name in ("experiment", "event", "key", "node", "userid"):
            data[name] = column.astype(object).where(column.notna(), None)
        else:
            data["time" if name == "time_" else name] = _extra(column)
    return pd.DataFrame(data, index=frame.index)


def _extra(column: pd.Series[Any]) -> Any:
    cells = column.astype(object).where(column.notna(), math.nan)
    kinds = {type(cell) for cell in cells}
    if kinds == {int}:
        return cells.astype("int64")
    return cells.astype("float64") if kinds and kinds <= {int, float} and column.notna().any() else cells
