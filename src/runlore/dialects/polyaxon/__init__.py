"""Polyaxon's tracking API (polyaxon-client 0.6), spoken by Runlore.

    from runlore.dialects.polyaxon import Experiment

    experiment = Experiment("vision").create(tags=["resnet"])
    experiment.log_params(lr=0.1)
    experiment.log_metrics(step=1, loss=0.5)

A project is a Runlore experiment (`"ann/vision"` and `"ann.vision"` are `ann/vision`), an experiment is a run of it,
and an experiment's id is the run's number. docs/how-to/polyaxon.md says what becomes of everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.dialects.polyaxon._client import PolyaxonClient
from runlore.dialects.polyaxon._context import (
    PolyaxonClientException,
    get_cluster_def,
    get_data_paths,
    get_experiment_info,
    get_job_info,
    get_log_level,
    get_outputs_path,
    get_outputs_refs_paths,
    get_params,
    get_task_info,
    get_tf_config,
)
from runlore.dialects.polyaxon._experiment import BuildJob, Experiment, Group, Job

if TYPE_CHECKING:
    from runlore.dialects.polyaxon._query import experiments, parse_query, parse_sort

__all__ = [
    "BuildJob",
    "Experiment",
    "Group",
    "Job",
    "PolyaxonClient",
    "PolyaxonClientException",
    "experiments",
    "get_cluster_def",
    "get_data_paths",
    "get_experiment_info",
    "get_job_info",
    "get_log_level",
    "get_outputs_path",
    "get_outputs_refs_paths",
    "get_params",
    "get_task_info",
    "get_tf_config",
    "parse_query",
    "parse_sort",
]

_HOME = "runlore.dialects.polyaxon"

MODULES = {
    "polyaxon_client": _HOME,
    "polyaxon_client.client": _HOME,
    "polyaxon_client.exceptions": _HOME,
    "polyaxon_client.tracking": _HOME,
    "polyaxon_client.tracking.experiment": _HOME,
    "polyaxon_client.tracking.group": _HOME,
    "polyaxon_client.tracking.job": _HOME,
    "polyaxon_client.tracking.build_job": _HOME,
}
"""Modules of Polyaxon's client, and the module that stands for each. See `runlore.dialects.install`."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import what reads when it is asked for: programs that only record do without a database."""
        if name not in ("experiments", "parse_query", "parse_sort"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from runlore.dialects.polyaxon import _query

        return getattr(_query, name)
