"""Words of OpsML as enumerations, under the module name that the original has."""

from __future__ import annotations

from enum import Enum

from runlore.dialects._absent import absent_names
from runlore.dialects.opsml._card_info import CardInfo
from runlore.dialects.opsml._versions import VersionType


class RegistryType(str, Enum):
    """The kinds of cards. The upper-case names are v1's."""

    Data = "data"
    DATA = "data"
    Model = "model"
    MODEL = "model"
    Experiment = "experiment"
    Run = "run"
    RUN = "run"
    Project = "project"
    PROJECT = "project"
    Prompt = "prompt"
    Service = "service"


class ExperimentStatus(Enum):
    """Where an experiment stands."""

    Unset = 0
    Ok = 1
    Error = 2
    Active = 3


class TaskType(str, Enum):
    """What a model is for; only recorded."""

    Classification = "classification"
    CLASSIFICATION = "classification"
    Regression = "regression"
    REGRESSION = "regression"
    Clustering = "clustering"
    CLUSTERING = "clustering"
    Other = "other"
    OTHER = "other"
    Undefined = "undefined"
    UNDEFINED = "undefined"


__all__ = ["CardInfo", "ExperimentStatus", "RegistryType", "TaskType", "VersionType"]

__getattr__ = absent_names(
    __name__,
    {
        "DataCardMetadata": "give DataCard name=, repository= or space=, tags=",
        "ModelCardMetadata": "give ModelCard datacard_uid=, tags=",
        "Description": "give tags= to the card, or set_note of its native card",
        "CommonKwargs": "the file names of OpsML's storage do not exist here: card.load() reads what was kept",
        "SaveName": "the file names of OpsML's storage do not exist here: card.load() reads what was kept",
    },
)
