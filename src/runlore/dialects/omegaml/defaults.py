"""`omegaml.defaults`: settings. `OMEGA_TRACKING_PROVIDERS["mine"] = MyTracker` adds a provider."""

from __future__ import annotations

from runlore.dialects.omegaml.runtime import TRACKING_PROVIDERS as OMEGA_TRACKING_PROVIDERS

__all__ = ["OMEGA_TRACKING_PROVIDERS"]
