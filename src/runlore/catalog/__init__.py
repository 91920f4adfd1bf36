"""The catalog: a derived SQL index over a store. Delete it and it is rebuilt; nothing lives here alone."""

from __future__ import annotations

from runlore.catalog.catalog import Catalog, open_catalog

__all__ = ["Catalog", "open_catalog"]
