"""Searching the catalog: trees and orders of the query language as SQL, and pages of runs.

Expression ─► compile_filter ─┐
OrderKey ─► compile_order ────┴─► Selection ─► fetch_page ─► FoundPage
▲
runs that SQL cannot decide ─► undecided.Decider ──┘
"""

from __future__ import annotations

from runlore.catalog.search.page import FoundPage, fetch_page

__all__ = ["FoundPage", "fetch_page"]
