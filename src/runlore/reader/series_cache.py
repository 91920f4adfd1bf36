"""Series that were read once, kept for the next chart: as many as fit into so many bytes, the last used ones.

A series of an ended run never changes, and one of a run that goes on is read anew when the run has more points. The
record of a run says whether it has, so an entry can be old but never wrong: it belongs to a version of its run.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from runlore.errors import DamagedFile, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session
    from runlore.store.content import RunPoints

_T = TypeVar("_T")

ENTRY_BYTES = 400
"""What an entry takes besides its arrays, roughly."""


class BoundedCache(Generic[_T]):
    """Values by key, as many as fit into so many bytes: the ones used last. Threads may share it.

    What several values have in common counts once, as long as one of them is here.

    Args:
        max_bytes: of all values together.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[_T, int, Common | None]] = OrderedDict()
        self._owners: Counter[int] = Counter()
        self.bytes = 0

    def get(self, key: Hashable) -> _T | None:
        """The value, or None where there is none any more."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: _T, size: int, common: Common | None = None) -> None:
        """Keep a value of so many bytes; one that is larger than all the room is not kept.

        Args:
            key: of the value.
            value: what is kept.
            size: of what is its own.
            common: what it has in common with other values.
        """
        with self._lock:
            self._drop(self._values.pop(key, None))
            if size + (common.bytes if common is not None else 0) > self._max_bytes:
                return
            self._values[key] = value, size, common
            self.bytes += size
            if common is not None:
                self._owners[common.number] += 1
                if self._owners[common.number] == 1:
                    self.bytes += common.bytes
            while self.bytes > self._max_bytes:
                self._drop(self._values.popitem(last=False)[1])

    def _drop(self, old: tuple[_T, int, Common | None] | None) -> None:
        if old is None:
            return
        _, size, common = old
        self.bytes -= size
        if common is not None:
            self._owners[common.number] -= 1
            if not self._owners[common.number]:
                del self._owners[common.number]
                self.bytes -= common.bytes


class Common(NamedTuple):
    """What values have in common: a number of its own while one of them lives, and its bytes."""

    number: int
    bytes: int


@dataclass(frozen=True)
class Series:
    """One series, in the order in which it was recorded. Arrays are of one length, and not to be changed.

    Attributes:
        step: float64; NaN: none.
        time_ns: int64, since 1970 UTC.
        value: float64.
        is_sharing: whether other series of the run have the same steps and times in memory.
    """

    step: NDArray[np.float64]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    is_sharing: bool = False

    def __len__(self) -> int:
        return len(self.value)

    @property
    def nbytes(self) -> int:
        """What it takes in memory, but for what it has in common with others."""
        places = 0 if self.is_sharing else self.step.nbytes + self.time_ns.nbytes
        return places + self.value.nbytes + ENTRY_BYTES

    @property
    def common(self) -> Common | None:
        """What it has in common with others."""
        return Common(id(self.step), self.step.nbytes + self.time_ns.nbytes) if self.is_sharing else None


class Read(NamedTuple):
    """What was read of several runs.

    Attributes:
        series: by (uid, key).
        problems: uid → why nothing can be read of this run.
    """

    series: dict[tuple[str, str], Series]
    problems: dict[str, str]


def version_of(run: RunRecord) -> tuple[Any, ...]:
    """What changes whenever the series of a run may have changed."""
    return run.points, run.updated_ns, run.lost, len(run.damage), run.is_open


class SeriesCache:
    """See the module.

    Args:
        session: whose runs.
        max_bytes: of what is kept: three quarters for series, one for what was made of them.
    """

    def __init__(self, session: Session, max_bytes: int) -> None:
        self._session = session
        self._series: BoundedCache[Series] = BoundedCache(max_bytes // 4 * 3)
        self.made: BoundedCache[Any] = BoundedCache(max_bytes // 4)
        """For what is made of series: give it keys with `version_of` in them."""

    @property
    def bytes(self) -> int:
        """What is kept takes."""
        return self._series.bytes + self.made.bytes

    def read(self, runs: Sequence[RunRecord], keys: Collection[str]) -> Read:
        """The series with these keys of these runs. What a run does not have is not among them."""
        read = Read({}, {})
        missing: dict[tuple[str, tuple[str, ...]], list[RunRecord]] = {}
        for run in runs:
            wanted = tuple(key for key in keys if not self._take(run, key, read.series))
            if wanted:
                missing.setdefault((run.experiment, wanted), []).append(run)
        for (experiment, wanted), of_runs in missing.items():
            self._read(experiment, wanted, of_runs, read)
        return read

    def _read(self, experiment: str, keys: tuple[str, ...], runs: list[RunRecord], read: Read) -> None:
        """Read what is not kept. A run that cannot be read does not hide those after it."""
        versions = {run.uid: version_of(run) for run in runs}
        left = list(versions)
        while left:
            try:
                for uid, points in self._session.store.points(left, keys, experiment=experiment):
                    left = left[left.index(uid) + 1 :]
                    series = split(points)
                    for key in keys:
                        self._keep((uid, key, versions[uid]), series.get(key))
                    read.series.update(((uid, key), mine) for key, mine in series.items())
            except (DamagedFile, UnsupportedFormat) as error:  # noqa: PERF203 - those after it are read
                read.problems[left.pop(0)] = str(error)
            else:
                return

    def _take(self, run: RunRecord, key: str, found: dict[tuple[str, str], Series]) -> bool:
        """Whether it is known what this series is; where it is there, it is put with those found."""
        known = self._series.get((run.uid, key, version_of(run)))
        if known is None:
            return False
        if len(known):
            found[run.uid, key] = known
        return True

    def _keep(self, key: tuple[Any, ...], series: Series | None) -> None:
        import numpy as np

        none = np.empty(0)
        kept = series if series is not None else Series(none, none.astype(np.int64), none)
        self._series.put(key, kept, kept.nbytes, kept.common)


def split(points: RunPoints) -> dict[str, Series]:
    """The points of a run, each series by itself.

    Example:
        >>> import runlore
        >>> with runlore.start("iris") as run:
        ...     run.log_metrics({"a": 1, "b": 2}, step=1)
        ...     run.log_metrics({"a": 3, "b": 4}, step=2)
        >>> split(runlore.get_run(run.uid).recorded().points(["a", "b"]))["b"].value
        array([2., 4.])
    """
    import numpy as np

    count = len(points.names)
    if count == 1:
        return {points.names[0]: Series(points.step, points.time_ns, points.value)}
    if _in_rows(points):
        step, time_ns = points.step[::count].copy(), points.time_ns[::count].copy()
        places = np.argsort(points.key[:count]).tolist()
        return {
            name: Series(step, time_ns, points.value[place::count].copy(), is_sharing=True)
            for name, place in zip(points.names, places, strict=True)
        }
    is_short = count <= 1 << 16  # such numbers are sorted digit by digit
    keys = points.key.astype(np.uint16) if is_short else points.key
    order = np.argsort(keys, kind="stable")
    ends = np.searchsorted(keys[order], np.arange(count + 1))
    found = {}
    for number, name in enumerate(points.names):
        rows = order[ends[number] : ends[number + 1]]
        found[name] = Series(points.step[rows], points.time_ns[rows], points.value[rows])
    return found


def _in_rows(points: RunPoints) -> bool:
    """Whether the points are rows of all keys, in one order, with one step and one time each: as most runs log them."""
    import numpy as np

    count = len(points.names)
    if not count or len(points) % count or len(set(points.key[:count].tolist())) < count:
        return False
    columns = (points.key, points.step.view(np.int64), points.time_ns)
    key, step, time_ns = (column.reshape(-1, count) for column in columns)
    return all(
        bool((table == expected).all())
        for table, expected in ((key, key[0]), (step, step[:, :1]), (time_ns, time_ns[:, :1]))
    )
