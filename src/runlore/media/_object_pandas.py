"""pandas objects as nodes: labels, types and values apart, so that all of them come back as they were.

Parquet would be shorter, and loses column labels that are not text, mixed columns, frequencies and attributes.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media._libraries import library_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.media._object_io import ObjectReader, ObjectWriter

    Node = Any


def pandas_node(writer: ObjectWriter, value: Any) -> Node | None:
    """The node of a pandas object, or None when it is a subclass or another thing."""
    import pandas as pd

    kind = type(value)
    if kind is pd.DataFrame:
        return _frame_node(writer, value)
    if kind is pd.Series:
        return {
            "t": "series",
            "name": writer.node(value.name),
            "index": _index_node(writer, value.index),
            "values": _values_node(writer, value),
            "attrs": writer.node(dict(value.attrs)),
        }
    if isinstance(value, pd.Index) and library_of(value) == "pandas":
        return _index_node(writer, value)
    if isinstance(value, pd.api.extensions.ExtensionArray) and library_of(value) == "pandas":
        node = _values_node(writer, value)
        return {"t": "extension_array", "v": node} if node["t"] == "numpy_values" else node
    if value is pd.NA or value is pd.NaT:
        return {"t": "NA" if value is pd.NA else "NaT"}
    return _scalar_node(writer, value)


def _scalar_node(writer: ObjectWriter, value: Any) -> Node | None:
    import pandas as pd

    kind = type(value)
    if kind is pd.Timestamp:
        naive = value if value.tz is None else value.tz_convert("UTC").tz_localize(None)
        return {"t": "timestamp", "v": writer.node(naive.to_datetime64()), "zone": _zone_name(value.tz)}
    if kind is pd.Timedelta:
        return {"t": "pandas_timedelta", "v": writer.node(value.to_timedelta64())}
    if kind is pd.Period:
        return {"t": "period", "v": value.ordinal, "freq": value.freqstr}
    if kind is pd.Interval:
        return {"t": "interval", "v": [writer.node(value.left), writer.node(value.right)], "closed": value.closed}
    return None


def _zone_name(zone: Any) -> str | None:
    """A time zone by the name under which pandas finds it again."""
    import pandas as pd

    if zone is None:
        return None
    if str(pd.Timestamp(0, tz=str(zone)).tz) != str(zone):
        raise WrongType(f"the time zone {zone!r} has no name by which pandas would find it again")
    return str(zone)


def _frame_node(writer: ObjectWriter, frame: Any) -> Node:
    """Columns of one NumPy type travel together as one array."""
    import numpy as np

    together: dict[Any, list[int]] = {}
    apart = []
    for position, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, np.dtype) and not dtype.hasobject:
            together.setdefault(dtype, []).append(position)
        else:
            apart.append({"at": position, "values": _values_node(writer, frame.iloc[:, position])})
    blocks = [
        {"at": positions, "values": writer.node(np.asarray(frame.iloc[:, positions].to_numpy()))}
        for positions in together.values()
    ]
    return {
        "t": "dataframe",
        "columns": _index_node(writer, frame.columns),
        "index": _index_node(writer, frame.index),
        "blocks": blocks,
        "apart": apart,
        "attrs": writer.node(dict(frame.attrs)),
    }


def _index_node(writer: ObjectWriter, index: Any) -> Node:
    import pandas as pd

    names = [writer.node(name) for name in index.names]
    if type(index) is pd.RangeIndex:
        return {"t": "range_index", "v": [index.start, index.stop, index.step], "names": names}
    if isinstance(index, pd.MultiIndex):
        levels = [_index_node(writer, level) for level in index.levels]
        return {
            "t": "multi_index",
            "levels": levels,
            "codes": [writer.node(codes) for codes in index.codes],
            "names": names,
        }
    node: dict[str, Any] = {"t": "index", "values": _values_node(writer, index), "names": names}
    if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) and index.freqstr is not None:
        node["freq"] = index.freqstr
    return node


def _values_node(writer: ObjectWriter, holder: Any) -> Node:
    """The values of a Series, an Index or an extension array."""
    import numpy as np
    import pandas as pd

    dtype = holder.dtype
    if isinstance(dtype, np.dtype):
        return {"t": "numpy_values", "v": writer.node(np.asarray(holder))}
    values = getattr(holder, "array", holder)
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _index_node(writer, dtype.categories)
        return {
            "t": "categorical",
            "v": writer.node(np.asarray(values.codes)),
            "categories": categories,
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        return {"t": "zoned", "v": writer.node(values.asi8), "unit": dtype.unit, "zone": _zone_name(dtype.tz)}
    if isinstance(dtype, pd.PeriodDtype):
        return {"t": "periods", "v": writer.node(np.asarray(values.asi8)), "freq": dtype.name[len("period[") : -1]}
    if isinstance(dtype, pd.IntervalDtype):
        ends = [_index_node(writer, values.left), _index_node(writer, values.right)]
        return {"t": "intervals", "v": ends, "closed": values.closed}
    if isinstance(dtype, pd.StringDtype):
        missing = getattr(dtype, "na_value", pd.NA)
        items = [item if isinstance(item, str) else None for item in values.to_numpy(dtype=object, na_value=None)]
        return {"t": "strings", "v": items, "storage": dtype.storage, "nan": missing is not pd.NA}
    if isinstance(dtype, pd.ArrowDtype):
        import pyarrow as pa

        schema = base64.b64encode(pa.schema([("", dtype.pyarrow_dtype)]).serialize().to_pybytes()).decode("ascii")
        items = pa.array(values).to_pylist()
        return {"t": "arrow_values", "v": [writer.node(item) for item in items], "schema": schema}
    if hasattr(values, "_mask") and dtype.kind in "biuf":
        plain = values.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return {"t": "masked_values", "v": writer.node(plain), "missing": writer.node(np.asarray(values.isna()))}
    raise WrongType(
        f"pandas values of type {dtype} have no form without pickle; convert them with astype, "
        "or pass allow_pickle=True"
    )


def _frame(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    columns, index = reader.value(node["columns"]), reader.value(node["index"])
    found: dict[int, Any] = {}
    for block in node["blocks"]:
        values = reader.value(block["values"])
        if values.ndim != 2 or values.shape != (len(index), len(block["at"])):
            raise InvalidArgument(f"a block of the DataFrame has shape {values.shape}; {len(index)} rows were expected")
        found.update((at, pd.Series(values[:, column], index=index)) for column, at in enumerate(block["at"]))
    for single in node["apart"]:
        found[single["at"]] = _series(reader.value(single["values"]), index)
    if sorted(found) != list(range(len(columns))):
        raise InvalidArgument(f"the DataFrame has {len(columns)} column names and values for {len(found)} of them")
    frame = pd.DataFrame({at: found[at] for at in range(len(columns))}, index=index)
    frame.columns = columns
    frame.attrs = reader.value(node["attrs"])
    return frame


def _series(values: Any, index: Any) -> Any:
    import pandas as pd

    return pd.Series(values, index=index, dtype=values.dtype)


def _named_series(reader: ObjectReader, node: dict[str, Any]) -> Any:
    series = _series(reader.value(node["values"]), reader.value(node["index"]))
    series.name = reader.value(node["name"])
    series.attrs = reader.value(node["attrs"])
    return series


def _index(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    values = reader.value(node["values"])
    index: Any = pd.Index(values, dtype=values.dtype)
    if "freq" in node:
        index = type(index)(index, freq=node["freq"])
    index.names = [reader.value(name) for name in node["names"]]
    return index


def _range_index(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    start, stop, step = (int(part) for part in node["v"])
    return pd.RangeIndex(start, stop, step, name=reader.value(node["names"][0]))


def _multi_index(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.MultiIndex(
        levels=[reader.value(level) for level in node["levels"]],
        codes=[reader.value(codes) for codes in node["codes"]],
        names=[reader.value(name) for name in node["names"]],
    )


def _extension_array(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.Series(reader.value(node["v"])).array


def _categorical(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    dtype = pd.CategoricalDtype(reader.value(node["categories"]), ordered=node["ordered"] is True)
    return pd.Categorical.from_codes(reader.value(node["v"]), dtype=dtype)


def _zoned(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    naive = pd.DatetimeIndex(reader.value(node["v"]).view(f"M8[{node['unit']}]"))
    return naive.tz_localize("UTC").tz_convert(node["zone"]).array


def _periods(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    periods: Any = pd.PeriodIndex
    return periods.from_ordinals(reader.value(node["v"]), freq=node["freq"]).array


def _intervals(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    left, right = (reader.value(end) for end in node["v"])
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=node["closed"])


def _strings(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    dtype: Any = pd.StringDtype(node["storage"], **({"na_value": np.nan} if node["nan"] else {}))
    items = [reader.value(item) for item in node["v"]]
    if not all(item is None or isinstance(item, str) for item in items):
        raise InvalidArgument("a column of strings holds something else")
    return pd.array(items, dtype=dtype)


def _arrow_values(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd
    import pyarrow as pa

    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(node["schema"], validate=True)))
    values = pa.array([reader.value(item) for item in node["v"]], type=schema.field(0).type)
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([values]))


def _masked_values(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    values, missing = reader.value(node["v"]), reader.value(node["missing"])
    if values.dtype.kind == "b":
        return pd.arrays.BooleanArray(values, missing)
    kind = pd.arrays.FloatingArray if values.dtype.kind == "f" else pd.arrays.IntegerArray
    return kind(values, missing)


def _timestamp(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    naive: Any = pd.Timestamp(reader.value(node["v"]))
    return naive if node["zone"] is None else naive.tz_localize("UTC").tz_convert(node["zone"])


def _pandas_scalar(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import pandas as pd

    tag = node["t"]
    if tag == "NA":
        return pd.NA
    if tag == "NaT":
        return pd.NaT
    if tag == "period":
        return pd.Period(ordinal=int(node["v"]), freq=node["freq"])
    if tag == "interval":
        return pd.Interval(reader.value(node["v"][0]), reader.value(node["v"][1]), closed=node["closed"])
    return pd.Timedelta(reader.value(node["v"]))


PANDAS: dict[str, Callable[[ObjectReader, dict[str, Any]], Any]] = {
    "dataframe": _frame,
    "series": _named_series,
    "index": _index,
    "range_index": _range_index,
    "multi_index": _multi_index,
    "numpy_values": lambda reader, node: reader.value(node["v"]),
    "extension_array": _extension_array,
    "categorical": _categorical,
    "zoned": _zoned,
    "periods": _periods,
    "intervals": _intervals,
    "strings": _strings,
    "arrow_values": _arrow_values,
    "masked_values": _masked_values,
    "timestamp": _timestamp,
    "pandas_timedelta": _pandas_scalar,
    "period": _pandas_scalar,
    "interval": _pandas_scalar,
    "NA": _pandas_scalar,
    "NaT": _pandas_scalar,
}
"""How the nodes of pandas objects are read, by tag."""
