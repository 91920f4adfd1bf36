"""Writing the sealed files of a run: what `runlore.store.sealed.files` reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zlib import crc32

from runlore.store.sealed.files import CHECK, EVENT_COLUMNS, METADATA, METRIC_COLUMNS, VERSION, plain
from runlore.store.sealed.sorting import Columns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from runlore.journal.decode import Event
    from runlore.store.sealed.sorting import PointSorter

_GROUP_ROWS = (1 << 17, 1 << 21)
"""The fewest rows that are worth a row group of points, and the most that fit into memory."""
_GROUP_SERIES = 10
_SAMPLE_ROWS = 4096
_PAGE_BYTES = 1 << 26
_LIMITS_ROWS_OF_PAGES = 23
"""From this version on, pyarrow cuts pages after 20,000 rows if it is not told otherwise."""
_GROUP_EVENTS = 1 << 15
_GROUP_TEXT_BYTES = 1 << 24


def _metadata(about: Mapping[str, Any]) -> Any:
    text = json.dumps({"version": VERSION, **about}, separators=(",", ":")).encode("ascii")
    return {METADATA: text, CHECK: str(crc32(text)).encode("ascii")}


def _compact() -> dict[str, Any]:
    """How columns are compressed: each in one page, so that what is alike in it is stored once, however far apart."""
    import pyarrow as pa

    options: dict[str, Any] = {"compression": "zstd", "compression_level": 9, "data_page_size": _PAGE_BYTES}
    if int(pa.__version__.split(".")[0]) >= _LIMITS_ROWS_OF_PAGES:
        options["max_rows_per_page"] = _GROUP_ROWS[1]
    return options


class _ParquetFile:
    """A Parquet file being written; whole when the block ends in order."""

    def __init__(self, path: str, schema: Any, encodings: Mapping[str, str]) -> None:
        import pyarrow.parquet as pq

        self.schema = schema
        texts: Any = [name for name in schema.names if name not in encodings]
        self._file = open(path, "xb")  # noqa: SIM115 - closed at the end of the block
        try:
            self._writer: Any = pq.ParquetWriter(
                self._file, schema, use_dictionary=texts, column_encoding=dict(encodings), write_page_checksum=True,
                **_compact(),
            )  # fmt: skip
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Any:
        """The file itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Write what is left; after an error, only let go of the file."""
        try:
            if kind is None:
                self._finish()
                self._writer.close()
        finally:
            self._writer.is_open = False  # else, after an error, its finaliser writes to the closed file
            self._file.close()

    def _finish(self) -> None:
        """Write what is left."""


class MetricsFile(_ParquetFile):
    """Writes points, series by series, in row groups that let one series be read alone. Made once all are known."""

    def __init__(self, path: str, generation: str, writers: Sequence[str], points: PointSorter) -> None:
        import pyarrow as pa

        text = pa.dictionary(pa.int32(), pa.string())
        step = pa.int64() if points.integral else pa.float64()
        types = (text, step, pa.int64(), pa.int32(), pa.float64(), text, pa.int64(), pa.int32())
        schema = pa.schema(
            list(zip(METRIC_COLUMNS, types, strict=True)),
            metadata=_metadata(
                {
                    "generation": generation,
                    "keys": [[name, points.counts[name]] for name in sorted(points.counts)],
                    "writers": list(writers),
                }
            ),
        )
        encodings = {
            "step": "DELTA_BINARY_PACKED" if points.integral else "BYTE_STREAM_SPLIT",
            "time_ns": "BYTE_STREAM_SPLIT",
            "delay_ns": _smaller(points.sample(_SAMPLE_ROWS).delay_ns) if points.counts else "PLAIN",
            "value": "BYTE_STREAM_SPLIT",
            "sequence": "DELTA_BINARY_PACKED",
            "position": "DELTA_BINARY_PACKED",
        }
        super().__init__(path, schema, encodings)
        self._integral = points.integral
        self._writers = pa.array([plain(writer) for writer in writers], pa.string())
        self._points = points
        self._group_rows = _group_rows(points.counts.values())
        self._pending: list[tuple[str, Columns]] = []
        self._rows = 0

    def write(self) -> None:
        """Write all points."""
        for name, pieces in self._points.series():
            if self._rows + self._points.counts[name] > self._group_rows:
                self._finish()
            for columns in pieces:
                self._add(name, columns)

    def _add(self, name: str, columns: Columns) -> None:
        start = 0
        while start < len(columns.value):
            end = min(start + self._group_rows - self._rows, len(columns.value))
            self._pending.append((name, columns.cut(start, end)))
            self._rows += end - start
            start = end
            if self._rows == self._group_rows:
                self._finish()

    def _finish(self) -> None:
        """Write the pending points as one row group."""
        import numpy as np
        import pyarrow as pa

        if not self._pending:
            return
        names = list(dict.fromkeys(name for name, _ in self._pending))
        number = {name: index for index, name in enumerate(names)}
        key = np.repeat(
            np.array([number[name] for name, _ in self._pending], dtype=np.int32),
            [len(columns.value) for _, columns in self._pending],
        )
        step, time_ns, value, writer, sequence, position, delay = Columns.joined(
            [columns for _, columns in self._pending]
        )
        self._pending, self._rows = [], 0
        missing = np.isnan(step)
        if self._integral:
            step = np.where(missing, 0.0, step).astype(np.int64)
        table = pa.table(
            [
                pa.DictionaryArray.from_arrays(key, pa.array([plain(name) for name in names], pa.string())),
                pa.array(step, mask=missing),
                pa.array(time_ns - delay),
                pa.array(delay),
                pa.array(value),
                pa.DictionaryArray.from_arrays(writer.astype(np.int32), self._writers),
                pa.array(sequence),
                pa.array(position),
            ],
            schema=self.schema,
        )
        self._writer.write_table(table, row_group_size=self._group_rows)


def _smaller(sample: NDArray[np.int32]) -> str:
    """The encoding that makes least of such numbers: delays are noise around a place in a burst, or grow steadily."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"sample": sample})
    sizes = {}
    for encoding in ("DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"):
        buffer = pa.BufferOutputStream()
        pq.write_table(table, buffer, use_dictionary=False, column_encoding=encoding, **_compact())
        sizes[encoding] = buffer.getvalue().size
    return min(sizes, key=lambda encoding: sizes[encoding])


def _group_rows(counts: Collection[int]) -> int:
    """How many rows to put into a row group: some ten series, which share the times of their steps."""
    usual = sum(count * count for count in counts) // max(sum(counts), 1)  # the series of a point taken at random
    fewest, most = _GROUP_ROWS
    return min(max(_GROUP_SERIES * usual, fewest), most)


class EventsFile(_ParquetFile):
    """Writes events and changes of extra columns, in any order; its footer comes last.

    Attributes:
        count: events so far.
        extra_changes: changes of extra columns so far.
    """

    def __init__(self, path: str) -> None:
        import pyarrow as pa

        types: dict[str, Any] = dict.fromkeys(EVENT_COLUMNS, pa.string())
        types.update(time_ns=pa.int64(), sequence=pa.int64(), step=pa.float64())
        schema = pa.schema(list(types.items()))
        super().__init__(path, schema, {"time_ns": "DELTA_BINARY_PACKED", "sequence": "DELTA_BINARY_PACKED"})
        self.count = 0
        self.extra_changes = 0
        self._about: dict[str, Any] = {}
        self._pending: list[tuple[Any, ...]] = []
        self._text_bytes = 0

    def add(self, writer: str, events: Iterable[Event]) -> None:
        """Write events of one writer."""
        for event in events:
            kind, key = plain(event.kind), plain(event.key)
            exact = None if (kind, key) == (event.kind, event.key) else json.dumps([event.kind, event.key])
            value = json.dumps(event.value, separators=(",", ":"))
            extra = json.dumps(event.extra, separators=(",", ":")) if event.extra else None
            self._append(
                (event.time_ns, plain(writer), event.sequence, event.step, kind, key, value, extra, exact), len(value)
            )
            self.count += 1

    def add_extras(self, writer: str, changes: Iterable[tuple[int, dict[str, Any]]]) -> None:
        """Write changes of the columns that a writer gives to all its records."""
        for sequence, columns in changes:
            value = json.dumps(columns, separators=(",", ":"))
            self._append((None, plain(writer), sequence, None, None, None, value, None, None), len(value))
            self.extra_changes += 1

    def describe(self, about: Mapping[str, Any]) -> None:
        """Say what the footer is to hold."""
        self._about = {**about, "events": self.count, "extra_changes": self.extra_changes}

    def _append(self, row: tuple[Any, ...], text_bytes: int) -> None:
        self._pending.append(row)
        self._text_bytes += text_bytes
        if len(self._pending) >= _GROUP_EVENTS or self._text_bytes >= _GROUP_TEXT_BYTES:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa

        if self._pending:
            columns = [
                pa.array(values, field.type)
                for values, field in zip(zip(*self._pending, strict=True), self.schema, strict=True)
            ]
            self._writer.write_table(pa.table(columns, schema=self.schema))
            self._pending, self._text_bytes = [], 0

    def _finish(self) -> None:
        """Write the pending events and the footer."""
        self._write()
        self._writer.add_key_value_metadata(_metadata(self._about))
