"""The list of the native endpoints: each module of this room brings its own."""

from __future__ import annotations

from runlore.server.native import info

PREFIX = "/api/v1"

ENDPOINTS = (*info.ENDPOINTS,)
