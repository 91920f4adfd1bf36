"""`omegaml.backends.tracking`: the providers under omega-ml's names."""

from __future__ import annotations

from runlore.dialects._absent import absent_names
from runlore.dialects.omegaml.keras import TensorflowCallback
from runlore.dialects.omegaml.profiling import Profiler as BackgroundProfiler
from runlore.dialects.omegaml.profiling import ProfilingTracker as OmegaProfilingTracker
from runlore.dialects.omegaml.provider import NoTrackTracker, TrackingProvider
from runlore.dialects.omegaml.runtime import ExperimentContext
from runlore.dialects.omegaml.statistics import ExperimentStatistics
from runlore.dialects.omegaml.tracker import SimpleTracker as OmegaSimpleTracker

__all__ = [
    "BackgroundProfiler",
    "ExperimentContext",
    "ExperimentStatistics",
    "NoTrackTracker",
    "OmegaProfilingTracker",
    "OmegaSimpleTracker",
    "TensorflowCallback",
    "TrackingProvider",
]

__getattr__ = absent_names(
    __name__,
    {"ExperimentBackend": "there is no model store that keeps experiments; om.runtime.experiment(name) opens one"},
)
