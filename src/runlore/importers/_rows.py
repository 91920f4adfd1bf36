"""Rows of a file as runs: each row has values at one step and time (wide), or one value of one key (long).

The numbers of one file are in memory while it is imported: 24 bytes for each.
"""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from array import array
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, NotFound, RunloreError
from runlore.importers._names import uid_of
from runlore.importers._records import End, Fact, Points, Source, SourceRun
from runlore.journal.values import time_ns_of
from runlore.model import NOTE, PARAM, SUCCEEDED, TAG
from runlore.names import is_uid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runlore.importers._records import Record

STEPS = ("step", "_step", "global_step", "iteration", "epoch")
TIMES = ("time", "timestamp", "_timestamp", "wall_time")
RUNS = ("uid", "run_id", "run", "run_name")
"""Columns that are taken for the step, the time and the run, where nobody says which."""

_FACTS = {"param": PARAM, "tag": TAG, "note": NOTE}
_MOST_TOLD = 20
_NUMBERS = {"true": 1.0, "false": 0.0}


@dataclass
class Columns:
    """Which columns mean what; None: the first of the usual ones that is there.

    Attributes:
        run: tells runs apart.
        step: where on the x axis.
        time: seconds, ms, µs or ns since 1970, or an ISO date.
    """

    run: str | None = None
    step: str | None = None
    time: str | None = None


@dataclass
class RowsRun(SourceRun):
    """The rows of one run."""

    series: dict[str, tuple[array[float], array[int], array[float]]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    last_ns: int = 0

    def records(self) -> Iterator[Record]:
        """Params, series, and the end: a file does not tell another than a good one."""
        yield from self.facts
        for key, (steps, times_ns, values) in self.series.items():
            if self.is_start_guessed:
                times_ns = array("q", [self.started_ns]) * len(values)  # noqa: PLW2901 - the same, of a known time
            yield Points(key, steps, times_ns, values)
        yield End(SUCCEEDED, max(self.last_ns, self.started_ns))

    def add(self, key: str, step: float, time_ns: int, value: float) -> None:
        """One more point."""
        known = self.series.get(key)
        if known is None:
            known = self.series[key] = (array("d"), array("q"), array("d"))
        known[0].append(step)
        known[1].append(time_ns)
        known[2].append(value)
        self.last_ns = max(self.last_ns, time_ns)


class RowsSource(Source):
    """The runs of a file of rows.

    Args:
        path: of the file.
        columns: which mean what.

    Raises:
        NotFound: there is no such file.
    """

    def __init__(self, path: str, columns: Columns | None = None) -> None:
        if not os.path.isfile(path):
            raise NotFound(f"{path!r}: there is no such file")
        self.location = path
        self.problems: list[str] = []
        self._wanted = columns or Columns()
        self._runs: dict[str, RowsRun] = {}

    @abstractmethod
    def rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """(number of the line, its values by column) of each row. What is none is a problem.

        Raises:
            DamagedFile: it cannot be read.
        """

    def runs(self) -> list[RowsRun]:
        """All runs, by the time of their first row.

        Raises:
            InvalidArgument: a column that was named is not there.
            DamagedFile: the file cannot be read.
        """
        columns: Columns | None = None
        for line, row in self.rows():
            columns = columns or self._columns(list(row))
            try:
                self._take(row, columns)
            except RunloreError as error:
                self._tell(f"left out: line {line:,} of {self.location!r}: {' '.join(str(error).split())}")
        return sorted(self._runs.values(), key=lambda run: (run.started_ns, run.id))

    def _tell(self, problem: str) -> None:
        if len(self.problems) < _MOST_TOLD:
            self.problems.append(problem)
        elif len(self.problems) == _MOST_TOLD:
            self.problems.append("more lines like these were left out, and are not named one by one")

    def _columns(self, names: Sequence[str]) -> Columns:
        chosen = Columns()
        for role, usual in (("run", RUNS), ("step", STEPS), ("time", TIMES)):
            wanted = getattr(self._wanted, role)
            if wanted is not None and wanted not in names:
                raise InvalidArgument(f"{role}={wanted!r}: {self.location!r} has the columns {', '.join(names)}")
            setattr(chosen, role, wanted or next((name for name in usual if name in names), None))
        return chosen

    def _take(self, row: Mapping[str, Any], columns: Columns) -> None:
        at = row.get(columns.time) if columns.time else None
        time_ns = time_of(at) if at not in (None, "") else None
        run = self._run_of(row, columns, time_ns)
        step = number_of(row.get(columns.step)) if columns.step else None
        place = (math.nan if step is None else step), time_ns if time_ns is not None else run.started_ns
        if "key" in row and ("value" in row or "text" in row):
            self._take_long(run, row, place)
            return
        for key, value in row.items():
            if key in (columns.run, columns.step, columns.time) or value in (None, ""):
                continue
            number = number_of(value)
            if number is not None:
                run.add(key, *place, number)
            elif isinstance(value, str):
                _add_fact(run, Fact(PARAM, key, value))
            else:
                raise InvalidArgument(f"{key}={value!r:.100} is no number and no text")

    def _take_long(self, run: RowsRun, row: Mapping[str, Any], place: tuple[float, int]) -> None:
        kind, key = str(row.get("event") or "metric"), str(row["key"])
        value = row.get("value")
        if kind == "metric":
            number = number_of(value)
            if number is None:
                raise InvalidArgument(f"the value {value!r:.100} of {key!r} is no number")
            run.add(key, *place, number)
        elif kind in _FACTS:
            text = row.get("text")
            given = text if value in (None, "") else value
            number = number_of(given) if value not in (None, "") else None
            _add_fact(run, Fact(_FACTS[kind], key, given if number is None else _whole(number)))
        elif kind not in ("start", "stop"):
            raise InvalidArgument(f"the event {kind!r} has no form here")

    def _run_of(self, row: Mapping[str, Any], columns: Columns, time_ns: int | None) -> RowsRun:
        name = str(row.get(columns.run) or "") if columns.run else ""
        if name not in self._runs:
            path = os.path.realpath(self.location)
            started_ns = time_ns if time_ns is not None else os.stat(path).st_mtime_ns
            stem = os.path.splitext(os.path.basename(path))[0]
            experiment = str(row.get("experiment") or stem)
            uid = name if is_uid(name) else uid_of(self.kind, f"{path}\0{name}", 0)
            about = {"name": name or stem} if not is_uid(name) else {}
            self._runs[name] = RowsRun(
                name or stem, uid, experiment, started_ns, about, is_start_guessed=time_ns is None
            )  # fmt: skip
        return self._runs[name]


def _add_fact(run: RowsRun, fact: Fact) -> None:
    if fact not in run.facts[-64:]:  # what stands in every row is one fact
        run.facts.append(fact)


def _whole(number: float) -> float | int:
    return int(number) if number.is_integer() and abs(number) < 1 << 53 else number


def number_of(value: Any) -> float | None:
    """The value as a number; None where it is none.

    Example:
        >>> [number_of(value) for value in ("1e-3", "NaN", True, "true", "adam", "", [1])]
        [0.001, nan, 1.0, 1.0, None, None, None]
    """
    if isinstance(value, str):
        known = _NUMBERS.get(value.strip().lower())
        if known is not None:
            return known
    elif not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def time_of(value: Any) -> int:
    """A time in ns since 1970 UTC: of a number of s, ms, µs or ns, by its size, or of an ISO date (naive: UTC).

    Raises:
        InvalidArgument: it is none.

    Example:
        >>> [time_of(value) for value in (1700000000, "1700000000500", "2023-11-14T22:13:20+00:00")]
        [1700000000000000000, 1700000000500000000, 1700000000000000000]
    """
    number = number_of(value)
    if number is not None and math.isfinite(number):
        size = abs(number)
        for bound, factor in ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000), (9.2e18, 1)):
            if size < bound:
                return time_ns_of(number) if factor == 1_000_000_000 else int(number) * factor
        raise InvalidArgument(f"time={value!r:.60} is beyond the year 2262")
    try:
        moment = datetime.fromisoformat(str(value).strip().replace("Z", "+00:00"))
    except ValueError:
        raise InvalidArgument(f"time={value!r:.60} is no number and no ISO date") from None
    return time_ns_of(moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))
