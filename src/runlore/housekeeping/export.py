"""Records as tables: CSV, JSON Lines, Parquet. One run at a time is in memory, whatever the number of runs.

Every format has the same columns: `experiment`, `run` (number), `uid`, `step`, `event`, `key`, `value` (a number),
`text` (values that are no numbers: text as it is, the rest as JSON), `time` (UTC), `node`, `userid`, `extra` (JSON of
further columns). What a record does not have is empty in CSV, null elsewhere; NaN and infinities are numbers in CSV and
Parquet and the texts `NaN`, `Infinity`, `-Infinity` in JSON.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, BinaryIO

from runlore.errors import DamagedFile, InvalidArgument
from runlore.reader.plain import cells_of, dump_json, to_json, values_of
from runlore.reader.records import iso_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from runlore.reader import RunView

COLUMNS = (
    "experiment", "run", "uid", "step", "event", "key", "value", "text", "time", "node", "userid", "extra",
)  # fmt: skip
_ROWS = 100_000
_KNOWN = frozenset({"experiment", "run", "step", "event", "key", "value", "time", "node", "userid"})


def export_table(
    runs: Sequence[RunView], file: BinaryIO, format: str, *, event: Any = None, key: Any = None,  # noqa: A002
    progress: Callable[[int, int], None] | None = None, damaged: Callable[[RunView, DamagedFile], None] | None = None,
) -> int:  # fmt: skip
    """Write the records of runs, run by run, each in time order.

    Args:
        runs: which.
        file: to write to; need not be able to seek.
        format: `csv`, `jsonl` or `parquet`.
        event: only these kinds, as for `Experiment.data`.
        key: only these keys.
        progress: called with (runs written, runs to write).
        damaged: called with a run that cannot be read, and why; it is left out then. None: raise that.

    Returns:
        How many records were written.

    Raises:
        InvalidArgument: another format.
        DamagedFile: a run cannot be read.
    """
    if format not in _WRITERS:
        raise InvalidArgument(f"format={format!r} must be one of {', '.join(_WRITERS)}")
    write: _CsvFile | _JsonLinesFile | _ParquetFile = _WRITERS[format](file)
    total = 0
    for index, run in enumerate(runs):
        for frame in _records(run, event, key, damaged):
            write.rows(_columns(run.uid, frame))
            total += len(frame)
        if progress is not None:
            progress(index + 1, len(runs))
    write.close()
    return total


def _records(
    run: RunView, event: Any, key: Any, damaged: Callable[[RunView, DamagedFile], None] | None
) -> Iterator[pd.DataFrame]:
    """The records of a run, in pieces."""
    try:
        frame = run.data(event=event, key=key)
    except DamagedFile as error:
        if damaged is None:
            raise
        damaged(run, error)
        return
    for start in range(0, len(frame), _ROWS):
        yield frame.iloc[start : start + _ROWS]


def _columns(uid: str, frame: pd.DataFrame) -> dict[str, list[Any]]:
    """The records as columns of Python values."""
    count = len(frame)
    values = values_of(frame)
    numeric = [isinstance(value, (int, float)) and not isinstance(value, bool) for value in values]
    extras = [name for name in frame.columns if name not in _KNOWN]
    return {
        "experiment": frame["experiment"].tolist(),
        "run": cells_of(frame["run"]),
        "uid": [uid] * count,
        "step": cells_of(frame["step"]),
        "event": frame["event"].tolist(),
        "key": frame["key"].tolist(),
        "value": [_float(value) if number else None for value, number in zip(values, numeric, strict=True)],
        "text": [None if number else _text(value) for value, number in zip(values, numeric, strict=True)],
        "time": frame["time"].astype("int64").tolist(),
        "node": cells_of(frame["node"]),
        "userid": cells_of(frame["userid"]),
        "extra": list(_extra(frame, extras)) if extras else [None] * count,
    }


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(to_json(value), ensure_ascii=False)


def _extra(frame: pd.DataFrame, names: list[str]) -> Iterator[dict[str, Any] | None]:
    for row in zip(*(cells_of(frame[name]) for name in names), strict=True):
        found = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        yield found or None


class _CsvFile:
    """Comma-separated values in UTF-8, with a line of names."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._write([COLUMNS])

    def _write(self, rows: Any) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode("utf-8", "backslashreplace"))

    def rows(self, columns: dict[str, list[Any]]) -> None:
        """Write records."""
        columns["time"] = [iso_time(time) for time in columns["time"]]
        columns["extra"] = [None if extra is None else _text(extra) for extra in columns["extra"]]
        self._write(zip(*(columns[name] for name in COLUMNS), strict=True))

    def close(self) -> None:
        """All was written."""


class _JsonLinesFile:
    """One JSON object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def rows(self, columns: dict[str, list[Any]]) -> None:
        """Write records."""
        columns["time"] = [iso_time(time) for time in columns["time"]]
        for row in zip(*(columns[name] for name in COLUMNS), strict=True):
            self._file.write(dump_json(dict(zip(COLUMNS, row, strict=True))) + b"\n")

    def close(self) -> None:
        """All was written."""


class _ParquetFile:
    """Parquet, zstd-compressed. Small runs share a row group."""

    def __init__(self, file: BinaryIO) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types: dict[str, Any] = dict.fromkeys(COLUMNS, pa.string())
        types.update(run=pa.int64(), step=pa.float64(), value=pa.float64(), time=pa.timestamp("ns", "UTC"))
        self._schema = pa.schema(list(types.items()))
        self._writer: Any = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Any] = []

    def rows(self, columns: dict[str, list[Any]]) -> None:
        """Write records."""
        import pyarrow as pa

        columns["extra"] = [None if extra is None else _text(extra) for extra in columns["extra"]]
        columns["step"] = [None if step is None else float(step) for step in columns["step"]]
        for name in ("experiment", "event", "key", "text", "node", "userid", "extra"):
            columns[name] = [_valid(text) for text in columns[name]]
        self._waiting.append(pa.table(columns, schema=self._schema))
        if sum(len(table) for table in self._waiting) >= _ROWS:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=2 * _ROWS)
            self._waiting.clear()

    def close(self) -> None:
        """Write what is left, and the footer."""
        self._write()
        self._writer.close()


def _valid(text: str | None) -> str | None:
    """The text as valid Unicode: what is none is escaped."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")


_WRITERS: dict[str, type[_CsvFile | _JsonLinesFile | _ParquetFile]] = {
    "csv": _CsvFile,
    "jsonl": _JsonLinesFile,
    "parquet": _ParquetFile,
}
