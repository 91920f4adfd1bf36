"""The list of the native endpoints: each module of this room brings its own."""

from __future__ import annotations

from runlore.server.native import curves, experiments, info, run, table

PREFIX = "/api/v1"

ENDPOINTS = (
    *info.ENDPOINTS,
    *experiments.ENDPOINTS,
    *table.ENDPOINTS,
    *curves.ENDPOINTS,
    *run.ENDPOINTS,
    run.RUN_ENDPOINT,
)
