"""Neptune: what `neptune-exporter` wrote, Parquet files with a row for each value, and a folder of files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from math import nan
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile, InvalidArgument, NotFound
from runlore.files import is_regular
from runlore.importers._folders import files_below
from runlore.importers._names import path_name, uid_of
from runlore.importers._records import End, Fact, File, Points, Source, SourceRun
from runlore.model import FAILED, PARAM, SUCCEEDED, TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._records import Record

KIND = "neptune"
SUFFIX = ".parquet"
SYSTEM = "sys/"
"""Attributes of Neptune's own begin so."""

_NEEDED = {"project_id", "run_id", "attribute_path", "attribute_type"}
_BATCH = 10_000
_SCALARS = {"float": "float_value", "int": "int_value", "string": "string_value", "bool": "bool_value",
            "datetime": "datetime_value", "string_set": "string_set_value"}  # fmt: skip
_ABOUT = {"sys/name": "name", "sys/owner": "user", "sys/description": "description", "sys/hostname": "host"}


@dataclass
class ExportedRun(SourceRun):
    """A run, of one file or several."""

    parts: list[str] = field(kw_only=True)
    files: str | None = field(kw_only=True)
    has_failed: bool = False

    def records(self) -> Iterator[Record]:
        """Params, tags, series, texts, files, and the end, as far as the export tells it."""
        last_ns, left_out = self.started_ns, dict[str, int]()
        for path in self.parts:
            series: dict[str, Points] = {}
            for row in _rows(path):
                time_ns = _ns(row.get("timestamp"))
                last_ns = max(last_ns, time_ns)
                kind, key = str(row["attribute_type"]), str(row["attribute_path"])
                if kind == "float_series":
                    points = series.setdefault(key, Points(key, [], [], []))
                    for column, number in zip(points[1:], (_step(row), time_ns, row.get("float_value")), strict=True):
                        column.append(nan if number is None else number)  # type: ignore[attr-defined]
                    if len(points.values) == _BATCH:
                        yield series.pop(key)
                else:
                    yield from self._others(kind, key, row, time_ns, left_out)
            yield from series.values()
        for kind, count in sorted(left_out.items()):
            self.problems.append(f"left out: {count:,} values of the kind {kind!r}, which has no form here")
        yield End(FAILED if self.has_failed else SUCCEEDED, last_ns)

    def _others(
        self, kind: str, key: str, row: dict[str, Any], time_ns: int, left_out: dict[str, int]
    ) -> Iterator[Record]:  # fmt: skip
        if kind in _SCALARS:
            value = row.get(_SCALARS[kind])
            if key == "sys/tags":
                yield from (Fact(TAG, str(tag), "") for tag in value or ())
            elif not key.startswith(SYSTEM):
                yield Fact(PARAM, key, value.isoformat() if isinstance(value, datetime) else value)
        elif kind == "string_series":
            content = str(row.get("string_value") or "").encode("utf-8", "surrogatepass")
            yield File(key, content, "text", "text/plain", {}, time_ns or None, _step(row))
        elif kind in ("file", "file_series"):
            path = self._inside((row.get("file_value") or {}).get("path"))
            if path is None:
                self.problems.append(f"left out: the file of {key!r}, which is not below --files, or a folder")
            else:
                yield File(key, path, time_ns=time_ns or None, step=_step(row) if kind == "file_series" else None)
        else:
            left_out[kind] = left_out.get(kind, 0) + 1

    def _inside(self, name: Any) -> str | None:
        """A file below the folder of files; None where a name leads elsewhere."""
        if self.files is None or not isinstance(name, str) or path_name(name, "") != name:
            return None
        path = os.path.join(self.files, *name.split("/"))
        inside = os.path.realpath(path).startswith(os.path.realpath(self.files) + os.sep)
        return path if inside and is_regular(path) else None


class Exports(Source):
    """The runs of an export.

    Args:
        path: the folder of the Parquet files, `--data-path` of the exporter.
        files: the folder of the files, its `--files-path`; None: `files` beside it, where there is one.

    Raises:
        NotFound: one of them is no folder.
    """

    kind = KIND

    def __init__(self, path: str, files: str | None = None) -> None:
        for argument, folder in (("FOLDER", path), ("--files", files)):
            if folder is not None and not os.path.isdir(folder):
                raise NotFound(f"{argument} {folder!r} is no folder; name what neptune-exporter wrote")
        beside = os.path.join(os.path.dirname(os.path.abspath(path)), "files")
        self.location = path
        self.problems: list[str] = []
        self._files = files or (beside if os.path.isdir(beside) else None)

    def runs(self) -> list[ExportedRun]:
        """All runs, by their start.

        Raises:
            InvalidArgument: there is none.
        """
        found: dict[tuple[str, str], ExportedRun] = {}
        for name, path in sorted(files_below(self.location), key=lambda item: (len(item[0]), item[0])):
            if name.endswith(SUFFIX):
                try:
                    self._add(path, found)
                except DamagedFile as error:
                    self.problems.append(f"left out: {error}")
        if not found and not self.problems:
            raise InvalidArgument(f"{self.location!r} has no Parquet files of neptune-exporter in it")
        return sorted(found.values(), key=lambda run: (run.started_ns, run.id))

    def _add(self, path: str, found: dict[tuple[str, str], ExportedRun]) -> None:
        first, about, created_ns, failed = None, {}, 0, False
        for row in _rows(path, system=True):
            first = first or row
            key = row["attribute_path"]
            if key in _ABOUT and row.get("string_value"):
                about[_ABOUT[key]] = row["string_value"]
            elif key == "sys/creation_time":
                created_ns = _ns(row.get("datetime_value"))
            elif key == "sys/failed":
                failed = bool(row.get("bool_value"))
        if first is None:
            return
        project, name = str(first["project_id"]), str(first["run_id"])
        run = found.get((project, name))
        if run is None:
            uid = uid_of(KIND, f"{project}|{name}", 0)
            run = found[project, name] = ExportedRun(
                name, uid, project, created_ns or _ns(first.get("timestamp")), {"name": name}, parts=[],
                files=self._files,
            )  # fmt: skip
        run.about.update(about)
        run.started_ns = created_ns or run.started_ns
        run.has_failed = run.has_failed or failed
        run.parts.append(path)


def _rows(path: str, *, system: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of a file; with `system`, the first one and those of Neptune's own attributes alone.

    Raises:
        DamagedFile: it cannot be read, or is another's.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            missing = _NEEDED - set(file.schema_arrow.names)
            if missing:
                raise DamagedFile(f"{path!r} is no file of neptune-exporter: it lacks {', '.join(sorted(missing))}")
            for number, batch in enumerate(file.iter_batches(_BATCH, use_threads=False)):
                rows = batch.to_pylist()
                yield from (
                    row for place, row in enumerate(rows)
                    if not system or (number == 0 and place == 0) or str(row["attribute_path"]).startswith(SYSTEM)
                )  # fmt: skip
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(f"{path!r} cannot be read: {' '.join(str(error).split())}") from error


def _step(row: dict[str, Any]) -> float:
    return nan if row.get("step") is None else float(row["step"])


def _ns(moment: Any) -> int:
    """A date in ns since 1970; 0: there is none."""
    if moment is None:
        return 0
    from runlore.journal.values import time_ns_of

    return time_ns_of(moment)
