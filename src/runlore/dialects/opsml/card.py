"""Cards and registries, under the module name that the original has."""

from __future__ import annotations

from runlore.dialects.opsml._cards import Card, CardInfo, DataCard, ModelCard, OtherCard
from runlore.dialects.opsml._experiment_card import ExperimentCard
from runlore.dialects.opsml._registry import CardList, CardRegistries, CardRegistry
from runlore.dialects.opsml.projects import RunCard
from runlore.dialects.opsml.types import RegistryType, VersionType

__all__ = [
    "Card",
    "CardInfo",
    "CardList",
    "CardRegistries",
    "CardRegistry",
    "DataCard",
    "ExperimentCard",
    "ModelCard",
    "OtherCard",
    "RegistryType",
    "RunCard",
    "VersionType",
]
