"""What a worker did, counted, in the text format of Prometheus.

Each worker counts for itself: with several of them a scrape gets one of them, whose `process_id` says which.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections import defaultdict
from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Measures:
    """See the module. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = time()
        self._active = 0
        self._counts: dict[tuple[str, str, int], int] = defaultdict(int)
        self._durations: dict[str, list[float]] = {}
        self._bytes = 0

    def began(self) -> None:
        """A request came in."""
        with self._lock:
            self._active += 1

    def ended(self, method: str, route: str, status: int, sent_bytes: int, seconds: float) -> None:
        """A request was answered.

        Args:
            method: of HTTP.
            route: the endpoint's address with names for what differs; empty: there is no such endpoint.
            status: of the answer; 0: there was none.
            sent_bytes: of its body.
            seconds: that it took.
        """
        with self._lock:
            self._active -= 1
            self._counts[method, route, status] += 1
            self._bytes += sent_bytes
            known = self._durations.setdefault(route, [0.0] * (len(BUCKETS_S) + 2))
            known[bisect_left(BUCKETS_S, seconds)] += 1
            known[-1] += seconds

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """All of it, with further values by name: (what it is, how much)."""
        with self._lock:
            return "\n".join([*self._lines(), *_gauges(gauges)]) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _gauges({
            "runlore_requests_active": ("Requests that are being answered.", self._active),
            "runlore_process_id": ("Of the worker.", os.getpid()),
            "runlore_start_time_seconds": ("When it started, since 1970 UTC.", self._begun),
        })  # fmt: skip
        yield "# HELP runlore_requests_total Requests that were answered; status 0: the client went."
        yield "# TYPE runlore_requests_total counter"
        for (method, route, status), count in sorted(self._counts.items()):
            labels = f'method="{_label(method)}",route="{_label(route)}",status="{status}"'
            yield f"runlore_requests_total{{{labels}}} {count}"
        yield "# HELP runlore_response_bytes_total Bytes of bodies that were sent."
        yield "# TYPE runlore_response_bytes_total counter"
        yield f"runlore_response_bytes_total {self._bytes}"
        yield "# HELP runlore_request_duration_seconds How long requests took."
        yield "# TYPE runlore_request_duration_seconds histogram"
        for route, known in sorted(self._durations.items()):
            yield from _histogram(_label(route), known)


def _histogram(route: str, known: list[float]) -> Iterator[str]:
    total = 0
    for bound, count in zip([*map(str, BUCKETS_S), "+Inf"], known, strict=False):
        total += int(count)
        yield f'runlore_request_duration_seconds_bucket{{route="{route}",le="{bound}"}} {total}'
    yield f'runlore_request_duration_seconds_sum{{route="{route}"}} {known[-1]}'
    yield f'runlore_request_duration_seconds_count{{route="{route}"}} {total}'


def _gauges(gauges: Mapping[str, tuple[str, float]]) -> Iterator[str]:
    for name, (about, value) in gauges.items():
        yield f"# HELP {name} {about}"
        yield f"# TYPE {name} gauge"
        yield f"{name} {value}"


def _label(text: str) -> str:
    plain = text.encode("ascii", "backslashreplace").decode()[:200]
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
