"""The list of the endpoints that receive: each module of this room brings its own."""

from __future__ import annotations

from runlore.server.receiving import contents, journals, runs

PREFIX = "/api/v1/send"

ENDPOINTS = (*runs.ENDPOINTS, *journals.ENDPOINTS, *contents.ENDPOINTS)
