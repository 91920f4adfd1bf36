"""How much two filters of traces go together: counts, and the normalised pointwise mutual information of both."""

from __future__ import annotations

import math
from typing import Any

from runlore.server.mlflow.filters import parse
from runlore.server.mlflow.message import Message, endpoint, lacking
from runlore.server.mlflow.trace_search import matches, traces_of

_SMOOTHING = 0.5
"""Added to each of the four counts, so that few traces say little (Jeffreys' prior)."""


def correlate(message: Message) -> dict[str, Any]:
    """How often each filter holds, and both do; and what knowing one says of the other, from -1 to 1."""
    if not message.has("experiment_ids"):
        raise lacking("experiment_ids")
    first, second = parse(message.required("filter_string1")), parse(message.required("filter_string2"))
    base = parse(message.text("base_filter"))
    traces = [trace for trace in traces_of(message.context, message.texts("experiment_ids")) if matches(base, trace)]
    holds = [(matches(first, trace), matches(second, trace)) for trace in traces]
    one, two, both = sum(a for a, _ in holds), sum(b for _, b in holds), sum(a and b for a, b in holds)
    found: dict[str, Any] = {
        "filter1_count": one, "filter2_count": two, "joint_count": both, "total_count": len(traces)
    }  # fmt: skip
    if one and two:
        found["npmi"] = information(both, one, two, len(traces)) if both else -1.0
        found["npmi_smoothed"] = information(both, one, two, len(traces), _SMOOTHING)
    return found


def information(both: int, first: int, second: int, total: int, smoothing: float = 0.0) -> float:
    """Normalised pointwise mutual information of two things that were counted.

    Args:
        both: how often both were there, above 0 unless smoothed.
        first: how often the one was there.
        second: how often the other.
        total: of how many.
        smoothing: added to each of the four counts.

    Returns:
        From -1, never together, over 0, as chance has it, to 1, always together.

    Example:
        >>> round(information(10, 20, 15, 100), 3)
        0.523
    """
    whole = total + 4 * smoothing
    joint = (both + smoothing) / whole
    if joint >= 1:
        return 1.0
    one, two = (first + 2 * smoothing) / whole, (second + 2 * smoothing) / whole
    return max(-1.0, min(1.0, math.log(joint / (one * two)) / -math.log(joint)))


ENDPOINTS = (
    endpoint("POST", "/traces/calculate-filter-correlation", correlate, "How much two filters of traces go together."),
)
