"""MLflow's directory `mlruns`: `<experiment>/meta.yaml`, `<experiment>/<run>/{meta.yaml,metrics,params …}`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile, InvalidArgument
from runlore.files import read_bytes
from runlore.importers._folders import files_below, folders_in
from runlore.importers._records import File, Points, Source
from runlore.importers._yaml import read_yaml
from runlore.importers.mlflow.entities import KIND, NUMBERED, MlflowRun, RunInfo, ns_of, start_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._records import Record

META = "meta.yaml"
TRASH = ".trash"
"""Experiments that were deleted."""

_BATCH = 10_000
_MOST_TEXT_BYTES = 16 << 20
_OTHER_FOLDERS = {"models", "tags", "datasets", "traces"}
"""What stands in an experiment beside its runs."""


@dataclass
class DirectoryRun(MlflowRun):
    """A run of the directory."""

    folder: str = field(kw_only=True)

    def records(self) -> Iterator[Record]:
        """Params and tags, points, files, the end."""
        yield from self.facts(_texts(os.path.join(self.folder, "params"), self.problems))
        for key, path in files_below(os.path.join(self.folder, "metrics")):
            yield from _series(key, path, self.problems)
        for name, path in files_below(os.path.join(self.folder, "artifacts")):
            yield File(name, path)
        yield from self.end()


def _series(key: str, path: str, problems: list[str]) -> Iterator[Points]:
    """The points of one metric's file: lines of `time in ms, value, step`, the last one absent in old versions."""
    points = Points(key, [], [], [])
    broken = 0
    with open(path, "rb") as file:
        for line in file:
            try:
                time_ns, value, step = _point(line)
            except ValueError:
                broken += 1
                continue
            for column, number in zip(points[1:], (step, time_ns, value), strict=True):
                column.append(number)  # type: ignore[attr-defined]
            if len(points.values) == _BATCH:
                yield points
                points = Points(key, [], [], [])
    if broken:
        problems.append(f"left out: {broken:,} lines of {path!r} that are no points, or were not written whole")
    if points.values:
        yield points


def _point(line: bytes) -> tuple[int, float, float]:
    """(time in ns, value, step).

    Raises:
        ValueError: it is no point; also where the line has no end, since more of it may be missing.
    """
    parts = line.split(b" ")
    if not line.endswith(b"\n") or len(parts) not in (2, 3, 5):  # 5: with the name and digest of a data set
        raise ValueError(line)
    return ns_of(int(parts[0])), float(parts[1]), float(int(parts[2])) if len(parts) > 2 else 0.0


def _texts(folder: str, problems: list[str]) -> dict[str, str]:
    """Params or tags: a file each."""
    found = {}
    for key, path in files_below(folder):
        try:
            found[key] = read_bytes(path, _MOST_TEXT_BYTES).decode("utf-8", "replace")
        except (DamagedFile, OSError) as error:  # noqa: PERF203 - the others are taken in
            problems.append(f"left out: {path!r}: {error}")
    return found


class DirectorySource(Source):
    """The runs of a directory `mlruns`.

    Raises:
        InvalidArgument: it is none.
    """

    kind = KIND

    def __init__(self, path: str) -> None:
        self.location = path
        self.problems: list[str] = []
        self._experiments = [
            folder
            for root in (path, os.path.join(path, TRASH))
            if os.path.isdir(root)
            for name, folder in folders_in(root)
            if os.path.isfile(os.path.join(folder, META))
        ]
        if not self._experiments:
            raise InvalidArgument(
                f"{path!r} is no directory of MLflow: no folder in it has a {META}; name the directory mlruns itself"
            )

    def runs(self) -> list[DirectoryRun]:
        """All runs, also those in MLflow's trash, by their start. What has no readable `meta.yaml` is a problem."""
        found = []
        for folder in self._experiments:
            try:
                name = str(_meta(folder).get("name") or os.path.basename(folder))
            except (DamagedFile, OSError) as error:
                name = os.path.basename(folder)
                self.problems.append(f"the name of the experiment {name} is lost, its runs are taken in: {error}")
            for run, place in folders_in(folder):
                if run not in _OTHER_FOLDERS:
                    found += self._run(name, place)
        return sorted(found, key=lambda run: (run.started_ns, run.id))

    def _run(self, experiment: str, folder: str) -> list[DirectoryRun]:
        try:
            meta = _meta(folder)
        except (DamagedFile, OSError) as error:
            self.problems.append(f"left out: the run {folder!r}: {error}")
            return []
        problems: list[str] = []
        tags = _texts(os.path.join(folder, "tags"), problems)
        info = RunInfo(
            os.path.basename(folder), experiment, _text(meta.get("run_name")), _text(meta.get("user_id")),
            NUMBERED.get(_whole(meta.get("status")) or 0, str(meta.get("status"))), _whole(meta.get("start_time")),
            _whole(meta.get("end_time")), meta.get("lifecycle_stage") == "deleted",
        )  # fmt: skip
        return [DirectoryRun(**start_of(info, tags), problems=problems, folder=folder)]


def _meta(folder: str) -> dict[str, Any]:
    meta = read_yaml(os.path.join(folder, META))
    if not isinstance(meta, dict):
        raise DamagedFile(f"{os.path.join(folder, META)!r} is damaged: it holds no fields")
    return meta


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
