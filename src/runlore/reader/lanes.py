"""The same reading of several machines, GPUs or ranks, together: least, mean and greatest at each time, and each alone.

A lane is one of those that are read: a host, a GPU of a host, or a rank. Readings of the hardware (`system/…`) belong
to the host that took them, whichever process of the run that was; other metrics to the column `rank` of their points.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from runlore.store.points import RunPoints

SYSTEM = "system/"
MAX_LANES = 4_096
"""Of one resource; those after it are left out."""

_DEVICE = re.compile(r"/(gpu|cpu)/(\d+)/")


@dataclass(frozen=True)
class Lanes:
    """One resource over time, in as many stretches of equal length as there are columns.

    Attributes:
        resource: the key, with `*` for the number of a GPU or core: `system/gpu/*/utilization_percent`.
        keys: the keys that are in it.
        names: of the lanes, such as `gpu-07 · gpu 3`.
        x: the middle of each stretch, in seconds since the run's start.
        mean: of each lane in each stretch; NaN where it has no finite reading.
        low: the least reading of any lane in each stretch.
        high: the greatest.
    """

    resource: str
    keys: tuple[str, ...]
    names: tuple[str, ...]
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def resource_of(key: str) -> str:
    """The key without the number of its device.

    Example:
        >>> resource_of("system/gpu/12/power_watts"), resource_of("train/loss")
        ('system/gpu/*/power_watts', 'train/loss')
    """
    return _DEVICE.sub(r"/\1/*/", key, count=1) if key.startswith(SYSTEM) else key


def lanes_of(points: RunPoints, start_ns: int, most: int = 120) -> list[Lanes]:
    """The resources of which there are several lanes, by name.

    Args:
        points: of a run.
        start_ns: of the run, in ns since 1970.
        most: stretches; there are fewer where readings are fewer, so that none is empty for want of resolution.
    """
    resources: dict[str, list[int]] = {}
    for index, key in enumerate(points.names):
        resources.setdefault(resource_of(key), []).append(index)
    found = (_lanes(points, resource, indices, start_ns, most) for resource, indices in sorted(resources.items()))
    return [lanes for lanes in found if lanes is not None]


def _lanes(points: RunPoints, resource: str, keys: Sequence[int], start_ns: int, most: int) -> Lanes | None:
    import numpy as np

    places = np.flatnonzero(np.isin(points.key, keys) & np.isfinite(points.value))
    if not len(places):
        return None
    owners, owner_names = _owners(points, places, resource)
    devices = np.array([_device(name) for name in points.names])[points.key[places]]
    pairs, lane = np.unique(np.stack([owners, devices]), axis=1, return_inverse=True)
    lane = lane.reshape(-1)
    count = pairs.shape[1]
    if count < 2 or count > MAX_LANES:
        return None
    time, value = points.time_ns[places], points.value[places]
    each = np.unique(np.stack([lane, points.writer[places]]), axis=1, return_counts=True)[1]
    stretches = int(min(most, np.median(each)))
    begin, end = int(time.min()), int(time.max())
    column = np.minimum((time - begin) * stretches // max(1, end - begin + 1), stretches - 1)
    mean, low, high = _grid(lane, column, value, count, stretches)
    x = (begin - start_ns + (np.arange(stretches) + 0.5) * (end - begin) / stretches) / 1e9
    names = _names([(owner_names[owner], device) for owner, device in pairs.T.tolist()], resource)
    return Lanes(resource, tuple(points.names[index] for index in keys), names, x, mean, low, high)


def _grid(
    lane: NDArray[Any], column: NDArray[Any], value: NDArray[np.float64], lanes: int, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    cell = lane * columns + column
    number = np.bincount(cell, minlength=lanes * columns)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.bincount(cell, weights=value, minlength=lanes * columns) / number
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    np.minimum.at(low, column, value)
    np.maximum.at(high, column, value)
    empty = low > high
    low[empty] = high[empty] = np.nan
    return _held(mean.reshape(lanes, columns)), low, high


def _held(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """A reading holds for one stretch more: lanes are not read at the same moments."""
    import numpy as np

    before = np.concatenate([np.full((len(mean), 1), np.nan), mean[:, :-1]], axis=1)
    after = np.concatenate([mean[:, 1:], np.full((len(mean), 1), np.nan)], axis=1)
    held: NDArray[np.float64] = np.where(np.isnan(mean) & ~np.isnan(after), before, mean)
    return held


def _owners(points: RunPoints, places: NDArray[Any], resource: str) -> tuple[NDArray[Any], list[str]]:
    """For each point a number, and the names that these numbers have: hosts or ranks."""
    import numpy as np

    writers = points.writer[places]
    if resource.startswith(SYSTEM):
        hosts = [str(header.get("host") or "?") for header in points.headers]
        names = sorted(set(hosts))
        return np.array([names.index(host) for host in hosts])[writers], names
    sequences = points.sequence[places]
    owners = np.zeros(len(places), dtype=np.int64)
    names = [""]
    for writer, since, columns in sorted(points.extras, key=lambda extra: (extra[0], extra[1])):
        rank = columns.get("rank")
        name = f"rank {rank}" if isinstance(rank, int | str) else ""
        if name not in names:
            names.append(name)
        owners[(writers == writer) & (sequences >= since)] = names.index(name)
    return owners, names


def _device(key: str) -> int:
    found = _DEVICE.search(key) if key.startswith(SYSTEM) else None
    return int(found.group(2)) if found else -1


def _names(lanes: Iterable[tuple[str, int]], resource: str) -> tuple[str, ...]:
    """What tells the lanes apart: the host where there are several, the device where there are any."""
    lanes = list(lanes)
    kind = "gpu" if "/gpu/" in resource else "core"
    several = len({owner for owner, _ in lanes}) > 1
    named = [
        [*([owner or "no rank"] if several else []), *([f"{kind} {device}"] if device >= 0 else [])]
        for owner, device in lanes
    ]
    return tuple(" · ".join(parts) for parts in named)
