"""The list of the native endpoints: each module of this room brings its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.server.native import (
    artifacts,
    console,
    curves,
    edits,
    events,
    experiments,
    export,
    groups,
    info,
    lanes,
    live,
    query,
    run,
    table,
    views,
)

if TYPE_CHECKING:
    from runlore.server.endpoint import Endpoint

PREFIX = "/api/v1"

ENDPOINTS: tuple[Endpoint, ...] = (
    *info.ENDPOINTS,
    *experiments.ENDPOINTS,
    *table.ENDPOINTS,
    *groups.ENDPOINTS,
    *export.ENDPOINTS,
    *edits.ENDPOINTS,
    *query.ENDPOINTS,
    *curves.ENDPOINTS,
    *live.ENDPOINTS,
    *views.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *console.ENDPOINTS,
    *lanes.ENDPOINTS,
    *events.ENDPOINTS,
    *run.ENDPOINTS,
    run.RUN_ENDPOINT,
)
"""In the order in which addresses are matched: the run, whose name may have slashes, comes last."""
