"""What Polyaxon tells a program through environment variables. Read when it is asked for, and not at import.

| variable | meaning |
| --- | --- |
| `POLYAXON_NO_OP` | calls do nothing and return None |
| `POLYAXON_IS_MANAGED`, `POLYAXON_IN_CLUSTER` | the program was started by the platform |
| `POLYAXON_EXPERIMENT_INFO`, `POLYAXON_JOB_INFO` | which experiment or job it is, as JSON |
| `POLYAXON_PARAMS`, `POLYAXON_DECLARATIONS` | its params, as JSON |
| `POLYAXON_CLUSTER`, `POLYAXON_TASK_INFO`, `TF_CONFIG` | its place in a distributed job, as JSON |
| `POLYAXON_RUN_DATA_PATHS`, `POLYAXON_REFS_OUTPUTS_PATHS` | where its data and other runs' outputs are, as JSON |
| `POLYAXON_RUN_OUTPUTS_PATH`, `POLYAXON_BASE_OUTPUTS_PATH` | where its outputs go |
| `POLYAXON_LOG_LEVEL` | the level to log at |
"""

from __future__ import annotations

import inspect
import os
from typing import Any

from runlore.dialects._absent import Absent
from runlore.dialects.polyaxon import settings
from runlore.dialects.polyaxon.exceptions import PolyaxonClientException


def is_no_op() -> bool:
    """Whether calls are to do nothing."""
    return bool(settings.NO_OP)


def is_managed() -> bool:
    """Whether the platform started this program."""
    return bool(settings.IS_MANAGED)


def get_experiment_info() -> Any:
    """Names and uuids of the project, the group and the experiment; None where they are unset or no JSON.

    Raises:
        PolyaxonClientException: the platform did not start this program. So do all functions here but
            `get_log_level`.
    """
    return _from_json("POLYAXON_EXPERIMENT_INFO")


def get_job_info() -> Any:
    """Names and uuids of the project and the job; None where they are unset or no JSON."""
    return _from_json("POLYAXON_JOB_INFO")


def get_params() -> Any:
    """The params that the polyaxonfile declares; None where they are unset or no JSON."""
    return _from_json("POLYAXON_PARAMS", "POLYAXON_DECLARATIONS")


def get_cluster_def() -> Any:
    """The tasks of a distributed experiment, such as `{"master": [...], "worker": [...]}`; None for others."""
    return _from_json("POLYAXON_CLUSTER")


def get_task_info() -> Any:
    """Which task of a distributed experiment this is, such as `{"type": "worker", "index": 1}`; None for others."""
    return _from_json("POLYAXON_TASK_INFO")


def get_tf_config(envvar: str = "TF_CONFIG") -> Any:
    """Cluster, task and environment as TensorFlow wants them.

    Args:
        envvar: variable that holds them. Where it is unset, they are composed and put there.

    Returns:
        `cluster` and `task` (each None where it is unset), `model_dir` (the outputs path) and `environment`.
    """
    import json

    found = _from_json(envvar)
    if found is not None or is_no_op():
        return found
    config = {
        "cluster": get_cluster_def(), "task": get_task_info(), "model_dir": get_outputs_path(), "environment": "cloud",
    }  # fmt: skip
    os.environ[envvar] = json.dumps(config)
    return config


def get_data_paths() -> Any:
    """Where the data volumes are, by name; None where that is unset or no JSON."""
    return _from_json("POLYAXON_RUN_DATA_PATHS", "POLYAXON_DATA_PATHS")


def get_outputs_refs_paths() -> Any:
    """Where the outputs of other runs are that this one refers to; None where that is unset or no JSON."""
    return _from_json("POLYAXON_REFS_OUTPUTS_PATHS")


def get_outputs_path() -> str | None:
    """Where the platform wants the outputs; None where that is unset. Outside of it, ask an `Experiment`."""
    return None if is_no_op() else _managed(os.environ.get("POLYAXON_RUN_OUTPUTS_PATH"))


def get_base_outputs_path() -> str | None:
    """Under which directory the platform wants the outputs of all runs; None where that is unset."""
    return None if is_no_op() else _managed(os.environ.get("POLYAXON_BASE_OUTPUTS_PATH"))


def get_log_level() -> str | None:
    """The log level of the polyaxonfile, or None."""
    return None if is_no_op() else os.environ.get("POLYAXON_LOG_LEVEL") or None


def _from_json(*variables: str) -> Any:
    """The value of the first variable that is set; None where it is no JSON."""
    import json

    if is_no_op():
        return None
    text = _managed(next((os.environ[name] for name in variables if os.environ.get(name)), None))
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def _managed(text: str | None) -> str | None:
    if not is_managed():
        raise PolyaxonClientException(
            "only a program that Polyaxon started knows this, and POLYAXON_IS_MANAGED is not set. "
            "Set it and the variables that go with it, or do without"
        )
    return text


class Silent:
    """An experiment that does nothing, for `POLYAXON_NO_OP`: every method returns None, every attribute is None.

    Only `create_experiment`, whose one purpose is the object, returns one: it does nothing either.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Takes anything."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        if name == "create_experiment":
            return lambda *_args, **_options: type(self).member_class()  # type: ignore[attr-defined] # a group's
        found = inspect.getattr_static(type(self), name, None)
        return _nothing if callable(found) or isinstance(found, Absent) else None


def _nothing(*_args: Any, **_options: Any) -> None:
    """Do nothing."""
