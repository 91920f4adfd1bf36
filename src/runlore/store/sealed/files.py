"""The sealed files of a run, and reading them.

    metrics.parquet   every point: key, step, time_ns, delay_ns, value, writer, sequence, position; sorted by key, step,
                      time, which is `time_ns + delay_ns`
    events.parquet    everything else: time_ns, writer, sequence, step, kind, key, value, extra, exact

Both describe themselves in the Parquet metadata `runlore`, as JSON. `events.parquet` is the commit mark: its metadata
name the generation of the `metrics.parquet` that belongs to it. While a new generation takes the place of an old one,
its points lie in `metrics-<generation>.parquet`. Values and extra columns are JSON text. A row without a kind says
which extra columns its writer gave to all its records from there on. Where kind or key are no valid Unicode, `exact`
has both as JSON. Version 1 had no `delay_ns`: whole times were in `time_ns`.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zlib import crc32

from runlore.errors import DamagedFile, UnsupportedFormat
from runlore.files import open_binary, open_regular
from runlore.store.points import Part

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import BinaryIO

VERSION = 2
METRICS = "metrics.parquet"
EVENTS = "events.parquet"
METADATA = b"runlore"
CHECK = b"runlore.crc32"
"""The CRC-32 of the metadata, in decimal: pages carry checksums, and the footer of Parquet does not."""
METRIC_COLUMNS = ("key", "step", "time_ns", "delay_ns", "value", "writer", "sequence", "position")
_METRIC_COLUMNS_1 = tuple(name for name in METRIC_COLUMNS if name != "delay_ns")
"""Those of version 1."""
EVENT_COLUMNS = ("time_ns", "writer", "sequence", "step", "kind", "key", "value", "extra", "exact")

Identity = tuple[int, int, int]
"""Tells one version of a file from the next: inode, time of change, size."""

EventRow = tuple[str, int, int, "float | None", str, str, Any, dict[str, Any]]
"""Writer, sequence, time, step, kind, key, value, extra columns."""


class Superseded(Exception):
    """The sealed files were replaced while they were read. Never leaves the store: reading starts again."""


def generation_path(directory: str, generation: str) -> str:
    """Where the points of a generation lie until they take the place of those before."""
    return os.path.join(directory, f"metrics-{generation}.parquet")


def identity(directory: str) -> Identity | None:
    """Which sealed files the run has; None: none.

    The file is opened rather than looked at, since that makes a network mount ask its server.

    Raises:
        DamagedFile: something that is no file is in their place.
    """
    try:
        descriptor = open_regular(os.path.join(directory, EVENTS))
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _identity_of(descriptor)
    finally:
        os.close(descriptor)


def _identity_of(descriptor: int) -> Identity:
    found = os.fstat(descriptor)
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_summary(directory: str) -> dict[str, Any]:
    """What the footer of a sealed run says. Only the footer is read.

    Returns:
        `summary` (`RunSummary.dump`), `start` (value of the start event), `writers` (name → `bytes`, `context`,
        `state`, `lost`, `damage`, `header`), `points`, `generation`.

    Raises:
        FileNotFoundError: the run is not sealed.
        UnsupportedFormat: a newer version of Runlore sealed it.
        DamagedFile: the file is not what it should be.
    """
    path = os.path.join(directory, EVENTS)
    with open_binary(path) as file:
        return _describe(_parquet(file, path, EVENT_COLUMNS), path)


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Say which file it was that pyarrow could not read."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, IndexError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _damaged(path, f"cannot be read as Parquet: {error}") from error


def _damaged(path: str, what: str) -> DamagedFile:
    return DamagedFile(f"{path!r} {what}. Nothing was changed; put it back from a copy of the store, or move it away")


_THREADS_FROM_ROWS = 1 << 20


def _is_large(parquet: Any, groups: list[int]) -> bool:
    """Whether reading these row groups is worth threads.

    Arrow's pool can abort a process that ends while threads of it are starting, after the program's last line.
    """
    rows: int = sum(parquet.metadata.row_group(index).num_rows for index in groups)
    return rows >= _THREADS_FROM_ROWS


def _parquet(file: BinaryIO, path: str, columns: tuple[str, ...]) -> Any:
    import pyarrow.parquet as pq

    with _reading(path):
        # Reading ahead is done by threads of Arrow that start when the first bytes are read, also of a small file.
        parquet = pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=False)
        names = tuple(parquet.schema_arrow.names)
    if METADATA not in (parquet.metadata.metadata or {}):
        raise _damaged(path, "is a Parquet file that Runlore did not write")
    if not set(columns) <= set(names):
        raise _damaged(path, f"has the columns {names}, but should have {columns}")
    return parquet


def _describe(parquet: Any, path: str) -> dict[str, Any]:
    """The metadata of a sealed file."""
    text = parquet.metadata.metadata[METADATA]
    if parquet.metadata.metadata.get(CHECK) != str(crc32(text)).encode("ascii"):
        raise _damaged(path, "has metadata that do not match their CRC")
    try:
        about: dict[str, Any] = json.loads(text)
        newer = about["version"] > VERSION
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise _damaged(path, f"has metadata that Runlore did not write: {error}") from error
    if newer:
        raise UnsupportedFormat(
            f"{path!r} has format version {about['version']}; this Runlore reads up to {VERSION}. "
            "Nothing was changed. Upgrade Runlore to read it"
        )
    return about


def open_sealed(directory: str) -> Sealed | None:
    """The sealed files of the run, to be closed by the caller; None where it is not sealed."""
    path = os.path.join(directory, EVENTS)
    try:
        file = open_binary(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return Sealed(directory, file, _parquet(file, path, EVENT_COLUMNS))
    except BaseException:
        file.close()
        raise


class Sealed:
    """The sealed files of one run, as they were when they were opened.

    Attributes:
        identity: which version of the files this is.
        about: the footer of `events.parquet`; see `read_summary`.
        writers: name → what the footer says of the writer.
    """

    def __init__(self, directory: str, file: BinaryIO, parquet: Any) -> None:
        self.directory = directory
        self.path = os.path.join(directory, EVENTS)
        self.identity = _identity_of(file.fileno())
        self.about = _describe(parquet, self.path)
        self.writers: dict[str, dict[str, Any]] = self.about["writers"]
        self._file = file
        self._parquet = parquet
        self._extras: list[tuple[str, int, dict[str, Any]]] | None = None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # -- events -------------------------------------------------------------------------------------------------

    @property
    def extras(self) -> list[tuple[str, int, dict[str, Any]]]:
        """Changes of extra columns: (writer, from this sequence on, columns)."""
        if self._extras is None:
            self._extras = []
            if self.about["extra_changes"]:
                for index in range(self._parquet.num_row_groups):
                    self._extras += [
                        (writer, sequence, json.loads(value))
                        for writer, sequence, value in self._rows(index, None, ["writer", "sequence", "value"])
                    ]
        return self._extras

    def events(self, kinds: Collection[str] | None = None) -> Iterator[EventRow]:
        """The events of these kinds, in the order in which they lie in the file."""
        for index in range(self._parquet.num_row_groups):
            yield from self.events_of_group(index, kinds)

    @property
    def groups(self) -> int:
        """Number of row groups of events."""
        return int(self._parquet.num_row_groups)

    def events_of_group(self, index: int, kinds: Collection[str] | None = None) -> Iterator[EventRow]:
        """The events of one row group."""
        chosen = True if kinds is None else _texts(sorted({plain(kind) for kind in kinds}))
        columns = ["writer", "sequence", "time_ns", "step", "kind", "key", "value", "extra", "exact"]
        for *start, kind, key, value, extra, exact in self._rows(index, chosen, columns):
            true_kind, true_key = json.loads(exact) if exact else (kind, key)
            if kinds is None or true_kind in kinds:
                writer, sequence, time_ns, step = start
                own = json.loads(extra) if extra else {}
                yield writer, sequence, time_ns, step, true_kind, true_key, _value(value), own

    def _rows(self, index: int, kinds: Any, columns: list[str]) -> Iterator[tuple[Any, ...]]:
        """Rows of a row group: of these kinds, of any kind (True), or without one (None)."""
        import pyarrow.compute as pc

        with _reading(self.path):
            kind = self._parquet.read_row_group(index, columns=["kind"], use_threads=False).column(0)
            mask = pc.is_valid(kind) if kinds is True else pc.is_null(kind) if kinds is None else None
            if mask is None:
                mask = pc.is_in(kind, value_set=kinds)
            if not pc.any(mask).as_py():
                return
            table = self._parquet.read_row_group(index, columns=columns, use_threads=False).filter(mask)
            values = [table.column(name).to_pylist() for name in columns]
        yield from zip(*values, strict=True)

    # -- points -------------------------------------------------------------------------------------------------

    def points(self, ids: Mapping[str, int], keys: Collection[str] | None) -> list[Part]:
        """The points of these series; None: of all.

        Args:
            ids: writers → their numbers in the result.
            keys: names of the series.

        Raises:
            Superseded: the files were replaced meanwhile.
        """
        if not self.about["points"]:
            return []
        with self.metrics() as metrics:
            part = metrics.part(ids, keys)
        return [] if part is None else [part]

    @contextmanager
    def metrics(self) -> Iterator[SealedMetrics]:
        """The file of points that belongs to this generation.

        Raises:
            Superseded: the files were replaced meanwhile.
            DamagedFile: it is not there.
        """
        generation = self.about["generation"]
        usual = os.path.join(self.directory, METRICS)
        # It moves from the second place to the first at most once while this generation is the current one.
        for path in (usual, generation_path(self.directory, generation), usual):
            try:
                file = open_binary(path)
            except FileNotFoundError:
                continue
            with file:
                found = SealedMetrics(path, _parquet(file, path, _METRIC_COLUMNS_1))
                if found.about["generation"] == generation:
                    yield found
                    return
        if identity(self.directory) != self.identity:
            raise Superseded
        raise DamagedFile(
            f"the points of the run {self.directory!r} are gone: it has no {METRICS} of the generation {generation} "
            f"that its {EVENTS} names. Put both files back from one copy of the store"
        )


class SealedMetrics:
    """One `metrics.parquet`.

    Attributes:
        about: its metadata: `generation`, `keys` (name and number of points, in the order of the rows), `writers`.
    """

    def __init__(self, path: str, parquet: Any) -> None:
        self.path = path
        self.about = _describe(parquet, path)
        self._parquet = parquet
        self._delays = self.about["version"] >= 2
        if self._delays and "delay_ns" not in parquet.schema_arrow.names:
            raise _damaged(path, "has no column delay_ns")
        groups = range(parquet.metadata.num_row_groups)
        rows, counted = sum(parquet.metadata.row_group(index).num_rows for index in groups), self._counted()
        if rows != counted:
            raise _damaged(path, f"has {rows:,} rows, and {counted:,} by its metadata")

    def _counted(self) -> int:
        """How many points the metadata name."""
        try:
            return sum(int(count) for _, count in self.about["keys"])
        except (TypeError, ValueError, LookupError) as error:
            raise _damaged(self.path, f"has metadata that Runlore did not write: {error!r}") from error

    def part(self, ids: Mapping[str, int], keys: Collection[str] | None = None) -> Part | None:
        """The points of these series, or of all; None where there are none."""
        import numpy as np

        ranges = self._ranges(keys)
        groups, places = self._groups_of([(start, end) for _, start, end in ranges])
        if not groups:
            return None
        counts = [end - start for _, start, end in ranges]
        columns = self._columns(groups, ids, positions=len(ranges) > 1)
        if sum(counts) != len(columns[0]):
            columns = tuple(_cut(column, places) for column in columns)
        step, time_ns, value, writer, sequence, position, delay = columns
        if position is None:  # a row has a key once
            position = np.zeros(len(step), dtype=np.int32)
        key = np.repeat(np.arange(len(ranges)), counts)
        names = [name for name, _, _ in ranges]
        return Part(key, names, step, time_ns + delay, value, writer, sequence, position, delay_ns=delay)

    def pieces(self, ids: Mapping[str, int], rows: int) -> Iterator[Part]:
        """All points, in pieces of about so many rows, in the order of the file."""
        import numpy as np

        names = [name for name, _ in self.about["keys"]]
        ends = np.cumsum([count for _, count in self.about["keys"]], dtype=np.int64)
        start = 0
        batch: list[int] = []
        taken = 0
        last = self._parquet.num_row_groups - 1
        for index in range(last + 1):
            batch.append(index)
            taken += self._parquet.metadata.row_group(index).num_rows
            if taken < rows and index < last:
                continue
            columns = self._columns(batch, ids, positions=True)
            key = np.searchsorted(ends, np.arange(start, start + taken), side="right")
            step, time_ns, value, writer, sequence, position, delay = columns
            yield Part(key, names, step, time_ns + delay, value, writer, sequence, position, delay_ns=delay)
            start, batch, taken = start + taken, [], 0

    def _columns(self, groups: list[int], ids: Mapping[str, int], *, positions: bool) -> tuple[Any, ...]:
        """Step, time of the burst, value, writer, sequence, position, and delay of these row groups.

        The writer is one number for a single one; delays that nobody recorded are zeros.
        """
        import numpy as np

        writers = self.about["writers"]
        names = ["step", "time_ns", "value", "sequence"]
        names += ["position"] if positions else []
        names += ["writer"] if len(writers) > 1 else []
        names += ["delay_ns"] if self._delays else []
        with _reading(self.path):
            table = self._parquet.read_row_groups(groups, columns=names, use_threads=_is_large(self._parquet, groups))
        writer = _writer_numbers(table.column("writer"), ids) if len(writers) > 1 else ids[writers[0]]
        position = table.column("position").to_numpy() if positions else None
        delay = table.column("delay_ns").to_numpy() if self._delays else np.zeros(len(table), dtype=np.int32)
        return (
            _steps(table.column("step")), table.column("time_ns").to_numpy(), table.column("value").to_numpy(),
            writer, table.column("sequence").to_numpy(), position, delay,
        )  # fmt: skip

    def _ranges(self, keys: Collection[str] | None) -> list[tuple[str, int, int]]:
        """(name, first row, row behind the last) of the series wanted, in the order of the rows."""
        found = []
        start = 0
        for name, count in self.about["keys"]:
            if keys is None or name in keys:
                found.append((name, start, start + count))
            start += count
        return found

    def _groups_of(self, ranges: Sequence[tuple[int, int]]) -> tuple[list[int], list[tuple[int, int]]]:
        """The row groups that hold these rows, and where the rows are once those groups are read."""
        metadata = self._parquet.metadata
        groups: list[int] = []
        places = []
        start = taken = index = 0
        pending = list(reversed(ranges))
        while pending:
            first, last = pending[-1]
            end = start + metadata.row_group(index).num_rows
            if first < end and start < last:
                if not groups or groups[-1] != index:
                    groups.append(index)
                    taken += end - start
                places.append((max(first, start) - end + taken, min(last, end) - end + taken))
            if last <= end:
                pending.pop()
            else:
                start, index = end, index + 1
        return groups, places


def _value(text: str) -> Any:
    """The value of an event. One that is nested too deeply to be read is given as the text that it is stored as."""
    try:
        return json.loads(text)
    except RecursionError:
        return text


def plain(text: str) -> str:
    """The text as valid Unicode: what is none is escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _texts(texts: Sequence[str]) -> Any:
    """Texts as an Arrow array. `pyarrow.array` would import pandas, which takes longer than all the rest."""
    import numpy as np
    import pyarrow as pa

    raw = [text.encode("utf-8") for text in texts]
    ends = np.cumsum([0, *map(len, raw)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(ends), pa.py_buffer(b"".join(raw)))


def _steps(column: Any) -> Any:
    """Steps as float64; null is NaN."""
    import numpy as np

    array = column.to_numpy()
    return array if array.dtype == np.float64 else array.astype(np.float64)


def _writer_numbers(column: Any, ids: Mapping[str, int]) -> Any:
    import numpy as np

    known = {plain(writer): number for writer, number in ids.items()}
    chunks = [
        np.array([known[name] for name in chunk.dictionary.to_pylist()], dtype=np.uint32)[chunk.indices.to_numpy()]
        for chunk in column.chunks
    ]
    return np.concatenate(chunks)


def _cut(column: Any, places: Sequence[tuple[int, int]]) -> Any:
    """The rows at these places of a column; None and single numbers stay what they are."""
    import numpy as np

    if column is None or isinstance(column, int):
        return column
    slices = [column[start:end] for start, end in places]
    return slices[0] if len(slices) == 1 else np.concatenate(slices)
