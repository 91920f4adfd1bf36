"""Registering cards natively, and `CardRegistry`, which finds them again."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from runlore import registry
from runlore.dialects._absent import refuse
from runlore.dialects.opsml import _names
from runlore.dialects.opsml._cards import Card, DataCard, ModelCard, OtherCard
from runlore.dialects.opsml._errors import OpsmlError, runtime_errors
from runlore.dialects.opsml._experiment_card import KIND, ExperimentCard
from runlore.dialects.opsml._metrics import Results
from runlore.dialects.opsml._versions import VersionType, first, second
from runlore.dialects.opsml.types import RegistryType
from runlore.errors import CardNotFound, InvalidArgument, StoreNotFound, WrongType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runlore.dialects.opsml._card_info import CardInfo
    from runlore.registry import Card as NativeCard
    from runlore.registry import Version
    from runlore.run import Run

_DEFAULT_LIMIT = 100
SAVING = {"save_kwargs": "give to_onnx=True or allow_pickle=True to the card and its interface"}
"""What the original's calls that register can be told about saving."""


def register_card(
    card: Any, choose: Callable[[Sequence[Version]], Version], *, run: Run | None = None, store: Any = None
) -> None:
    """Register a card natively; it then knows version, uid and run. One that is registered is left as it is.

    Raises:
        WrongType: it is no card.
        InvalidArgument: the card that it was made from is not registered.
    """
    check_card(card)
    if card.native is not None:
        say_registered(card)
        return
    for uid in card.inputs():
        _check_registered(uid, store)
    native = registry.register(
        card.registry_type, card.space, card.name, bump=choose, artifacts=card.contents(),
        metadata={**card.describe(), "contact": card.contact}, tags=card.tags, inputs=card.inputs(), run=run,
        run_role="input" if card.registry_type == "data" else "output", store=store,
        allow_pickle=bool(getattr(getattr(card, "interface", None), "allow_pickle", False)), uid=card.uid,
    )  # fmt: skip
    card.registered(native)


def say_registered(card: Any) -> None:
    """Warn that nothing is registered, since the card is."""
    text = f"{card!r} is registered already and stays as it is; make a new card for a new version"
    warnings.warn(text, RuntimeWarning, stacklevel=5)


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
        registry.get_uid(uid, store=store)
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
        from runlore.dialects.opsml._run_logging import LoadedRun

        return LoadedRun(card.uid, card.store)
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
        max_date: str | datetime | None = None, tags: Mapping[str, str] | Sequence[str] | None = None,
        sort_by_timestamp: bool = False, limit: int | None = _DEFAULT_LIMIT, *, repository: str | None = None,
        info: CardInfo | None = None, ignore_release_candidates: bool = False,
    ) -> CardList:  # fmt: skip
        """Cards that match all of this; of the tags, all.

        Args:
            uid: exact.
            space: as it was given, or as registration cleans it; v1 calls it `repository`.
            name: likewise.
            version: a version or range: `*`, `1.*`, `~1.2.0`, `^1.2`, `1`, `1.2`.
            max_date: ISO date or datetime; the whole day of a date.
            tags: values by key; or keys, or `key=value`.
            sort_by_timestamp: the newest first, instead of the greatest version first.
            limit: at most so many.
            repository: as `space`.
            info: v1's way to say uid, name, repository, version and tags.
            ignore_release_candidates: leave pre-releases out.
        """
        uid, space, name, version, tags = _wanted(uid, space or repository, name, version, tags, info)
        found = self._find(
            space, name, version=version, tags=tags or (), max_created_ns=_time_ns(max_date),
            order_by="created" if sort_by_timestamp else "version",
            limit=None if uid is not None or ignore_release_candidates else limit,
        )  # fmt: skip
        kept = [
            card for card in found
            if (uid is None or card.uid == uid) and not (ignore_release_candidates and card.semantic_version.pre)
        ]  # fmt: skip
        return CardList([from_native(card) for card in kept[:limit]])

    def _find(self, space: str | None, name: str | None, **others: Any) -> list[NativeCard]:
        """Native cards of this registry: called as it is written, or else as registration cleans it."""
        cleaned = tuple(None if text is None else _names.clean(text, "name") for text in (space, name))
        try:
            for place, called in dict.fromkeys([(space, name), cleaned]):
                found = registry.list_cards(kind=self.registry_type.value, space=place, name=called, **others)
                if found:
                    return found
        except StoreNotFound:
            pass  # nothing was ever registered
        return []

    @runtime_errors
    def register_card(
        self, card: Any, version_type: VersionType | str = VersionType.Minor, pre_tag: str | None = None,
        build_tag: str | None = None, **others: Any,
    ) -> None:  # fmt: skip
        """Register a card. One that was described in v1's words counts its versions as v1 does.

        One that is registered is left as it is, with a `RuntimeWarning`.
        """
        refuse("register_card", others, SAVING)
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
        tags: Mapping[str, str] | Sequence[str] | None = None, ignore_release_candidates: bool = False,
    ) -> Any:  # fmt: skip
        """One card: by uid, or the greatest version that matches. Its data or model is loaded when asked for.

        Args:
            uid: exact.
            space: as for `list_cards`; v1 calls it `repository`.
            name: likewise.
            version: a version, a range, or an alias; the latest by default.
            interface: nothing has to be told; accepted for the original's sake.
            repository: as `space`.
            info: v1's way to say all of this.
            tags: as for `list_cards`.
            ignore_release_candidates: likewise.

        Raises:
            OpsmlError: nothing is given, or nothing matches.
        """
        del interface
        uid, space, name, version, tags = _wanted(uid, space or repository, name, version, tags, info)
        if uid is not None:
            card = registry.get_uid(uid)
            if card.kind != self.registry_type.value or card.deleted:
                raise OpsmlError(f"uid={uid!r} is no card of the registry {self.registry_type.value!r}")
            return from_native(card)
        if name is None and space is None and not tags:
            raise OpsmlError("nothing to load: give uid=, or space= and name=")
        found = self._find(space, name, version=version or "latest", tags=tags or ())
        if ignore_release_candidates:
            found = [card for card in found if not card.semantic_version.pre]
        if not found and name is not None and space is not None and not tags:
            registry.get(self.registry_type.value, space, name, version or "latest")  # says what there is
        if not found:
            raise OpsmlError(f"no card matches space={space!r}, name={name!r}, version={version!r}, tags={tags!r}")
        return from_native(max(found, key=lambda card: (card.semantic_version, card.created_ns)))

    def query_value_from_card(self, uid: str, columns: Sequence[str]) -> dict[str, Any]:
        """Some fields of a card, by name; see `keys()` of a card for those that there are.

        Raises:
            KeyError: it has no such field.
        """
        card = self.load_card(uid)
        return {column: card[column] for column in columns}

    @runtime_errors
    def update_card(self, card: Any) -> None:
        """Record tags that were added to a registered card."""
        native = card.native if isinstance(card, ExperimentCard) else card.need_native()
        tags = card.tags if hasattr(card.tags, "items") else dict.fromkeys(card.tags, "")
        for key, value in tags.items():
            if native.tags.get(key) != str(value):
                registry.tag(native, key, value)

    @runtime_errors
    def delete_card(self, card: Any) -> None:
        """Delete a card: it is not found any more; its version is never given out again."""
        registry.delete(card.native if isinstance(card, ExperimentCard) else card.need_native())


class CardRegistries:
    """All registries as attributes (v1): `CardRegistries().model`."""

    def __init__(self) -> None:
        self.data = CardRegistry(RegistryType.Data)
        self.model = CardRegistry(RegistryType.Model)
        self.run = CardRegistry(RegistryType.Run)
        self.project = CardRegistry(RegistryType.Project)
        self.experiment = CardRegistry(RegistryType.Experiment)


def _wanted(
    uid: str | None, space: str | None, name: str | None, version: str | None, tags: Any, info: CardInfo | None
) -> tuple[str | None, str | None, str | None, str | None, Any]:  # fmt: skip
    """What is asked for: what was said, else what the info says."""
    if info is not None:
        uid, space, name = uid or info.uid, space or info.repository, name or info.name
        version, tags = version or info.version, tags or info.tags
    return None if uid is None else uid.replace("-", ""), space, name, version or None, tags


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
