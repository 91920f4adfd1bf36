"""A table of runs as a file: CSV, Parquet or JSON; one row a run, one column a field.

Times are ISO 8601 in UTC in CSV and JSON, and timestamps in Parquet. NaN and infinities are numbers in CSV and Parquet
and the texts `NaN`, `Infinity`, `-Infinity` in JSON. A column of which not all values are of one kind, and lists and
mappings, are JSON text in Parquet and CSV.
"""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.plain import json_text
from runlore.reader.cells import TIMES
from runlore.reader.plain import dump_json
from runlore.reader.records import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runlore.reader.cells import Cells, Field

FORMATS = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "json": "application/json"}
"""With their media types."""
_ROWS = 2_000


def check_format(name: str) -> None:
    """Refuse a format that there is not.

    Raises:
        InvalidArgument: it is none of `FORMATS`.
    """
    if name not in FORMATS:
        raise InvalidArgument(f"format={name[:100]!r} must be one of {', '.join(FORMATS)}")


def write_table(name: str, fields: Sequence[Field], columns: Mapping[str, Cells]) -> Iterator[bytes]:
    """The file, piece by piece.

    Args:
        name: of `FORMATS`.
        fields: the columns, in order.
        columns: as `columns_of` gives them.

    Raises:
        InvalidArgument: another format.
    """
    check_format(name)
    return {"csv": _csv, "json": _json, "parquet": _parquet}[name](fields, columns)


def _csv(fields: Sequence[Field], columns: Mapping[str, Cells]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([field.text for field in fields])
    cells = [[_csv_cell(field, cell) for cell in columns[field.text]] for field in fields]
    for count, row in enumerate(zip(*cells, strict=True), 1):
        writer.writerow(row)
        if count % _ROWS == 0:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    found = text.getvalue().encode("utf-8", "backslashreplace")
    text.seek(0)
    text.truncate()
    return found


def _csv_cell(field: Field, cell: Any) -> Any:
    if _is_time(field):
        return iso_time(cell)
    if isinstance(cell, (bool, dict, list, tuple)):
        return json_text(cell)
    return cell


def _is_time(field: Field) -> bool:
    return field.kind == "attribute" and field.key in TIMES


def _json(fields: Sequence[Field], columns: Mapping[str, Cells]) -> Iterator[bytes]:
    cells = [list(map(iso_time, columns[f.text])) if _is_time(f) else columns[f.text] for f in fields]
    names = [field.text for field in fields]
    yield b"["
    for count, row in enumerate(zip(*cells, strict=True)):
        yield (b",\n" if count else b"\n") + dump_json(dict(zip(names, row, strict=True)))
    yield b"\n]\n"


def _parquet(fields: Sequence[Field], columns: Mapping[str, Cells]) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {_valid(field.text): _arrow(field, columns[field.text]) for field in fields}
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    yield sink.getvalue()


def _arrow(field: Field, cells: Cells) -> Any:
    import pyarrow as pa

    if _is_time(field):
        return pa.array(cells, pa.timestamp("ns", tz="UTC"))
    kinds = {type(cell) for cell in cells if cell is not None}
    if field.kind == "metrics":
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds == {int} and all(cell is None or -(1 << 63) <= cell < 1 << 63 for cell in cells):
        return pa.array(cells, pa.int64())
    if (
        kinds
        and kinds <= {int, float}
        and all(cell is None or abs(cell) <= 1 << 53 or not math.isfinite(cell) for cell in cells)
    ):
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    if kinds == {str}:
        return pa.array([None if cell is None else _valid(cell) for cell in cells], pa.string())
    return pa.array([None if cell is None else _valid(json_text(cell)) for cell in cells], pa.string())


def _valid(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
