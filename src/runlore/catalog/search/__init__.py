"""Searching the catalog: trees and orders of the query language as SQL, and pages of runs.

Expression ─► compile_filter ─┐
OrderKey ─► compile_order ────┴─► select_runs ─► fetch_page ─► Page
"""

from __future__ import annotations

from runlore.catalog.search.filters import compile_filter
from runlore.catalog.search.functions import QueryFunctions, SqliteFunctions
from runlore.catalog.search.order import Order, compile_order
from runlore.catalog.search.page import Page, RunKey, fetch_page, iterate_pages
from runlore.catalog.search.selection import select_runs

__all__ = [
    "Order",
    "Page",
    "QueryFunctions",
    "RunKey",
    "SqliteFunctions",
    "compile_filter",
    "compile_order",
    "fetch_page",
    "iterate_pages",
    "select_runs",
]
