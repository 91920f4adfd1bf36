"""Tables, kept as Parquet (zstd)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media._arrays import is_tensor, library_of, to_array, type_name
from runlore.media._content import Content, Spool, content_size, expansion_limit
from runlore.media.encoded import TABLE, Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

MEDIA_TYPE = "application/vnd.apache.parquet"
_MAX_COLUMNS_IN_METADATA = 200


def encode_table(data: Any, *, columns: Sequence[str] | None = None) -> Encoded:
    """A table as Parquet.

    Args:
        data: a pandas or polars DataFrame, a pyarrow Table, a mapping of column names to columns, a list of
            mappings (a missing key is a missing value), a list of rows or a two-dimensional array.
        columns: names of the columns, for rows and arrays. Default: `0`, `1`, …

    A pandas index that is not the default one is kept, and so are column names that are numbers.

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
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        raise InvalidArgument(
            f"the table cannot be stored: {error}. A column must hold values of one type; "
            "convert mixed ones, for example with frame[name].astype(str)"
        ) from error
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


def _to_arrow(data: Any, columns: Sequence[str] | None) -> Any:
    import pyarrow as pa

    if columns is None:
        if library_of(data) == "pandas":
            return _from_pandas(data)
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
        array = to_array(data, "data")
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
    return pa.Table.from_pandas(frame)


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
        values = to_array(column, f"column {name!r}") if is_tensor(column) else column
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise InvalidArgument(
                f"column {name!r} cannot be stored: {error}. A column must hold values of one type"
            ) from error
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidArgument(f"columns must be equally long, and have {str(lengths)[:200]} elements")
    return pa.table(arrays)


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
        with pq.ParquetFile(source) as file:
            _check_size(file.metadata, expansion_limit(content_size(content), max_bytes))
            table = file.read(columns=list(columns) if columns is not None else None)
        return table if as_arrow else table.to_pandas()
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise InvalidArgument(f"the table is not a readable Parquet file: {str(error)[:300]}") from error


def _check_size(metadata: Any, limit_bytes: int) -> None:
    declared = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    smallest = metadata.num_rows * metadata.num_columns  # run-length pages can hide rows that take a byte each at least
    if max(declared, smallest) > limit_bytes:
        raise InvalidArgument(
            f"the table would expand to {max(declared, smallest):,} bytes, more than the "
            f"{limit_bytes:,} that are allowed for its size; nothing was read. If you trust it, pass max_bytes="
        )
