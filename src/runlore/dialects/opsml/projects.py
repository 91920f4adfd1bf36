"""v1 projects and their runs, on native runs and cards."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlore import model as words
from runlore import registry
from runlore.dialects._native import open_store
from runlore.dialects.opsml._card_info import CardInfo
from runlore.dialects.opsml._cards import check_v1, clean_v1
from runlore.dialects.opsml._errors import ActiveRunException
from runlore.dialects.opsml._metrics import view_of
from runlore.dialects.opsml._registry import CardRegistry
from runlore.dialects.opsml._run_card import ActiveRun, RunCard, register_run_card
from runlore.dialects.opsml._run_logging import LoadedRun
from runlore.dialects.opsml._versions import VersionType, first
from runlore.errors import InvalidArgument
from runlore.run import resume, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runlore.registry import Card as NativeCard
    from runlore.run import Run

KIND = "run"
DEFAULT_INTERVAL_S = 30
MIN_INTERVAL_S = 10
_NAME_LENGTH = 7


@dataclass
class ProjectInfo:
    """What a project is called, and which of its runs to go on with.

    Example:
        >>> ProjectInfo(name=" My_Proj ", repository="opsml", contact="user@email.com").name
        'my-proj'
    """

    name: str
    repository: str = "opsml"
    contact: str = "undefined"
    run_id: str | None = None
    tracking_uri: str | None = None

    def __post_init__(self) -> None:
        self.name, self.repository = clean_v1(self.name, "name"), clean_v1(self.repository, "repository")
        check_v1(self.repository, self.name)
        self.run_id = self.run_id or os.environ.get("OPSML_RUN_ID")

    @property
    def project_name(self) -> str:
        """The project's name."""
        return self.name


class OpsmlProject:
    """A named container of runs: a native experiment `repository/name`.

    Args:
        info: what it is called.

    Raises:
        ValueError: `info.run_id` is no run of this project.
    """

    def __init__(self, info: ProjectInfo) -> None:
        self._info = info
        self._store = open_store(create=True)
        self._card = self._own_card()
        self._active: ActiveRun | None = None
        self._run_id: str | None = None
        self._resumes = info.run_id is not None
        if info.run_id is not None:
            self.run_id = info.run_id

    def _own_card(self) -> NativeCard:
        called: dict[str, Any] = {"kind": "project", "space": self._info.repository, "name": self._info.name}
        found = registry.list_cards(**called, deleted=True, store=self._store)
        if found:
            return found[-1]
        metadata = {"contact": self._info.contact}
        chooser = first(None, VersionType.Minor, None, None)  # not 1.0.0 where a process died while it registered that
        return registry.register(**called, bump=chooser, metadata=metadata, store=self._store)

    @property
    def project_id(self) -> int:
        """Counted 1, 2, 3 … in the order in which projects were made."""
        projects = registry.list_cards(kind="project", order_by="created", deleted=True, store=self._store)
        names = dict.fromkeys(card.card_name for card in reversed(projects))
        return 1 + list(names).index(self._card.card_name)

    @property
    def project_name(self) -> str:
        """The project's name."""
        return self._info.name

    @contextmanager
    def run(
        self, run_name: str | None = None, log_hardware: bool = False, hardware_interval: float = DEFAULT_INTERVAL_S
    ) -> Iterator[ActiveRun]:
        """A run, which ends with the block; or the one that `ProjectInfo(run_id=...)` named, gone on with.

        Args:
            run_name: by default the last characters of its uid.
            log_hardware: sample the hardware, at once and at every interval.
            hardware_interval: seconds, 10 or more; less becomes 10, with a warning.

        Raises:
            ActiveRunException: a run of this project has not ended.
        """
        if self._active is not None:
            raise ActiveRunException(f"project {self._info.name!r}: run {self._active.run_id} is active; end it first")
        wanted = {"interval_s": _interval(hardware_interval), "per_core": True, "whole_start": True}
        capture = {"hardware": wanted if log_hardware else False}
        if self._resumes:
            native = resume(self.run_id, store=self._store, capture=capture)
        else:
            native = self._start(run_name, capture)
        active = self._active = ActiveRun(native)
        self._run_id = native.uid
        try:
            with native:
                yield active
        finally:
            self._active = None

    def _start(self, run_name: str | None, capture: Mapping[str, Any]) -> Run:
        info = self._info
        if run_name is not None:
            run_name = clean_v1(run_name, "run_name")
            check_v1(info.repository, run_name)
        experiment = f"{info.repository}/{info.name}"
        run = start(experiment, run_name, store=self._store, join=False, capture=capture)
        name = run_name or run.uid[-_NAME_LENGTH:]
        try:
            chooser = first(None, VersionType.Minor, None, None)
            about = {"contact": info.contact, "project": info.name}
            register_run_card(run, info.repository, name, chooser, about)
        except BaseException:
            run.finish(words.FAILED)
            raise
        if run_name is None:
            run.set_name(name)
        return run

    # -- reading ------------------------------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        """The run that is read: the one that was named, or the last one.

        Raises:
            ValueError: there is none.
        """
        if self._run_id is None:
            raise InvalidArgument("run_id: this project has no run yet; run one, or set project.run_id")
        return self._run_id

    @run_id.setter
    def run_id(self, run_id: str) -> None:
        found = view_of(str(run_id).replace("-", ""), self._store)
        if found is None or found.experiment != f"{self._info.repository}/{self._info.name}":
            raise InvalidArgument(f"Invalid run_id: {run_id!r} is no run of project {self._info.name!r}")
        self._run_id = found.uid

    @property
    def runcard(self) -> LoadedRun:
        """The card of the run that is read; what is logged into it is added."""
        return LoadedRun(self.run_id, self._store)

    def __getattr__(self, name: str) -> Any:
        """What is recorded of the run that is read, such as `metrics`, `tags`, `get_metric`, `datacard_uids`."""
        if name in _READABLE:
            return getattr(self.runcard, name)
        raise AttributeError(f"OpsmlProject has no attribute {name!r}")

    def list_runs(self, limit: int = 100) -> list[dict[str, Any]]:
        """The project's runs, the newest first: uid, name, version, status, created_at, tags."""
        cards = registry.list_cards(kind=KIND, space=self._info.repository, order_by="created", store=self._store)
        mine = [card for card in cards if card.metadata.get("project") == self._info.name][:limit]
        return [LoadedRun(card.uid, self._store).summary() for card in mine]

    def load_card(self, registry_name: str, info: CardInfo) -> Any:
        """A card of some registry."""
        return CardRegistry(registry_name).load_card(info=info)


def _interval(seconds: float) -> float:
    if seconds < MIN_INTERVAL_S:
        warnings.warn(f"hardware_interval={seconds!r} s is less than {MIN_INTERVAL_S} s, which is used", stacklevel=4)
    return max(float(seconds), float(MIN_INTERVAL_S))


_READABLE = frozenset(
    {
        "metrics", "parameters", "tags", "artifact_uris", "datacard_uids", "modelcard_uids", "get_metric",
        "get_parameter", "get_hardware_metrics", "load_artifacts",
    }
)  # fmt: skip


__all__ = ["ActiveRun", "CardInfo", "OpsmlProject", "ProjectInfo", "RunCard"]
