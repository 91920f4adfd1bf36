"""OpsML's Python API, v1 (projects and runs) and v2 (experiments), on Runlore's runs and registry.

    from runlore.dialects.opsml import start_experiment

    with start_experiment(space="opsml") as exp:
        exp.log_metric("accuracy", 0.95, step=1)

An experiment or run is a native run in the experiment `space/name`, and a card of the registry; cards of data and
models are native cards. Nothing is stored anywhere else. See docs/how-to/opsml.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlore.dialects.opsml.card import (
        CardInfo,
        CardList,
        CardRegistries,
        CardRegistry,
        DataCard,
        ExperimentCard,
        ModelCard,
        RunCard,
    )
    from runlore.dialects.opsml.data import (
        ArrowData,
        Data,
        DataSplit,
        NumpyData,
        PandasData,
        PolarsData,
        SqlData,
    )
    from runlore.dialects.opsml.experiment import (
        EvalMetrics,
        Experiment,
        ExperimentEvalMetrics,
        Metric,
        Metrics,
        Parameter,
        Parameters,
        get_experiment_metrics,
        get_experiment_parameters,
        start_experiment,
    )
    from runlore.dialects.opsml.model import LightGBMModel, SklearnModel, TorchModel, XGBoostModel
    from runlore.dialects.opsml.projects import ActiveRun, OpsmlProject, ProjectInfo
    from runlore.dialects.opsml.types import RegistryType, TaskType, VersionType

_PACKAGE = "runlore.dialects.opsml"

_NAMES = {
    "card": (
        "CardInfo", "CardList", "CardRegistries", "CardRegistry", "DataCard", "ExperimentCard", "ModelCard", "RunCard",
    ),
    "data": ("ArrowData", "Data", "DataSplit", "NumpyData", "PandasData", "PolarsData", "SqlData"),
    "experiment": (
        "EvalMetrics", "Experiment", "ExperimentEvalMetrics", "Metric", "Metrics", "Parameter", "Parameters",
        "get_experiment_metrics", "get_experiment_parameters", "start_experiment",
    ),
    "model": ("LightGBMModel", "SklearnModel", "TorchModel", "XGBoostModel"),
    "projects": ("ActiveRun", "OpsmlProject", "ProjectInfo"),
    "types": ("RegistryType", "TaskType", "VersionType"),
}  # fmt: skip

_HOMES = {name: f"{_PACKAGE}.{module}" for module, names in _NAMES.items() for name in names}

MODULES = {
    "opsml": _PACKAGE,
    "opsml.card": f"{_PACKAGE}.card",
    "opsml.cards": f"{_PACKAGE}.card",
    "opsml.data": f"{_PACKAGE}.data",
    "opsml.experiment": f"{_PACKAGE}.experiment",
    "opsml.helpers": f"{_PACKAGE}.helpers",
    "opsml.helpers.data": f"{_PACKAGE}.helpers.data",
    "opsml.model": f"{_PACKAGE}.model",
    "opsml.projects": f"{_PACKAGE}.projects",
    "opsml.projects.active_run": f"{_PACKAGE}.projects",
    "opsml.registry": f"{_PACKAGE}.card",
    "opsml.registry.registry": f"{_PACKAGE}.card",
    "opsml.types": f"{_PACKAGE}.types",
    "opsml.types.metrics": f"{_PACKAGE}.types.metrics",
}
"""Foreign module names, and what speaks for them; see `runlore.dialects.install`."""

__all__ = [
    "MODULES",
    "ActiveRun",
    "ArrowData",
    "CardInfo",
    "CardList",
    "CardRegistries",
    "CardRegistry",
    "Data",
    "DataCard",
    "DataSplit",
    "EvalMetrics",
    "Experiment",
    "ExperimentCard",
    "ExperimentEvalMetrics",
    "LightGBMModel",
    "Metric",
    "Metrics",
    "ModelCard",
    "NumpyData",
    "OpsmlProject",
    "PandasData",
    "Parameter",
    "Parameters",
    "PolarsData",
    "ProjectInfo",
    "RegistryType",
    "RunCard",
    "SklearnModel",
    "SqlData",
    "TaskType",
    "TorchModel",
    "VersionType",
    "XGBoostModel",
    "get_experiment_metrics",
    "get_experiment_parameters",
    "start_experiment",
]


if not TYPE_CHECKING:  # to a type checker a name that does not exist is an error, and not of any type

    def __getattr__(name: str) -> Any:
        """Import what is asked for, and not before."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """The public names, also those that are not imported yet."""
    return sorted(__all__)
