"""The index: what readers ask of a store's runs and cards. `base` is the contract, `records` what comes back."""

from __future__ import annotations

from runlore.index.base import Index
from runlore.index.reference import RunReference

__all__ = ["Index", "RunReference"]
