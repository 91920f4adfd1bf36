"""Registering cards natively, and `CardRegistry`, which finds them again."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore.dialects.opsml._cards import Card, DataCard, ModelCard, OtherCard
from runlore.dialects.opsml._errors import OpsmlError, runtime_errors
from runlore.dialects.opsml._experiment_card import KIND, ExperimentCard
from runlore.dialects.opsml._metrics import Results
from runlore.dialects.opsml._versions import VersionType, first, second
from runlore.dialects.opsml.types import RegistryType
from runlore.errors import CardNotFound, InvalidArgument, WrongType
from runlore.registry import editing, finding
from runlore.registry.registering import register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runlore.dialects.opsml._card_info import CardInfo
    from runlore.registry import Card as NativeCard
    from runlore.registry import Version
    from runlore.run import Run

_DEFAULT_LIMIT = 100


def register_card(
    card: Any, choose: Callable[[Sequence[Version]], Version], *, run: Run | None = None, store: Any = None
) -> None:
    """Register a card natively; it then knows its version, its uid and its run.

    Raises:
        WrongType: it is no card.
        OpsmlError: it is registered already, or the card that it was made from is not.
    """
    check_card(card)
    if card.native is not None:
        raise OpsmlError(f"{card!r} is registered already; make a new card for a new version")
    for uid in card.inputs():
        _check_registered(uid, store)
    native = register(
        card.registry_type, card.space, card.name, bump=choose, artifacts=card.contents(),
        metadata={**card.describe(), "contact": card.contact}, tags=card.tags, inputs=card.inputs(), run=run,
        run_role="input" if card.registry_type == "data" else "output", store=store,
        allow_pickle=bool(getattr(getattr(card, "interface", None), "allow_pickle", False)), uid=card.uid,
    )  # fmt: skip
    card.registered(native)


def check_card(card: Any) -> Card:
    """The card itself.

    Raises:
        WrongType: it is none.
    """
    if not isinstance(card, Card):
        raise WrongType(f"card of type {type(card).__name__} cannot be registered; give a DataCard or a ModelCard")
    return card


def _check_registered(uid: str, store: Any) -> None:
    try:
        finding.get_uid(uid, store=store)
    except CardNotFound as error:
        raise InvalidArgument(f"datacard_uid={uid!r}: no such card is registered") from error


def from_native(card: NativeCard) -> Any:
    """The dialect's card for a native one, whoever registered it."""
    if card.kind == "data":
        return DataCard.from_native(card)
    if card.kind == "model":
        return ModelCard.from_native(card)
    if card.kind == KIND:
        return ExperimentCard(card)
    if card.kind == "run":
        from runlore.dialects.opsml._recorded_run import RecordedRun

        return RecordedRun(card.uid, card.store)
    return OtherCard.from_native(card)


class CardList(Results[Any]):
    """Cards in order: the greatest version first, or the newest."""

    @property
    def cards(self) -> list[Any]:
        """All of them."""
        return list(self)

    def as_table(self) -> Any:
        """A DataFrame: name, space, version, uid, created_at."""
        import pandas as pd

        columns = ["name", "space", "version", "uid", "created_at"]
        return pd.DataFrame([{name: getattr(card, name) for name in columns} for card in self], columns=columns)


class CardRegistry:
    """The cards of one kind.

    Args:
        registry_type: `RegistryType.Model`, or `"model"`, `"data"`, `"experiment"`, `"run"` …

    Raises:
        OpsmlError: there is no such registry.

    Example:
        >>> CardRegistry("model").list_cards(space="opsml")
        CardList([])
    """

    def __init__(self, registry_type: RegistryType | str | None = None, *, registry_name: str | None = None) -> None:
        wanted = registry_type if registry_type is not None else registry_name
        text = str(getattr(wanted, "value", wanted)).lower()
        kinds = [kind.value for kind in RegistryType]
        if text not in kinds:
            raise OpsmlError(f"registry_type={wanted!r}: Invalid registry type; choose from {', '.join(kinds)}")
        self.registry_type = RegistryType(text)

    @runtime_errors
    def list_cards(
        self, uid: str | None = None, space: str | None = None, name: str | None = None, version: str | None = None,
        max_date: str | datetime | None = None, tags: Sequence[str] | None = None, sort_by_timestamp: bool = False,
        limit: int | None = _DEFAULT_LIMIT, *, repository: str | None = None,
    ) -> CardList:  # fmt: skip
        """Cards that match all of this; of the tags, all.

        Args:
            uid: exact.
            space: exact; v1 calls it `repository`.
            name: exact.
            version: a version or range: `*`, `1.*`, `~1.2.0`, `^1.2`, `1`, `1.2`.
            max_date: ISO date or datetime; the whole day of a date.
            tags: keys, or `key=value`.
            sort_by_timestamp: the newest first, instead of the greatest version first.
            limit: at most so many.
            repository: as `space`.
        """
        from runlore.errors import StoreNotFound

        try:
            found = finding.list_cards(
                kind=self.registry_type.value, space=space or repository, name=name, version=version or None,
                tags=list(tags or ()), max_created_ns=_time_ns(max_date),
                order_by="created" if sort_by_timestamp else "version", limit=limit if uid is None else None,
            )  # fmt: skip
        except StoreNotFound:
            return CardList([])  # nothing was ever registered
        return CardList([from_native(card) for card in found if uid is None or card.uid == uid.replace("-", "")])

    @runtime_errors
    def register_card(
        self, card: Any, version_type: VersionType | str = VersionType.Minor, pre_tag: str | None = None,
        build_tag: str | None = None, save_kwargs: Mapping[str, Any] | None = None,  # noqa: ARG002 - nothing to pass on
    ) -> None:  # fmt: skip
        """Register a card. One that was described in v1's words counts its versions as v1 does."""
        if self.registry_type is RegistryType.Run and hasattr(card, "register"):
            card.register(version_type)
            return
        own, kind = self.registry_type.value, check_card(card).registry_type
        if kind != own:
            raise OpsmlError(f"a card of kind {kind!r} does not belong into the registry of {own!r}")
        chooser = first if card.v1 else second
        register_card(card, chooser(card.version, version_type, pre_tag, build_tag))

    @runtime_errors
    def load_card(
        self, uid: str | None = None, space: str | None = None, name: str | None = None, version: str | None = None,
        interface: Any = None, *, repository: str | None = None, info: CardInfo | None = None,
    ) -> Any:  # fmt: skip
        """One card: by uid, or the greatest version that matches. Its data or model is loaded when asked for.

        Args:
            uid: exact.
            space: as registered; v1 calls it `repository`.
            name: as registered.
            version: a version, a range, or an alias; the latest by default.
            interface: nothing has to be told; accepted for the original's sake.
            repository: as `space`.
            info: v1's way to say all of this.

        Raises:
            OpsmlError: nothing is given, or nothing matches.
        """
        del interface
        if info is not None:
            uid, name = uid or info.uid, name or info.name
            repository, version = repository or info.repository, version or info.version
        space = space or repository
        if uid is not None:
            card = finding.get_uid(uid)
            if card.kind != self.registry_type.value or card.deleted:
                raise OpsmlError(f"uid={uid!r} is no card of the registry {self.registry_type.value!r}")
            return from_native(card)
        if name is None and space is None:
            raise OpsmlError("nothing to load: give uid=, or space= and name=")
        if name is None or space is None:
            found = finding.list_cards(kind=self.registry_type.value, space=space, name=name, version=version)
            if not found:
                raise OpsmlError(f"no card matches space={space!r}, name={name!r}, version={version!r}")
            return from_native(max(found, key=lambda card: (card.semantic_version, card.created_ns)))
        return from_native(finding.get(self.registry_type.value, space, name, version or "latest"))

    @runtime_errors
    def update_card(self, card: Any) -> None:
        """Record tags that were added to a registered card."""
        native = card.native if isinstance(card, ExperimentCard) else card.need_native()
        tags = card.tags if hasattr(card.tags, "items") else dict.fromkeys(card.tags, "")
        for key, value in tags.items():
            if native.tags.get(key) != str(value):
                editing.tag(native, key, value)

    @runtime_errors
    def delete_card(self, card: Any) -> None:
        """Delete a card: it is not found any more; its version is never given out again."""
        editing.delete(card.native if isinstance(card, ExperimentCard) else card.need_native())


class CardRegistries:
    """All registries as attributes (v1): `CardRegistries().model`."""

    def __init__(self) -> None:
        self.data = CardRegistry(RegistryType.Data)
        self.model = CardRegistry(RegistryType.Model)
        self.run = CardRegistry(RegistryType.Run)
        self.project = CardRegistry(RegistryType.Project)
        self.experiment = CardRegistry(RegistryType.Experiment)


def _time_ns(date: str | datetime | None) -> int | None:
    if date is None:
        return None
    if isinstance(date, datetime):
        moment = date
    else:
        try:
            moment = datetime.fromisoformat(date)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"max_date={date!r} is no ISO date, such as '2026-01-31'") from error
        if len(date) <= len("2026-01-31"):
            moment = moment.replace(hour=23, minute=59, second=59, microsecond=999999)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp() * 1e9)
