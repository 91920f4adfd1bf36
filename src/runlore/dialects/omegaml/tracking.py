"""`omegaml.backends.tracking`: the providers under omega-ml's names."""

from __future__ import annotations

from runlore.dialects.omegaml.keras import TensorflowCallback
from runlore.dialects.omegaml.profiling import ProfilingTracker as OmegaProfilingTracker
from runlore.dialects.omegaml.provider import NoTrackTracker, TrackingProvider
from runlore.dialects.omegaml.runtime import ExperimentContext
from runlore.dialects.omegaml.statistics import ExperimentStatistics
from runlore.dialects.omegaml.tracker import SimpleTracker as OmegaSimpleTracker

__all__ = [
    "ExperimentContext",
    "ExperimentStatistics",
    "NoTrackTracker",
    "OmegaProfilingTracker",
    "OmegaSimpleTracker",
    "TensorflowCallback",
    "TrackingProvider",
]
