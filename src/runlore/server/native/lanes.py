"""The hardware of several machines and GPUs, and the metrics of several ranks, together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from runlore.reader.lanes import SYSTEM, Lanes, lanes_of
from runlore.reader.series_cache import version_of
from runlore.server.endpoint import Endpoint, Parameter
from runlore.server.native.asking import RUN, check_count, find_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runlore.server.endpoint import Call

MAX_BUCKETS = 1_000
MAX_KEYS = 200
_KEPT_BYTES_PER_NUMBER = 40


class Resource(msgspec.Struct):
    """One resource over time. `x`: seconds since the run's start; null: no reading there.

    `mean` has a list for each lane; `low` and `high` are the least and the greatest reading of any of them.
    """

    resource: str
    keys: list[str]
    lanes: list[str]
    x: list[float]
    mean: list[list[float | None]]
    low: list[float | None]
    high: list[float | None]


class Resources(msgspec.Struct):
    """The resources of which the run has several: machines, GPUs, cores or ranks."""

    resources: list[Resource]


def lanes(call: Call) -> Resources:
    """The resources of a run."""
    run = find_run(call)
    buckets = call.integer("buckets", 120, low=1, high=MAX_BUCKETS)
    keys = call.texts("key")
    check_count("key", len(keys), 0, MAX_KEYS)
    if not keys:
        known = call.context.index.series([run.uid]).get(run.uid, {})
        keys = sorted(key for key in known if key.startswith(SYSTEM))
    name = ("lanes", run.uid, version_of(run), buckets, tuple(keys))
    found: Resources | None = call.context.series.made.get(name)
    if found is None:
        points = call.context.session.open_run(run).points(keys)
        found = Resources([_resource(one) for one in lanes_of(points, run.started_ns, buckets)])
        numbers = sum(len(one.lanes) * len(one.x) for one in found.resources)
        call.context.series.made.put(name, found, 1_000 + numbers * _KEPT_BYTES_PER_NUMBER)
    return found


def _resource(found: Lanes) -> Resource:
    return Resource(
        found.resource, list(found.keys), list(found.names), _plain(found.x), [_plain(row) for row in found.mean],
        _plain(found.low), _plain(found.high),
    )  # fmt: skip


def _plain(values: NDArray[Any]) -> list[Any]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN is not itself


ENDPOINTS = (
    Endpoint(
        "GET", "/runs/{uid:text}/lanes", lanes, "Hardware of several machines and GPUs, and ranks, together.",
        path_parameters=[RUN], problems=[404],
        parameters=[
            Parameter("buckets", "How many stretches of time.", {"type": "integer", "minimum": 1}),
            Parameter("key", "Key of a metric; without any: those of the system.", repeated=True),
        ],
        answer=Resources,
        about="A lane is a host, a GPU of a host, or, for metrics that are not the system's, a `rank`: the column of "
        "that name which their points were logged with. What the run has only one of is left out.",
    ),
)  # fmt: skip
