"""v1 runs that are being recorded; `_run_logging` says what can be logged, `_recorded_run` reads them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runlore import registry
from runlore.dialects.opsml._cards import Card
from runlore.dialects.opsml._errors import ValidationError
from runlore.dialects.opsml._registry import CardRegistry, register_card, say_registered
from runlore.dialects.opsml._run_logging import LoadedRun
from runlore.dialects.opsml._versions import VersionType, first
from runlore.errors import CardNotFound, InvalidArgument
from runlore.run import start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runlore.dialects.opsml._card_info import CardInfo
    from runlore.run import Run


class ActiveRun(LoadedRun):
    """A v1 run that is being recorded. After it ended, it can still be read; logging raises `ValueError`.

    What a returned call logged survives the death of the process.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run.uid, run.store)
        self.run = run

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return not self.run.ended

    @property
    def run_id(self) -> str:
        """Its uid."""
        return self.uid

    @property
    def run_name(self) -> str:
        """Its name."""
        return self.name

    @property
    def runcard(self) -> LoadedRun:
        """Its card."""
        return self

    @contextmanager
    def _recording(self) -> Iterator[Run]:
        if self.run.ended:
            raise InvalidArgument(f"Run is not active: {self.uid} ended as {self.run.status!r}. What it logged is kept")
        yield self.run

    def register_card(self, card: Any, version_type: VersionType | str = VersionType.MINOR) -> None:
        """Register a card as one of this run's."""
        with self._recording() as run:
            register_card(card, first(card.version, version_type, None, None), run=run, store=run.store)
        self.add_tag(f"{card.registry_type}:{card.name}", card.version)

    def load_card(self, registry_name: str, info: CardInfo) -> Any:
        """A card of some registry."""
        return CardRegistry(registry_name).load_card(info=info)


class RunCard(ActiveRun):
    """A run by itself, without a project: recorded from here on in the experiment `repository/name`.

    It ends when it is registered, with `CardRegistry("run").register_card(card)`, or with the program.

    Args:
        name: what it is called; else what the info says, or the environment.
        repository: likewise.
        contact: likewise.
        info: likewise.
        tags: by key.
        uid: of the run and its card; new by default.
        version: as for other cards.
        datacard_uids: cards of data that it uses; they are there already.
        modelcard_uids: likewise, of models.
        others: there are none.

    Raises:
        ValidationError: a name is missing or cannot be one, or there is no such card. Nothing was recorded.

    Example:
        >>> card = RunCard(name="manual", repository="opsml", contact="user@email.com")
        >>> card.log_metric("acc", 0.9)
        >>> CardRegistry("run").register_card(card)
        >>> card.version, CardRegistry("run").load_card(uid=card.uid).get_metric("acc").value
        ('1.0.0', 0.9)
    """

    def __init__(
        self, name: str | None = None, repository: str | None = None, contact: str | None = None,
        info: CardInfo | None = None, tags: Mapping[str, Any] | None = None, uid: str | None = None,
        version: str | None = None, datacard_uids: Sequence[str] | None = None,
        modelcard_uids: Sequence[str] | None = None, **others: Any,
    ) -> None:  # fmt: skip
        self._called = Card(
            name=name, repository=repository, contact=contact, info=info, tags=tags, version=version, **others
        )
        self._chooser(VersionType.MINOR)  # refuses what is no version, before anything is recorded
        used = [_card(item, kind) for kind, uids in (("data", datacard_uids), ("model", modelcard_uids))
                for item in uids or ()]  # fmt: skip
        where = f"{self._called.space}/{self._called.name}"
        capture = {"hardware": False}
        super().__init__(start(where, self._called.name, tags=self._called.tags, join=False, capture=capture, uid=uid))
        for card in used:
            registry.use(card, self.run)

    def _chooser(self, version_type: VersionType | str) -> Any:
        return first(self._called.version, version_type, None, None)

    def register(self, version_type: VersionType | str = VersionType.MINOR) -> None:
        """Register the card, and end the run; one that is registered is left as it is, with a `RuntimeWarning`."""
        if self.run.ended:
            say_registered(self)
            return
        with self._recording() as run:
            metadata = {"contact": self._called.contact}
            register_run_card(run, self._called.space, self._called.name, self._chooser(version_type), metadata)
            run.finish()


def _card(uid: str, kind: str) -> registry.Card:
    try:
        found = registry.get_uid(uid)
    except CardNotFound as error:
        raise ValidationError(f"{kind}card_uids: {error}") from error
    if found.kind != kind:
        raise ValidationError(f"{kind}card_uids: {uid!r} is a card of kind {found.kind!r}")
    return found


def register_run_card(run: Run, repository: str, name: str, choose: Any, metadata: Mapping[str, Any]) -> None:
    """The native card that describes a run: one uid for both."""
    registry.register(
        "run", repository, name, bump=choose, uid=run.uid, run=run.uid, run_role="record", metadata=metadata,
        store=run.store,
    )  # fmt: skip
