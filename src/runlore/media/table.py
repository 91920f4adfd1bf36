"""Tables, kept as Parquet (zstd)."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, RunloreError, WrongType
from runlore.failures import is_environmental
from runlore.media._arrays import masked_values, to_array, type_name
from runlore.media._content import Content, Spool, content_size, expansion_limit
from runlore.media._libraries import is_tensor, library_of
from runlore.media.encoded import TABLE, Encoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEDIA_TYPE = "application/vnd.apache.parquet"
_MAX_COLUMNS_IN_METADATA = 200
_THREADS_FROM_ROWS = 1 << 20
"""Arrow's threads can abort a process that ends while they are starting: only large tables are worth them."""


def encode_table(data: Any, *, columns: Sequence[str] | None = None) -> Encoded:
    """A table as Parquet.

    Args:
        data: a pandas or polars DataFrame, a pyarrow Table, a mapping of column names to columns, a list of
            mappings (a missing key is a missing value), a list of rows or a two-dimensional array.
        columns: names of the columns, for rows and arrays. Default: `0`, `1`, …

    A pandas index that is not the default one is kept, and so are column names that are numbers; names of mixed types
    become text. Sparse columns become dense ones; masked values are missing ones.

    Raises:
        WrongType: nothing that is a table.
        InvalidArgument: columns of unequal length, names that come twice, a column of values that have no common type.

    Example:
        >>> encode_table({"epoch": [1, 2], "loss": [0.5, 0.25]}).metadata["columns"]
        ['epoch', 'loss']
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    out: Any
    try:
        table = _to_arrow(data, columns)
        names = list(table.column_names)
        _check_names(names)
        with Spool(".parquet") as out:
            pq.write_table(table, out, compression="zstd")
    except RunloreError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        if is_environmental(error):
            raise
        raise InvalidArgument(f"the table cannot be stored: {_why(error)}") from error
    metadata = {
        "rows": table.num_rows,
        "columns": names[:_MAX_COLUMNS_IN_METADATA],
        "dtypes": {
            name: str(field.type) for name, field in zip(names[:_MAX_COLUMNS_IN_METADATA], table.schema, strict=False)
        },
        "column_count": len(names),
    }
    return Encoded(
        **out.content,
        media_type=MEDIA_TYPE,
        suffix=".parquet",
        kind=TABLE,
        metadata=metadata,
    )


def _why(error: Exception) -> str:
    """An error of pyarrow's in words, and what to do."""
    if isinstance(error, UnicodeError):
        return (
            f"a text or a column name in it is no valid Unicode ({error}), as Parquet has it. Text from file names can "
            "be written with .encode('utf-8', 'backslashreplace').decode()"
        )
    return (
        f"{error}. A column must hold values of one type; convert mixed ones, for example with frame[name].astype(str)"
    )


def _to_arrow(data: Any, columns: Sequence[str] | None) -> Any:
    import pyarrow as pa

    if columns is None:
        if library_of(data) in _FRAMES:
            return _FRAMES[library_of(data)](data)
        if isinstance(data, pa.Table):
            return data
        if hasattr(data, "__arrow_c_stream__"):
            return pa.table(data)
        if isinstance(data, dict):
            return _from_columns(data)
        if isinstance(data, (list, tuple)) and data and all(isinstance(row, dict) for row in data):
            names = list(dict.fromkeys(name for row in data for name in row))
            return _from_columns({name: [row.get(name) for row in data] for name in names})
    if isinstance(data, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in data):
        return _from_rows(data, columns)
    if is_tensor(data) or (hasattr(data, "__array__") and getattr(data, "ndim", 0) == 2):
        array = to_array(data, "data") if masked_values(data) is None else data
        if array.ndim != 2:
            raise InvalidArgument(f"data has shape {array.shape}; a table needs two dimensions")
        names = _names(columns, array.shape[1])
        return _from_columns({name: array[:, index] for index, name in enumerate(names)})
    raise WrongType(
        f"data is a {type_name(data)}; a table is a pandas or polars DataFrame, "
        "a pyarrow Table, a mapping of columns, a list of mappings, or rows with columns="
    )


def _from_pandas(frame: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    if isinstance(frame, pd.Series):
        frame = frame.to_frame()
    if not isinstance(frame, pd.DataFrame):
        raise WrongType(f"data is a pandas {type(frame).__name__}; pass a DataFrame or a Series")
    _check_names([str(name) for name in frame.columns])
    sparse = {name: dtype.subtype for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.SparseDtype)}
    if sparse:
        frame = frame.astype(sparse)
    if isinstance(frame.index.dtype, pd.SparseDtype):
        frame = frame.set_axis(frame.index.astype(frame.index.dtype.subtype), axis=0)
    names = [part for name in frame.columns for part in (name if isinstance(name, tuple) else [name])]
    if names and (None in names or pd.api.types.infer_dtype(names).startswith("mixed")):
        frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    return pa.Table.from_pandas(frame)


def _from_polars(frame: Any) -> Any:
    library = sys.modules["polars"]  # it made the frame
    if isinstance(frame, library.Series):
        frame = frame.to_frame()
    if not isinstance(frame, library.DataFrame):
        raise WrongType(f"data is a polars {type(frame).__name__}; pass a DataFrame or a Series (collect() gives one)")
    objects = [name for name, dtype in frame.schema.items() if dtype == library.Object]
    if objects:
        raise InvalidArgument(
            f"column {objects[0]!r} of polars holds Python objects, which no table can; convert them, for example to "
            "text"
        )
    return frame.to_arrow(compat_level=library.CompatLevel.oldest())


_FRAMES = {"pandas": _from_pandas, "polars": _from_polars}


def _check_names(names: list[str]) -> None:
    if len(set(names)) < len(names):
        repeated = min(name for name in names if names.count(name) > 1)
        raise InvalidArgument(f"the table has several columns named {repeated!r}; rename one")


def _from_rows(rows: Sequence[Sequence[Any]], columns: Sequence[str] | None) -> Any:
    width = len(rows[0]) if rows else len(columns or ())
    for index, row in enumerate(rows):
        if len(row) != width:
            raise InvalidArgument(f"row {index} has {len(row)} values and row 0 has {width}; rows must be equally long")
    return _from_columns({name: [row[at] for row in rows] for at, name in enumerate(_names(columns, width))})


def _names(columns: Sequence[str] | None, width: int) -> list[str]:
    names = [str(index) for index in range(width)] if columns is None else list(columns)
    if len(names) != width:
        raise InvalidArgument(f"columns names {len(names)} columns and the data has {width}")
    if len(set(names)) < len(names):
        raise InvalidArgument(f"columns={names!r} has a name twice")
    return names


def _from_columns(columns: dict[Any, Any]) -> Any:
    import pyarrow as pa

    arrays = {}
    for name, column in columns.items():
        if not isinstance(name, str):
            raise WrongType(f"the column name {name!r} must be a string, not {type(name).__name__}")
        if isinstance(column, (str, bytes)) or not (hasattr(column, "__len__") or hasattr(column, "__array__")):
            raise WrongType(f"column {name!r} must be a list or an array, not {type(column).__name__}")
        try:
            arrays[name] = _column(to_array(column, f"column {name!r}") if is_tensor(column) else column)
        except RunloreError:
            raise
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            if is_environmental(error):
                raise
            raise InvalidArgument(f"column {name!r} cannot be stored: {_why(error)}") from error
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidArgument(f"columns must be equally long, and have {str(lengths)[:200]} elements")
    return pa.table(arrays)


def _column(values: Any) -> Any:
    import pyarrow as pa

    dtype = getattr(values, "dtype", None)
    if dtype is not None and type(dtype).__name__ == "SparseDtype":
        values = values.astype(dtype.subtype)
    try:
        return pa.array(values)
    except (pa.ArrowException, ValueError):
        return pa.array(values, from_pandas=True)  # NaT and pd.NA among values of Python are missing ones


def decode_table(
    content: Content, *, columns: Sequence[str] | None = None, as_arrow: bool = False, max_bytes: int | None = None
) -> Any:
    """A stored table as a pandas DataFrame.

    Args:
        content: the Parquet file.
        columns: read only these.
        as_arrow: give a pyarrow Table instead.
        max_bytes: how large it may be once expanded. Default: the larger of 1 GiB and 100 times the file.

    Raises:
        InvalidArgument: not a Parquet file, or one that declares more than `max_bytes`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source: Any = pa.BufferReader(content) if isinstance(content, bytes) else content
        with pq.ParquetFile(source, pre_buffer=False) as file:
            _check_size(file.metadata, expansion_limit(content_size(content), max_bytes))
            threads = file.metadata.num_rows >= _THREADS_FROM_ROWS
            table = file.read(columns=list(columns) if columns is not None else None, use_threads=threads)
        return table if as_arrow else _to_pandas(table)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InvalidArgument(f"the table is not a readable Parquet file: {str(error)[:300]}") from error


def _to_pandas(table: Any) -> Any:
    """The table as a DataFrame, with index and types as they were; without those that pandas cannot name again."""
    try:
        return table.to_pandas(use_threads=table.num_rows >= _THREADS_FROM_ROWS)
    except (TypeError, ValueError, NotImplementedError):
        frame = table.to_pandas(ignore_metadata=True, use_threads=table.num_rows >= _THREADS_FROM_ROWS)
    levels = [name for name in _index_names(table.schema.metadata or {}) if name in table.column_names]
    names = [None if name.startswith("__index_level_") else name for name in levels]
    return frame.set_index(levels).rename_axis(names) if levels else frame


def _index_names(metadata: Mapping[bytes, bytes]) -> list[str]:
    """The columns that were the index of a DataFrame."""
    try:
        named = json.loads(metadata.get(b"pandas", b"{}"))["index_columns"]
    except (LookupError, TypeError, ValueError):
        return []  # nothing, or nothing that pandas wrote: then there is no index to restore
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _check_size(metadata: Any, limit_bytes: int) -> None:
    declared = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    smallest = metadata.num_rows * metadata.num_columns  # run-length pages can hide rows that take a byte each at least
    if max(declared, smallest) > limit_bytes:
        raise InvalidArgument(
            f"the table would expand to {max(declared, smallest):,} bytes, more than the "
            f"{limit_bytes:,} that are allowed for its size; nothing was read. If you trust it, pass max_bytes="
        )
