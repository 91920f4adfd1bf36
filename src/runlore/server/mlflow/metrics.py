"""The history of metrics: all points of a series, page by page, and of several runs at once, thinned out."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.server.mlflow.entities import point_document
from runlore.server.mlflow.logging import run_id
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint, invalid
from runlore.server.mlflow.reading import open_run
from runlore.store.summary import is_number

if TYPE_CHECKING:
    from runlore.server.context import Context

MAX_PAGE = 25_000
MAX_RUNS = 100
MAX_INTERVAL_POINTS = 2_500


def history(message: Message) -> dict[str, Any]:
    """The points of one metric of one run, oldest first."""
    uid, key = run_id(message), message.required("metric_key")
    most = message.integer("max_results", MAX_PAGE, low=1)
    start = _offset(message.text("page_token"))
    points = read(message.context, uid, key)
    size = min(most, MAX_PAGE)
    page = points[start : start + size]
    found: dict[str, Any] = {"metrics": [point_document(key, *point) for point in page]}
    if start + size < len(points):
        found["next_page_token"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return found


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        offset = int(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        raise invalid("page_token", token, "was not given by this server") from None
    if offset < 0:
        raise invalid("page_token", token, "was not given by this server")
    return offset


def read(context: Context, uid: str, key: str) -> list[tuple[float, int, float]]:
    """(value, time in ns, step) of every point of a series, by time.

    Raises:
        MlflowError: there is no such run.
    """
    run = open_run(context, uid)
    series = run.points([key])
    events = run.events([model.METRIC])
    found = list(zip(series.value.tolist(), series.time_ns.tolist(), series.step.tolist(), strict=True))
    single = [
        (float(event.value), event.time_ns, float("nan") if event.step is None else event.step)
        for event in events
        if event.key == key and is_number(event.value)
    ]
    return sorted(dict.fromkeys([*found, *single]), key=_moment)  # one that was sent again counts once


def read_if_any(context: Context, uid: str, key: str) -> list[tuple[float, int, float]]:
    """As `read`; nothing where there is no such run: of many runs on a chart, one may be gone by now."""
    try:
        return read(context, uid, key)
    except MlflowError as error:
        if error.code != MISSING:
            raise
        return []


def _moment(point: tuple[float, int, float]) -> tuple[int, float]:
    """Of one millisecond, by step."""
    return point[1], -math.inf if math.isnan(point[2]) else point[2]


def bulk(message: Message) -> dict[str, Any]:
    """The points of one metric of several runs, oldest first within each."""
    uids = message.texts("run_id") or message.texts("run_ids")
    if not uids:
        raise MlflowError("GetMetricHistoryBulk request must specify at least one run_id.")
    if len(uids) > MAX_RUNS:
        raise MlflowError(f"GetMetricHistoryBulk request cannot specify more than {MAX_RUNS} runs; it has {len(uids)}.")
    key = message.text("metric_key")
    if not key:
        raise MlflowError("GetMetricHistoryBulk request must specify a metric_key.")
    most = message.integer("max_results", MAX_PAGE, low=1)
    found: list[dict[str, Any]] = []
    for uid in sorted(set(uids)):
        points = read_if_any(message.context, uid, key)[: min(most, MAX_PAGE) - len(found)]
        found += [{**point_document(key, *point), "run_id": uid} for point in points]
    return {"metrics": found}


def interval(message: Message) -> dict[str, Any]:
    """The points of one metric of several runs at evenly spaced steps, by step; each run's last is among them."""
    uids, key = _runs(message), message.required("metric_key")
    most = message.integer("max_results", MAX_INTERVAL_POINTS)
    if not 1 <= most <= MAX_INTERVAL_POINTS:
        raise MlflowError(f"max_results must be between 1 and {MAX_INTERVAL_POINTS}; it is {most}.")
    low, high = _range(message)
    by_run = {uid: [point_document(key, *point) for point in read_if_any(message.context, uid, key)] for uid in uids}
    if low is not None and high is not None:
        by_run = {uid: [point for point in points if low <= point["step"] <= high] for uid, points in by_run.items()}
    steps = sampled([{point["step"] for point in points} for points in by_run.values()], most)
    return {
        "metrics": [
            {**point, "run_id": uid}
            for uid, points in by_run.items()
            for point in sorted(points, key=lambda point: (point["step"], point["timestamp"]))
            if point["step"] in steps
        ]
    }


def sampled(steps: list[set[int]], most: int) -> set[int]:
    """About so many steps of all runs, evenly spaced, with the last one of each run.

    Example:
        >>> sorted(sampled([set(range(10))], 5))
        [0, 2, 4, 6, 8, 9]
    """
    every = sorted(set().union(*steps))
    if len(every) <= most:
        return set(every)
    return {*every[:: len(every) // most], *(max(known) for known in steps if known)}


def _range(message: Message) -> tuple[int | None, int | None]:
    """The steps that are wanted; None: all."""
    low = message.integer("start_step") if message.has("start_step") else None
    high = message.integer("end_step") if message.has("end_step") else None
    if (low is None) != (high is None):
        raise MlflowError("If either start step or end step are specified, both must be specified.")
    if low is not None and high is not None and low > high:
        raise MlflowError(f"end_step must be greater than start_step. Found start_step={low} and end_step={high}.")
    return low, high


def _runs(message: Message) -> list[str]:
    given = message.texts("run_ids")
    if not given:
        raise MlflowError("Missing value for required parameter 'run_ids'.")
    if len(given) > MAX_RUNS:
        raise MlflowError(f"GetMetricHistoryBulkInterval request must specify at most {MAX_RUNS} run_ids.")
    return list(dict.fromkeys(given))


ENDPOINTS = (
    endpoint("GET", "/metrics/get-history", history, "The points of a metric."),
    endpoint("GET", "/metrics/get-history-bulk", bulk, "The points of a metric of several runs."),
    endpoint("GET", "/metrics/get-history-bulk-interval", interval, "Some points of a metric of several runs."),
)
