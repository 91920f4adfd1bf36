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
    >>> exp.summary()["key"].tolist()
    ['accuracy', 'latency']
"""

from __future__ import annotations

from runlore._version import __version__
from runlore.dialects._absent import AbsentAttribute, absent_names
from runlore.dialects.omegaml import defaults
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

_HERE = "runlore.dialects.omegaml"

MODULES = {
    "omegaml": _HERE,
    "omegaml.defaults": f"{_HERE}.defaults",
    "omegaml.backends.experiment": f"{_HERE}.tracking",
    "omegaml.backends.tracking": f"{_HERE}.tracking",
    "omegaml.backends.tracking.base": f"{_HERE}.tracking",
    "omegaml.backends.tracking.experiment": f"{_HERE}.tracking",
    "omegaml.backends.tracking.profiling": f"{_HERE}.tracking",
    "omegaml.backends.tracking.simple": f"{_HERE}.tracking",
    "omegaml.backends.tracking.statistics": f"{_HERE}.tracking",
    "omegaml.backends.tracking.tflow": f"{_HERE}.tracking",
    "omegaml.backends.monitoring": f"{_HERE}.monitoring",
    "omegaml.backends.monitoring.base": f"{_HERE}.monitoring",
    "omegaml.backends.monitoring.datadrift": f"{_HERE}.monitoring",
    "omegaml.backends.monitoring.modeldrift": f"{_HERE}.monitoring",
    "omegaml.backends.monitoring.stats": f"{_HERE}.monitoring",
}
"""Modules of omega-ml, and what stands for them."""

runtime = Runtime()
"""What `om.runtime` is in omega-ml."""

_STORES = "runs keep objects: exp.log_artifact(obj, name); exp.restore_artifacts(name) gives them back"

_NO_SERVER = "there is no server to connect to: exp = om.runtime.experiment(name, store=path) chooses the store"

__getattr__ = absent_names(
    "om",
    {
        "models": _STORES + ", and exp.watch(model) records its calls",
        "datasets": _STORES,
        "scripts": _STORES,
        "jobs": "@exp.task records the calls of a function, from whatever schedules it",
        "logger": "exp.log_event(event, key, value), or the console of the run: capture={'console': True}",
        "streams": "exp.log_data(key, obj) keeps data with a run",
        "setup": _NO_SERVER,
        "Omega": _NO_SERVER,
    },
    AbsentAttribute,
)  # fmt: skip
