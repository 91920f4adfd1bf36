"""The list of the endpoints of the contracts: each module of this room brings its own."""

from __future__ import annotations

from runlore.server.contract import asking, care, contents, keeping, recording, storing, streams

PREFIX = "/api/v1"

ENDPOINTS = (
    *asking.ENDPOINTS, *storing.ENDPOINTS, *streams.ENDPOINTS, *recording.ENDPOINTS, *contents.ENDPOINTS,
    *keeping.ENDPOINTS, *care.ENDPOINTS,
)  # fmt: skip
