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

from runlore.dialects._absent import absent_names
from runlore.dialects.polyaxon._client import PolyaxonClient
from runlore.dialects.polyaxon._context import (
    get_base_outputs_path,
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
from runlore.dialects.polyaxon.exceptions import PolyaxonClientException

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
    "get_base_outputs_path",
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
    "polyaxon_client.exceptions": f"{_HOME}.exceptions",
    "polyaxon_client.logger": f"{_HOME}.logger",
    "polyaxon_client.settings": f"{_HOME}.settings",
    "polyaxon_client.tracking": _HOME,
    "polyaxon_client.tracking.build": _HOME,
    "polyaxon_client.tracking.paths": _HOME,
    "polyaxon_client.tracking.experiment": _HOME,
    "polyaxon_client.tracking.group": _HOME,
    "polyaxon_client.tracking.job": _HOME,
}
"""Modules of Polyaxon's client, and the module that stands for each. See `runlore.dialects.install`."""

_NO_SERVER = "there is no server: polyaxon_client.tracking records into a store of your own"

ABSENT = {
    "polyaxon_client.tracking.contrib": "call experiment.log_metrics(step=..., **logs) in a callback of your own",
    **dict.fromkeys(
        (f"polyaxon_client.{name}" for name in ("api", "api_config", "handlers", "schemas", "transport", "workers")),
        _NO_SERVER,
    ),
}
"""Modules of Polyaxon's client that are not here, and what to use instead."""

_absent = absent_names(
    __name__,
    {
        "check_no_op": "POLYAXON_NO_OP is heeded by every object by itself",
        "ensure_is_managed": "settings.IS_MANAGED says it, and getters such as get_params() raise by themselves",
    },
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import what reads when it is asked for: programs that only record do without a database."""
        if name not in ("experiments", "parse_query", "parse_sort"):
            return _absent(name)
        from runlore.dialects.polyaxon import _query

        return getattr(_query, name)
