"""A v1 run, for reading: the card through which everything that was recorded of it is found."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar

from runlore import model as words
from runlore import registry
from runlore.dialects._native import cells_of, is_number
from runlore.dialects._several import do_each
from runlore.dialects.opsml._listed import Listed
from runlore.dialects.opsml._metrics import (
    SYSTEM_PREFIX,
    Metric,
    Parameter,
    logged_parameters,
    view_of,
    whole_step,
)
from runlore.dialects.opsml.types import RegistryType
from runlore.dialects.opsml.types.metrics import HardwareMetrics, read_hardware
from runlore.errors import ArtifactNotFound, InvalidArgument, NotFound, WrongType

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from runlore.reader import RunView
    from runlore.registry import Card as NativeCard

T = TypeVar("T")


class ArtifactUris(dict[str, str]):
    """Files by their whole names, `cats/f.txt`; one that is alone under its name is also found as `cats`, as in v1."""

    def __missing__(self, name: str) -> str:
        below = [path for known, path in self.items() if known.partition("/")[0] == name]
        if len(below) != 1:
            raise KeyError(f"{name!r} is the name of {len(below)} artifacts; there are {sorted(self)}")
        return below[0]

    def __contains__(self, name: object) -> bool:
        return any(known == name or known.partition("/")[0] == name for known in self)

    def get(self, name: str, default: Any = None) -> Any:
        """The file of this name, or else the default."""
        return self[name] if name in self else default  # noqa: SIM401 - that is this method


class RecordedRun(Listed):
    """What is recorded of a v1 run. Everything is read when it is asked for.

    Attributes:
        uid: of the run and of its card.
    """

    registry_type = RegistryType.Run

    def __init__(self, uid: str, store: Any = None) -> None:
        self.uid = uid
        self._store = store

    @property
    def native(self) -> NativeCard:
        """The native card."""
        return registry.get_uid(self.uid, store=self._store)

    def need_native(self) -> NativeCard:
        """The native card."""
        return self.native

    @property
    def view(self) -> RunView:
        """The native run.

        Raises:
            NotFound: the store has it no more.
        """
        found = view_of(self.uid, self._store)
        if found is None:
            raise NotFound(f"run {self.uid} is not in the store any more")
        return found

    @property
    def name(self) -> str:
        """Name of the card."""
        return self.native.name

    @property
    def version(self) -> str:
        """Version of the card."""
        return self.native.version

    @property
    def space(self) -> str:
        """Space of the card, which v1 calls its repository."""
        return self.native.space

    @property
    def repository(self) -> str:
        """As `space`."""
        return self.native.space

    @property
    def contact(self) -> str | None:
        """Whom to ask."""
        return self.native.metadata.get("contact")

    @property
    def created_at(self) -> datetime:  # type: ignore[override]  # of a card that others only read
        """When the card was registered, UTC."""
        return datetime.fromtimestamp(self.native.created_ns / 1e9, timezone.utc)

    def summary(self) -> dict[str, Any]:
        """uid, name, version, status, created_at (ns), tags."""
        card = self.native
        return {
            "uid": card.uid, "name": card.name, "repository": card.space, "version": card.version,
            "status": self.view.status, "created_at": card.created_ns, "tags": self.tags,
        }  # fmt: skip

    @property
    def metrics(self) -> dict[str, list[Metric]]:
        """Every logged value, by name, in the order of time."""
        data = self.view.data(event="metric")
        found: dict[str, list[Metric]] = {}
        stamps = cells_of(data["timestamp"]) if "timestamp" in data else [None] * len(data)
        for key, value, step, stamp in zip(data["key"], data["value"], data["step"].tolist(), stamps, strict=True):
            if is_number(value) and not key.startswith(SYSTEM_PREFIX):
                when = None if stamp is None else int(stamp)
                found.setdefault(key, []).append(Metric(key, float(value), whole_step(step), when))
        return found

    @property
    def parameters(self) -> dict[str, list[Parameter]]:
        """Every logged parameter that counts, by name."""
        found: dict[str, list[Parameter]] = {}
        for item in logged_parameters(self.view):
            found.setdefault(item.name, []).append(item)
        return found

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return self.view.tags

    def get_metric(self, name: str) -> Metric | list[Metric]:
        """The value of a metric, or a list of all where there are several.

        Raises:
            ValueError: there is no such metric.
        """
        return _one_or_all(self.metrics, key_of(name), "metric")

    def get_parameter(self, name: str) -> Parameter | list[Parameter]:
        """The value of a parameter, or a list of all where there are several.

        Raises:
            ValueError: there is no such parameter.
        """
        return _one_or_all(self.parameters, key_of(name), "parameter")

    def load_metrics(self) -> dict[str, list[Metric]]:
        """As `metrics`."""
        return self.metrics

    def get_hardware_metrics(self) -> list[HardwareMetrics]:
        """Every sample of the hardware, oldest first."""
        return read_hardware(self.uid, self._store)

    @property
    def artifact_uris(self) -> ArtifactUris:
        """Names of its artifacts, and the files in the store that hold them; without those whose contents are gone."""
        found = ArtifactUris()
        for item in self.view.artifacts():
            with suppress(ArtifactNotFound):
                found[item.name] = item.path
        return found

    def load_artifacts(self, name: str | None = None, directory: str | os.PathLike[str] = "artifacts") -> list[str]:
        """Copy artifacts, of one name or all, into a directory; returns the copies' paths.

        A `RuntimeWarning` names those whose contents are gone; the others are copied.

        Raises:
            FileNotFoundError: the contents of all of them are gone.
        """
        found = {item.name: item for item in self.view.artifacts() if name is None or item.name.split("/")[0] == name}
        return do_each(lambda item: item.download(directory, overwrite=True), found.values(), "copied", depth=2)

    def _linked(self, kind: str) -> list[str]:
        return [event.value["uid"] for event in self.view.events(words.CARD) if event.value.get("kind") == kind]

    @property
    def datacard_uids(self) -> list[str]:
        """Cards of data that it registered."""
        return self._linked("data")

    @property
    def modelcard_uids(self) -> list[str]:
        """Cards of models that it registered."""
        return self._linked("model")


def key_of(key: str) -> str:
    """A name of a metric or parameter as v1 stores it.

    Raises:
        WrongType: it is no text.
    """
    if not isinstance(key, str):
        raise WrongType(f"key={key!r} must be text")
    return key.replace(" ", "_")


def _one_or_all(found: Mapping[str, list[T]], name: str, what: str) -> T | list[T]:
    if name not in found:
        raise InvalidArgument(f"{what} {name!r} was not logged; there are {sorted(found)}")
    return found[name][0] if len(found[name]) == 1 else found[name]
