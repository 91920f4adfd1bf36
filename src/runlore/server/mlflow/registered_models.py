"""Registered models and their versions, as MLflow has them, over the registry's cards.

A version is a card of kind `model`: those of MLflow's clients in the space `mlflow`, version 3 as `3.0.0`. What is said
of all versions of a name together is a card of kind `registered-model`. Models that others registered appear under
`space.name`, their versions numbered in the order in which they were made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runlore import registry
from runlore.index.records import CardFilter
from runlore.registry.card import Card
from runlore.server.mlflow.experiments import OURS
from runlore.server.mlflow.message import EXISTS, INVALID, MISSING, MlflowError
from runlore.store.cards import CardName
from runlore.versions import MAJOR, Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.server.context import Context

KIND, SPACE = "model", "mlflow"
MODEL_KIND = "registered-model"
NAME = f"{OURS}name"
PROMPT = "mlflow.prompt.is_prompt"
"""Tag of registered models that are prompts."""

_BASE = "base"
"""Of a registered model's card: the greatest version that its name had before, under another model now deleted."""


@dataclass(frozen=True)
class Model:
    """A registered model.

    Attributes:
        name: as MLflow's clients call it.
        called: kind, space and name of its versions' cards.
        card: what was said of all versions together; None: nothing yet.
        versions: by number, those that are not deleted.
    """

    name: str
    called: CardName
    card: Card | None
    versions: Mapping[int, Card] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        known = self.card.tags if self.card is not None else {}
        return {key: value for key, value in known.items() if not key.startswith(OURS)}

    @property
    def description(self) -> str:
        """Text, or empty."""
        return description_of(self.card) if self.card is not None else ""

    @property
    def created_ns(self) -> int:
        """When it was made."""
        every = [self.card, *self.versions.values()]
        return min((card.created_ns for card in every if card is not None), default=0)

    @property
    def updated_ns(self) -> int:
        """When something was last said of it."""
        every = [self.card, *self.versions.values()]
        return max((card.updated_ns for card in every if card is not None), default=0)

    @property
    def aliases(self) -> dict[str, int]:
        """Number of the version, by alias."""
        return {alias: number for number, card in self.versions.items() for alias in card.aliases}

    @property
    def is_prompt(self) -> bool:
        """Whether it is a prompt."""
        return self.tags.get(PROMPT, "").lower() == "true"


def description_of(card: Card) -> str:
    """What was said of a card to people."""
    return card.note if card.note is not None else card.description or ""


class Models:
    """The registered models of a store. Cheap to make, for one request; the index is brought up to date first."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def every(self) -> dict[str, Model]:
        """All of them, by name."""
        self._context.freshness.wait_for_now()
        about = {self._home(card): card for card in self._cards(MODEL_KIND)}
        versions: dict[CardName, list[Card]] = {}
        for card in self._cards(KIND, deleted=True):
            versions.setdefault(card.card_name, []).append(card)
        found: dict[str, Model] = {}
        for called in sorted({*about, *versions}):
            said = about.get(called)
            numbered = _numbered(versions.get(called, []), said)
            if said is None and (called.space == SPACE or not numbered):
                continue  # its model was deleted
            name = _name(called, said)
            found.setdefault(name, Model(name, called, said, numbered))
        return found

    def get(self, name: str) -> Model:
        """The registered model of this name.

        Raises:
            MlflowError: there is none.
        """
        self._context.freshness.wait_for_now()
        model = self._own(name) or self.every().get(name)
        if model is None:
            raise MlflowError(f"Registered Model with name={name[:200]} not found", MISSING)
        return model

    def _own(self, name: str) -> Model | None:
        """The model that has still the name under which a client of MLflow made it: the common case, asked directly."""
        called = CardName(KIND, SPACE, name)
        cards = [card for card in self._cards(MODEL_KIND, name) if card.tags.get(NAME, name) == name]
        if not cards:
            return None
        return Model(name, called, cards[0], _numbered(self._cards(KIND, name, deleted=True), cards[0]))

    def _cards(self, kind: str, name: str | None = None, *, deleted: bool = False) -> list[Card]:
        space = None if kind == KIND and name is None else SPACE
        wanted = CardFilter(kind=kind, space=space, name=name, deleted=deleted)
        return [Card.of(record, self._context.store) for record in self._context.index.cards(wanted)]

    @staticmethod
    def _home(card: Card) -> CardName:
        said = card.metadata.get("versions")
        return CardName(KIND, *said) if isinstance(said, list) and len(said) == 2 else CardName(KIND, SPACE, card.name)

    # -- changing -----------------------------------------------------------------------------------------------------

    def create(self, name: str, tags: Mapping[str, str], description: str | None) -> Model:
        """Register a model, without versions yet.

        Raises:
            MlflowError: the name is taken, or cannot be one.
        """
        check_name(name)
        if self._own(name) is not None or name in self.every():
            raise MlflowError(f"Registered Model (name={name}) already exists.", EXISTS)
        store = self._context.store
        taken = store.versions_taken(CardName(KIND, SPACE, name))
        last = max((version.major for version in taken), default=0)
        generation = len(store.versions_taken(CardName(MODEL_KIND, SPACE, name))) + 1
        registry.register(
            MODEL_KIND, SPACE, name, version=f"{generation}.0.0", tags=tags, description=description, store=store,
            metadata={_BASE: last},
        )  # fmt: skip
        return self.get(name)

    def card_of(self, model: Model) -> Card:
        """What is said of all its versions together; made now where nothing was."""
        if model.card is not None:
            return model.card
        called = model.called
        return registry.register(
            MODEL_KIND, SPACE, model.name, bump=MAJOR, store=self._context.store,
            metadata={"versions": [called.space, called.name]},
        )  # fmt: skip

    def rename(self, model: Model, name: str) -> Model:
        """Call it something else.

        Raises:
            MlflowError: the name is taken, or cannot be one.
        """
        check_name(name)
        if name == model.name:
            return model
        if name in self.every():
            raise MlflowError(f"Registered Model (name={name}) already exists.", EXISTS)
        registry.tag(self.card_of(model), NAME, name)
        return self.get(name)

    def delete(self, model: Model) -> None:
        """Delete it, with all its versions."""
        for card in model.versions.values():
            registry.delete(card)
        registry.delete(self.card_of(model))


def _name(called: CardName, card: Card | None) -> str:
    if card is not None and NAME in card.tags:
        return card.tags[NAME]
    return called.name if called.space == SPACE else f"{called.space}.{called.name}".replace("/", ".")


def _numbered(cards: list[Card], about: Card | None) -> dict[int, Card]:
    """Versions by MLflow's number for them; deleted ones count, and are left out."""
    base = int(about.metadata.get(_BASE) or 0) if about is not None else 0
    parsed = {card.uid: Version.parse(card.version) for card in cards}
    plain = all(version.release == (version.major, 0, 0) and not version.pre for version in parsed.values())
    if plain and about is not None and _BASE in about.metadata:
        numbers = {card.uid: parsed[card.uid].major - base for card in cards}
    else:
        ordered = sorted(cards, key=lambda card: (card.created_ns, card.uid))
        numbers = {card.uid: place for place, card in enumerate(ordered, 1)}
    alive = [card for card in cards if not card.deleted and numbers[card.uid] > 0]
    return {numbers[card.uid]: card for card in sorted(alive, key=lambda card: numbers[card.uid])}


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a registered model.

    Raises:
        MlflowError: the reason.
    """
    if not name:
        raise MlflowError("Registered model name cannot be empty.")
    if "/" in name or ":" in name:
        raise MlflowError(f"Invalid name {name[:200]!r}: names cannot contain '/' or ':'", INVALID)
    CardName(KIND, SPACE, name).check()
