"""The history of metrics: all points of a series, page by page, and of several runs at once, thinned out."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.server.mlflow.entities import point_document
from runlore.server.mlflow.logging import run_id
from runlore.server.mlflow.message import Message, MlflowError, endpoint, invalid
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
    most = message.integer("max_results", MAX_PAGE, low=0)
    start = _offset(message.text("page_token"))
    points = read(message.context, uid, key)
    size = min(most or MAX_PAGE, MAX_PAGE)
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


def _moment(point: tuple[float, int, float]) -> tuple[int, float]:
    """Of one millisecond, by step."""
    return point[1], -math.inf if math.isnan(point[2]) else point[2]


def bulk(message: Message) -> dict[str, Any]:
    """The points of one metric of several runs, oldest first within each."""
    key = message.required("metric_key")
    most = message.integer("max_results", MAX_PAGE, low=1)
    found: list[dict[str, Any]] = []
    for uid in _runs(message):
        points = read(message.context, uid, key)[: min(most, MAX_PAGE) - len(found)]
        found += [{**point_document(key, *point), "run_id": uid} for point in points]
    return {"metrics": found}


def interval(message: Message) -> dict[str, Any]:
    """The points of one metric of several runs at evenly spaced steps, by step; the first and last are among them."""
    key = message.required("metric_key")
    most = message.integer("max_results", MAX_INTERVAL_POINTS, low=1, high=MAX_INTERVAL_POINTS)
    low = message.integer("start_step", -(1 << 62)) if message.has("start_step") else None
    high = message.integer("end_step", 1 << 62) if message.has("end_step") else None
    if (low is None) != (high is None):
        raise MlflowError("If either start step or end step are specified, both must be specified.")
    if low is not None and high is not None and low > high:
        raise MlflowError(f"end_step must be greater than start_step. Found start_step={low} and end_step={high}.")
    found: list[dict[str, Any]] = []
    for uid in _runs(message):
        points = [
            {**point_document(key, *point), "run_id": uid}
            for point in sorted(read(message.context, uid, key), key=lambda point: (point[2], point[1]))
        ]
        if low is not None and high is not None:
            points = [point for point in points if low <= point["step"] <= high]
        if len(points) > most:
            import numpy as np

            places = np.unique(np.linspace(0, len(points) - 1, most).astype(int))
            points = [points[place] for place in places]
        found += points
    return {"metrics": found}


def _runs(message: Message) -> list[str]:
    given = message.texts("run_ids") or message.texts("run_id")
    if not given:
        raise MlflowError("Missing value for required parameter 'run_ids'. Name one run or several.")
    if len(given) > MAX_RUNS:
        raise MlflowError(f"{len(given)} runs are asked for; at most {MAX_RUNS} are possible")
    return list(dict.fromkeys(given))


ENDPOINTS = (
    endpoint("GET", "/metrics/get-history", history, "The points of a metric."),
    endpoint("GET", "/metrics/get-history-bulk", bulk, "The points of a metric of several runs."),
    endpoint("GET", "/metrics/get-history-bulk-interval", interval, "Some points of a metric of several runs."),
)
