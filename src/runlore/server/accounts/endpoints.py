"""The list of the endpoints of accounts. They are there without accounts too, and say so then."""

from __future__ import annotations

from runlore.server.accounts import account, managing, policies, provider_pages, sign_in

PREFIX = "/api/v1"

ENDPOINTS = (*account.ENDPOINTS, *managing.ENDPOINTS, *policies.ENDPOINTS)

PAGES = (*sign_in.ENDPOINTS, *provider_pages.ENDPOINTS)
"""Without the prefix."""
