"""Content hashes of Arrow tables, and of anything that can be read as one (polars, DuckDB relations)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from runlore.errors import WrongType
from runlore.media._arrays import type_name

if TYPE_CHECKING:
    from runlore.media._hash_values import Hasher

_SAME_TYPE = {
    "large_string": "string",
    "string_view": "string",
    "large_binary": "binary",
    "binary_view": "binary",
}


def to_table(value: Any) -> Any:
    """The value as a pyarrow Table; an array becomes a table of one column.

    Raises:
        WrongType: a stream, which hashing would use up, or something else of pyarrow's.
    """
    import pyarrow as pa

    if isinstance(value, pa.Table):
        return value
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return pa.Table.from_arrays([value], names=[""])
    if isinstance(value, pa.Scalar):
        return pa.table({"": pa.array([value.as_py()], type=value.type)})
    if isinstance(value, pa.RecordBatchReader) or not hasattr(value, "__arrow_c_stream__"):
        raise WrongType(f"data is a {type_name(value)}; pass a Table (reader.read_all())")
    try:
        return pa.table(value)
    except (TypeError, ValueError):
        return pa.Table.from_arrays([pa.chunked_array(value)], names=[""])


def feed_arrow(hasher: Hasher, value: Any) -> None:
    """Column names, types and values. Chunks and the variants of one type (`string`, `large_string`) do not matter."""
    table = to_table(value)
    hasher.text("Table", f"{table.num_rows} {table.num_columns}")
    for field, column in zip(table.schema, table.columns, strict=True):
        hasher.text("column", field.name)
        _feed_column(hasher, column)


def _feed_column(hasher: Hasher, column: Any) -> None:
    import pyarrow as pa

    kind = str(column.type)
    hasher.text("type", _SAME_TYPE.get(kind, kind))
    is_text = kind in ("string", "binary") or kind in _SAME_TYPE
    if is_text or not pa.types.is_primitive(column.type) or pa.types.is_float16(column.type):
        _feed_items(hasher, column)
        return
    missing, values = hashlib.sha256(), hashlib.sha256()  # apart, so that the cuts between chunks leave no trace
    for chunk in column.chunks:
        missing.update(chunk.is_null().to_numpy(zero_copy_only=False).tobytes())
        values.update(_plain(chunk).tobytes())
    hasher.raw(missing.digest() + values.digest())


def _plain(chunk: Any) -> Any:
    """Values of a primitive array, nulls as zero; dates and times as their integers."""
    import pyarrow as pa

    width = chunk.type.bit_width
    if pa.types.is_temporal(chunk.type):
        chunk = chunk.view(pa.int64() if width == 64 else pa.int32())
    if chunk.null_count:
        chunk = chunk.fill_null(False if pa.types.is_boolean(chunk.type) else 0)
    return chunk.to_numpy(zero_copy_only=False)


def _feed_items(hasher: Hasher, column: Any) -> None:
    for chunk in column.chunks:
        for item in chunk.to_pylist():
            hasher.value(item)
