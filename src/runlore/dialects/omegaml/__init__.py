"""The omega-ml dialect: `import runlore.dialects.omegaml as om`, and what was `om.runtime.experiment(...)` still is.

Runs are native runs, so everything of Runlore's reads them; and native runs can be read here. See
`docs/how-to/omegaml.md` for what maps to what, and what differs.

Example:
    >>> import runlore.dialects.omegaml as om
    >>> with om.runtime.experiment("iris") as exp:
    ...     exp.log_metric("accuracy", 0.9)
    ...     exp.log_artifact({"classes": 3}, "about")
    >>> exp.restore_artifacts()
    [{'classes': 3}]
    >>> exp.summary().loc["metric"].index.tolist()
    ['accuracy', 'latency']
"""

from __future__ import annotations

from types import SimpleNamespace

from runlore._version import __version__
from runlore.dialects.omegaml.objects import Metadata
from runlore.dialects.omegaml.provider import NoTrackTracker, TrackingProvider
from runlore.dialects.omegaml.runtime import TRACKING_PROVIDERS, ExperimentContext, Runtime
from runlore.dialects.omegaml.tracker import SimpleTracker

__all__ = [
    "MODULES",
    "TRACKING_PROVIDERS",
    "ExperimentContext",
    "Metadata",
    "NoTrackTracker",
    "SimpleTracker",
    "TrackingProvider",
    "__version__",
    "defaults",
    "runtime",
]

MODULES = {
    "omegaml": "runlore.dialects.omegaml",
    "omegaml.backends.tracking": "runlore.dialects.omegaml.tracking",
    "omegaml.backends.monitoring": "runlore.dialects.omegaml.drift",
}
"""Modules of omega-ml, and what stands for them."""

runtime = Runtime()
"""What `om.runtime` is in omega-ml."""

defaults = SimpleNamespace(OMEGA_TRACKING_PROVIDERS=TRACKING_PROVIDERS)
"""Settings: `om.defaults.OMEGA_TRACKING_PROVIDERS["mine"] = MyTracker` adds a provider."""
