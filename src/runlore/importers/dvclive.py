"""DVCLive: a folder for each run, with `plots/metrics/**.tsv`, `plots/images`, `metrics.json` and `params.yaml`."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile, InvalidArgument, NotFound
from runlore.importers._folders import files_below
from runlore.importers._json_values import leaves, number_of, read_object
from runlore.importers._names import uid_of
from runlore.importers._records import End, Fact, File, Points, Source, SourceRun
from runlore.importers._yaml import read_yaml
from runlore.media.encoded import IMAGE
from runlore.model import PARAM, SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runlore.importers._records import Record

KIND = "dvclive"
SUMMARY, PARAMS = "metrics.json", "params.yaml"
SERIES, IMAGES = "plots/metrics/", "plots/images/"

_SEPARATORS = {".tsv": "\t", ".csv": ","}
_MILLISECOND = 1_000_000
_BATCH = 10_000


@dataclass
class LiveFolder(SourceRun):
    """The folder of a run."""

    folder: str = field(kw_only=True)

    def records(self) -> Iterator[Record]:
        """Params, series, files, and the end: a folder does not tell how a run ended."""
        keys, last_ns = set(), self.started_ns
        for name, path in files_below(self.folder):
            stem, suffix = os.path.splitext(name)
            if name.startswith(SERIES) and suffix in _SEPARATORS:
                keys.add(stem.removeprefix(SERIES))
                for points in self._series(stem.removeprefix(SERIES), path, _SEPARATORS[suffix]):
                    last_ns = max(last_ns, *points.times_ns)
                    yield points
            elif name.startswith(IMAGES):
                yield _image(stem.removeprefix(IMAGES), path)
            elif name == PARAMS:
                yield from self._params(path)
            elif name != SUMMARY:
                yield File(name, path)
        try:
            summary = read_object(os.path.join(self.folder, SUMMARY))
        except DamagedFile as error:
            summary = {}
            self.problems.append(f"left out: {error}")
        for key, value in leaves(summary):
            number = number_of(value)
            if number is not None and key not in keys and key != "step":
                yield Points(key, [nan], [self.started_ns], [number])
        yield End(SUCCEEDED, last_ns)

    def _params(self, path: str) -> Iterator[Fact]:
        try:
            yield from (Fact(PARAM, key, value) for key, value in leaves(read_yaml(path)))
        except DamagedFile as error:
            self.problems.append(f"left out: {error}")

    def _series(self, key: str, path: str, separator: str) -> Iterator[Points]:
        """The rows of a file: `step`, the value, and perhaps a `timestamp` in ms."""
        points, broken = Points(key, [], [], []), 0
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            cut: list[str] = []
            reader = csv.DictReader(_ended(file, cut), delimiter=separator)
            column = next((name for name in reversed(reader.fieldnames or []) if name not in ("step", "timestamp")), "")
            for row in reader:
                try:
                    time_ns = int(row["timestamp"]) * _MILLISECOND if row.get("timestamp") else self.started_ns
                    point = float(row.get("step") or nan), time_ns, float(row[column])
                except (KeyError, TypeError, ValueError):
                    broken += 1
                    continue
                for known, number in zip(points[1:], point, strict=True):
                    known.append(number)  # type: ignore[attr-defined]
                if len(points.values) == _BATCH:
                    yield points
                    points = Points(key, [], [], [])
        broken += len(cut)
        if broken:
            self.problems.append(f"left out: {broken:,} rows of {path!r} that are no numbers, or not whole")
        if points.values:
            yield points


def _ended(file: Iterable[str], cut: list[str]) -> Iterator[str]:
    """The lines that have an end; one without goes into `cut`: half of a number would be another number."""
    for line in file:
        if line.endswith("\n"):
            yield line
        else:
            cut.append(line)


def _image(stem: str, path: str) -> File:
    """An image: `name`, or `name/step`."""
    name, _, last = stem.rpartition("/")
    if name and last.isdecimal() and len(last) < 16:
        return File(name, path, IMAGE, step=float(last))
    return File(stem, path, IMAGE)


class LiveFolders(Source):
    """The folder of a run, or all below a folder.

    Raises:
        NotFound: it is no folder.
    """

    kind = KIND

    def __init__(self, path: str) -> None:
        if not os.path.isdir(path):
            raise NotFound(f"{path!r} is no folder; name a folder dvclive")
        self.location = path
        self.problems: list[str] = []

    def runs(self) -> list[LiveFolder]:
        """All runs, by the time of their first file.

        Raises:
            InvalidArgument: there is none.
        """
        times: dict[str, int] = {}
        for name, path in files_below(self.location):
            start, mark, _ = f"/{name}".rpartition(f"/{SERIES}")
            is_summary = os.path.basename(name) == SUMMARY
            if mark or is_summary:
                folder = os.path.join(self.location, start.strip("/")) if mark else os.path.dirname(path)
                changed_ns = os.stat(path).st_mtime_ns
                times[folder] = min(times.get(folder, changed_ns), changed_ns)
        if not times:
            raise InvalidArgument(f"{self.location!r} has no {SUMMARY} and no {SERIES} below it; name a folder dvclive")
        found = [self._run(folder.rstrip("/"), started_ns) for folder, started_ns in times.items()]
        return sorted(found, key=lambda run: (run.started_ns, run.id))

    def _run(self, folder: str, started_ns: int) -> LiveFolder:
        place = os.path.realpath(folder)
        name, project = os.path.basename(place), os.path.basename(os.path.dirname(place))
        return LiveFolder(
            name, uid_of(KIND, place, 0), project or KIND, started_ns, {"name": name}, is_start_guessed=True,
            folder=folder,
        )  # fmt: skip
