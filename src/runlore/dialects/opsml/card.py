"""Cards and registries, under the module name that the original has."""

from __future__ import annotations

from runlore.dialects._absent import absent_names
from runlore.dialects.opsml._card_info import CardInfo
from runlore.dialects.opsml._cards import Card, DataCard, ModelCard, OtherCard
from runlore.dialects.opsml._experiment_card import ExperimentCard
from runlore.dialects.opsml._registry import CardList, CardRegistries, CardRegistry
from runlore.dialects.opsml.data import DataSplit
from runlore.dialects.opsml.projects import RunCard
from runlore.dialects.opsml.types import RegistryType, VersionType

__all__ = [
    "Card",
    "CardInfo",
    "CardList",
    "CardRegistries",
    "CardRegistry",
    "DataCard",
    "DataSplit",
    "ExperimentCard",
    "ModelCard",
    "OtherCard",
    "RegistryType",
    "RunCard",
    "VersionType",
]

_NO_KIND = "register what it holds with runlore.registry.register(kind, space, name, artifacts={…})"

__getattr__ = absent_names(
    __name__,
    {
        **dict.fromkeys(("ArtifactCard", "AuditCard", "PipelineCard", "PromptCard", "ServiceCard"), _NO_KIND),
        "ProjectCard": "OpsmlProject registers its project by itself",
        "DataCardMetadata": "give DataCard name=, repository= or space=, tags=",
        "ModelCardMetadata": "give ModelCard datacard_uid=, tags=",
        "Description": "give tags= to the card, or set_note of its native card",
        "RegistryMode": "the store is found as everywhere: RUNLORE_STORE, or `.runlore` upwards",
        "download_service": "card.load() reads what was kept",
    },
)
