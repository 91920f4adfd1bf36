"""Content hashes of pandas objects: labels, types and values; what a copy in another process has equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import WrongType
from runlore.media._hash_arrays import feed_array, feed_objects

if TYPE_CHECKING:
    from runlore.media._hash_values import Hasher


def feed_pandas(hasher: Hasher, value: Any) -> None:
    """A DataFrame, Series, Index, extension array, or a pandas scalar.

    Raises:
        WrongType: another pandas object, such as a GroupBy.
    """
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        hasher.text("DataFrame", f"{value.shape}")
        _feed_index(hasher, value.columns)
        _feed_index(hasher, value.index)
        for position in range(value.shape[1]):
            _feed_values(hasher, value.iloc[:, position])
    elif isinstance(value, pd.Series):
        hasher.blob("Series")
        hasher.value(value.name)
        _feed_index(hasher, value.index)
        _feed_values(hasher, value)
    elif isinstance(value, pd.Index):
        _feed_index(hasher, value)
    elif isinstance(value, pd.api.extensions.ExtensionArray):
        _feed_values(hasher, value)
    elif value is pd.NA or value is pd.NaT:
        hasher.blob(repr(value))
    elif isinstance(value, (pd.Timestamp, pd.Timedelta)):
        hasher.text(type(value).__name__, f"{value.isoformat()} {getattr(value, 'tz', None)}")
    elif isinstance(value, (pd.Period, pd.Interval)):
        hasher.text(type(value).__name__, repr(value))
    else:
        raise WrongType(f"data is or contains a pandas {type(value).__name__}; pass a DataFrame, a Series or an Index")


def _feed_index(hasher: Hasher, index: Any) -> None:
    """Labels. A `RangeIndex` equals the same labels written out."""
    import pandas as pd

    hasher.blob("Index")
    hasher.value(list(index.names))
    if isinstance(index, pd.MultiIndex):
        for level in range(index.nlevels):
            _feed_values(hasher, index.get_level_values(level))
    else:
        _feed_values(hasher, index)


def _feed_values(hasher: Hasher, holder: Any) -> None:
    """The values of a Series, an Index or an extension array."""
    import numpy as np
    import pandas as pd

    dtype = holder.dtype
    if isinstance(dtype, np.dtype):
        feed_array(hasher, np.asarray(holder))
        return
    values = getattr(holder, "array", holder)
    hasher.text("dtype", f"{dtype!s}")
    if isinstance(dtype, pd.CategoricalDtype):
        hasher.value(bool(dtype.ordered))
        feed_array(hasher, np.asarray(values.codes, dtype="<i8"))
        _feed_index(hasher, dtype.categories)
    elif isinstance(dtype, pd.DatetimeTZDtype):
        feed_array(hasher, values.asi8)
    elif pd.api.types.is_numeric_dtype(dtype) and dtype.kind in "biuf" and not isinstance(dtype, pd.SparseDtype):
        missing = np.asarray(values.isna(), dtype=bool)
        plain = np.dtype("bool") if dtype.kind == "b" else np.dtype(f"{dtype.kind}{dtype.itemsize}")
        feed_array(hasher, missing)
        feed_array(hasher, values.to_numpy(dtype=plain, na_value=plain.type(0)))
    else:
        items = np.asarray(values, dtype=object)
        items[np.asarray(values.isna(), dtype=bool)] = None
        feed_objects(hasher, items.tolist())
