"""Sacred: what its `FileStorageObserver` keeps, a folder for each run with `run.json`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile, InvalidArgument, NotFound
from runlore.importers._folders import files_below
from runlore.importers._json_values import iso_ns, leaves, number_of, read_object
from runlore.importers._names import uid_of
from runlore.importers._records import End, Fact, File, Points, Source, SourceRun
from runlore.model import FAILED, PARAM, STOPPED, SUCCEEDED, TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._records import Record

KIND = "sacred"
HEAD, CONFIG, METRICS = "run.json", "config.json", "metrics.json"

_STATUSES = {
    "COMPLETED": SUCCEEDED, "FAILED": FAILED, "DIED": FAILED, "TIMED_OUT": FAILED, "INTERRUPTED": STOPPED,
}  # fmt: skip
"""Those that end a run."""


@dataclass
class ObservedRun(SourceRun):
    """A folder of a run."""

    folder: str = field(kw_only=True)
    head: dict[str, Any] = field(kw_only=True)

    def records(self) -> Iterator[Record]:
        """Params, series, files, the result and the end. A file of them that is damaged costs only itself."""
        for key, value in leaves(self._read(CONFIG)):
            yield Fact(PARAM, key, value)
        if self.head.get("command"):
            yield Fact(TAG, "command", str(self.head["command"]))
        for key, series in self._read(METRICS).items():
            yield from self._series(key, series)
        for name, path in files_below(self.folder):
            if name not in (HEAD, CONFIG, METRICS):
                yield File(name, path)
        end_ns = iso_ns(self.head.get("stop_time")) or iso_ns(self.head.get("heartbeat")) or self.started_ns
        result = number_of(self.head.get("result"))
        if result is not None:
            yield Points("result", [nan], [end_ns], [result])
        status = _STATUSES.get(str(self.head.get("status")))
        if status:
            yield End(status, end_ns)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return read_object(os.path.join(self.folder, name))
        except DamagedFile as error:
            self.problems.append(f"left out: {error}")
            return {}

    def _series(self, key: str, series: Any) -> Iterator[Points]:
        columns = (
            [series.get(name) for name in ("steps", "timestamps", "values")] if isinstance(series, dict) else [None]
        )
        if not all(isinstance(column, list) for column in columns):
            self.problems.append(f"left out: the series {key!r}, which has no lists of steps, timestamps and values")
            return
        points, broken = Points(key, [], [], []), 0
        for step, time, value in zip(*columns, strict=False):
            number, at = number_of(value), number_of(step)
            if number is None:
                broken += 1
                continue
            for column, item in zip(points[1:], (nan if at is None else at, iso_ns(time), number), strict=True):
                column.append(item)  # type: ignore[attr-defined]
        if broken or len({len(column) for column in columns}) > 1:  # type: ignore[arg-type]
            self.problems.append(
                f"left out: {broken:,} values of the series {key!r} that are no numbers, or have no step"
            )
        yield points


class ObservedRuns(Source):
    """The runs below a folder.

    Raises:
        NotFound: it is no folder.
    """

    kind = KIND

    def __init__(self, path: str) -> None:
        if not os.path.isdir(path):
            raise NotFound(f"{path!r} is no folder; name the one that FileStorageObserver writes to")
        self.location = path
        self.problems: list[str] = []

    def runs(self) -> list[ObservedRun]:
        """All runs, by their start.

        Raises:
            InvalidArgument: there is none.
        """
        found = []
        for name, path in files_below(self.location):
            if os.path.basename(name) == HEAD:
                try:
                    found.append(_run(os.path.dirname(path)))
                except DamagedFile as error:
                    self.problems.append(f"left out: {error}")
        if not found and not self.problems:
            raise InvalidArgument(f"{self.location!r} has no {HEAD} below it; name the folder of FileStorageObserver")
        return sorted(found, key=lambda run: (run.started_ns, run.id))


def _run(folder: str) -> ObservedRun:
    head = read_object(os.path.join(folder, HEAD))
    started_ns = iso_ns(head.get("start_time"))
    said = dict(leaves({name: head.get(name) for name in ("experiment", "host")}))
    project = str(said.get("experiment/name") or KIND)
    number = os.path.basename(folder)
    about = {"name": number, "host": str(said.get("host/hostname") or "") or None}
    uid = uid_of(KIND, f"{project}|{number}|{head.get('start_time')}", started_ns)
    return ObservedRun(number, uid, project, started_ns, about, folder=folder, head=head)
