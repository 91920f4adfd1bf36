"""`omegaml.backends.monitoring`: drift of data and of what models see, found in snapshots that are kept in runs."""

from __future__ import annotations

from runlore.dialects._absent import absent_names
from runlore.dialects.omegaml.monitoring.base import DriftMonitorBase
from runlore.dialects.omegaml.monitoring.datadrift import DataDriftMonitor
from runlore.dialects.omegaml.monitoring.modeldrift import ModelDriftMonitor
from runlore.dialects.omegaml.monitoring.stats import DriftStats

__all__ = ["DataDriftMonitor", "DriftMonitorBase", "DriftStats", "ModelDriftMonitor"]

__getattr__ = absent_names(
    __name__,
    {
        "AlertRule": "monitor.capture(rules=[{'event': 'drift', 'recipients': [...]}]) takes rules as mappings",
        "DriftStatsCalc": "monitor.compare(d1=…, d2=…) computes the statistics, with SciPy",
    },
)
