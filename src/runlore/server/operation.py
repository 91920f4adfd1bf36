"""For who operates it: whether it lives, and whether it can answer.

What asks nothing of the store is answered where no thread is needed: also while all of them wait for a disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from runlore.server.endpoint import OPEN, Endpoint, json_response
from runlore.server.measures import MEDIA_TYPE
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.endpoint import Call


class Health(msgspec.Struct):
    """The server lives."""

    status: str = "ok"


async def health(call: Call) -> Response:  # noqa: ARG001 - every endpoint gets it
    """Nothing is asked of the store."""
    return json_response(Health())


def ready(call: Call) -> Health:
    """The store can be read.

    Raises:
        Problem: it cannot (503).
    """
    try:
        call.context.index.experiments("__none__")
    except OSError as error:
        raise Problem(503, f"the store cannot be read: {error.strerror}") from error
    return Health()


async def measures(call: Call) -> Response:
    """What this worker did."""
    context = call.context
    text = context.measures.text({
        "runlore_series_cache_bytes": ("Series and curves that are kept in memory.", context.series.bytes),
        "runlore_console_cache_bytes": ("Consoles that are kept in memory.", context.consoles.bytes),
        "runlore_index_age_seconds": ("Since the index was last brought up to date.", context.freshness.age_s()),
        "runlore_watchers": ("Event streams that are open.", context.freshness.watchers()),
    })  # fmt: skip
    return Response(text, media_type=MEDIA_TYPE)


ENDPOINTS = (
    Endpoint("GET", "/health", health, "Whether the server lives.", OPEN, answer=Health),
    Endpoint(
        "GET", "/ready", ready, "Whether it can answer: the store can be read.", OPEN, answer=Health, problems=[503]
    ),
    Endpoint("GET", "/metrics", measures, "What this worker did, for Prometheus.", answer="text/plain"),
)
