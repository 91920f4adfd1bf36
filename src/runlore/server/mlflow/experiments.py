"""Experiments as MLflow has them: an id, a name, tags, deletion; also those that have no runs yet.

To Runlore an experiment is a name that runs have. What MLflow wants to know beyond that is a card of kind `experiment`
in the space `mlflow`, named by the id: others see it with `runlore cards`. Names are claimed in the store, so that of
several clients that make the same experiment exactly one does.

An experiment that was made without MLflow has the id that its name gives: see `id_of`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore import model, registry
from runlore.errors import AlreadyExists, InvalidName
from runlore.index.records import CardFilter
from runlore.names import check_path_name
from runlore.query.expression import Attribute, Compare
from runlore.registry.card import Card
from runlore.server.mlflow.message import EXISTS, MISSING, MlflowError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.server.context import Context

KIND, SPACE, VERSION = "experiment", "mlflow", "1.0.0"
CLAIMS, IDS = "mlflow-experiments", "mlflow-experiments-ids"
DELETED = "mlflow-experiments-deleted"
"""Claims of the ids of deleted ones: every process of a server sees them at once, without an index."""
DEFAULT_ID, DEFAULT_NAME = "0", "Default"
OURS = "runlore."
"""Tags of the card that begin so are no tags of the experiment."""
NAME, NATIVE = f"{OURS}name", f"{OURS}experiment"
MAX_NAME = 500

_MILLISECOND = 1_000_000
_ID = re.compile(r"[A-Za-z0-9][\w-]{0,63}", re.ASCII)
_ESCAPED = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        id: as MLflow's clients name it: digits.
        name: as they call it.
        native: as runs name it.
        home: under which new runs are made; `native`, unless it was renamed.
        created_ns, updated_ns: when.
        location: where its runs' artifacts are, as a URI.
        deleted: whether it is deleted.
        tags: by key.
        card: what was said of it; None: nothing yet.
    """

    id: str
    name: str
    native: str
    home: str
    created_ns: int
    updated_ns: int
    location: str
    deleted: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    card: Card | None = field(default=None, compare=False)

    def document(self) -> dict[str, Any]:
        """As MLflow's clients read it."""
        return {
            "experiment_id": self.id, "name": self.name, "artifact_location": self.location,
            "lifecycle_stage": "deleted" if self.deleted else "active",
            "creation_time": self.created_ns // _MILLISECOND, "last_update_time": self.updated_ns // _MILLISECOND,
            "tags": [{"key": key, "value": value} for key, value in sorted(self.tags.items())],
        }  # fmt: skip


def native_name(name: str) -> str:
    r"""The name that runs have: the same, but for what Runlore's names cannot have, such as a slash at the beginning.

    Example:
        >>> native_name("vision/cifar"), native_name("/Users/me/exp"), native_name("a//b\\c")
        ('vision/cifar', '%2FUsers/me/exp', 'a/%2Fb%5Cc')
    """
    text = _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", name)
    parts: list[str] = []
    pending = ""
    for part in text.split("/"):
        if part:
            parts.append(pending + ("%2E" * len(part) if part in {".", ".."} else part))
            pending = ""
        else:
            pending += "%2F"
    if pending:
        parts.append(pending)
    return "/".join(parts)


def id_of(native: str) -> str:
    """The id of an experiment that nobody gave one: 18 digits, always the same.

    Example:
        >>> id_of("iris"), id_of("Default")
        ('743439740866842119', '0')
    """
    if native == DEFAULT_NAME:
        return DEFAULT_ID
    digest = int.from_bytes(hashlib.sha256(native.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return str(10**17 + digest % (9 * 10**17))


def location_of(identifier: str) -> str:
    """Where the artifacts of an experiment are, as a URI that the artifact proxy answers."""
    return f"mlflow-artifacts:/{identifier}"


class Place(NamedTuple):
    """What the runs of an experiment say of it.

    Attributes:
        id: of the experiment.
        location: URI below which their artifacts are. The server never follows it.
    """

    id: str
    location: str


class Experiments:
    """The experiments of a store. Cheap to make, for one request; the index is brought up to date first."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._places: dict[str, Place] = {}

    # -- looking ------------------------------------------------------------------------------------------------------

    def every(self) -> list[Experiment]:
        """All of them, deleted ones included."""
        index = self._context.index
        self._context.freshness.wait_for_now()
        known = {item.id: item for item in map(self._of_card, self._cards())}
        natives = {item.native for item in known.values()}
        hidden = {str(about["name"]) for about in self._context.store.claims(HIDDEN)}
        for found in index.experiments():
            if found.name not in natives and found.name not in hidden:
                item = _native(found.name, found.updated_ns)
                known.setdefault(item.id, item)
        known.setdefault(DEFAULT_ID, _native(DEFAULT_NAME, 0))
        return list(known.values())

    def get(self, identifier: str) -> Experiment:
        """The experiment with this id, deleted or not.

        Raises:
            MlflowError: there is none.
        """
        self._context.freshness.wait_for_now()
        found = self.find(identifier)
        if found is None and not (identifier.isascii() and identifier.isdigit()):
            raise MlflowError(f"Invalid experiment ID '{identifier[:100]}'. Experiment ID must be a valid integer.")
        if found is None:
            raise MlflowError(f"No Experiment with id={identifier[:100]} exists", MISSING)
        return found

    def find(self, identifier: str) -> Experiment | None:
        """As `get`, as far as the index knows; None: there is none."""
        for card in self._cards(identifier) if _ID.fullmatch(identifier) else ():
            return self._of_card(card)
        claimed = self._context.store.claimed(IDS, identifier)
        if claimed is not None:  # its card is just being made
            return _native(str(claimed["experiment"]), time_ns())
        for found in self._context.index.experiments():
            if id_of(found.name) == identifier:
                return _native(found.name, found.updated_ns)
        return _native(DEFAULT_NAME, 0) if identifier == DEFAULT_ID else None

    def active(self, identifier: str) -> Experiment:
        """As `get`, of those that are not deleted: asks no index where the experiment was seen before.

        Raises:
            MlflowError: there is none, or it is deleted.
        """
        found = self.find(identifier) or self.get(identifier)
        if found.deleted or self._context.store.claimed(DELETED, found.id) is not None:
            raise MlflowError(f"The experiment {found.id} must be in the 'active' state. Current state is deleted.")
        return found

    def by_name(self, name: str) -> Experiment:
        """The experiment of this name, deleted or not.

        Raises:
            MlflowError: there is none.
        """
        native = native_name(name)
        claimed = self._context.store.claimed(CLAIMS, native)
        if claimed is not None or native == DEFAULT_NAME:
            return self.get(DEFAULT_ID if claimed is None else str(claimed["id"]))
        updated_ns = self._last_change(native)
        if updated_ns is not None:
            return _native(native, updated_ns)
        raise MlflowError(f"Could not find experiment with name '{name[:200]}'", MISSING)

    def place_of(self, native: str) -> Place:
        """Id and location of the experiment that runs name so."""
        found = self._places.get(native)
        if found is None:
            claimed = self._context.store.claimed(CLAIMS, native) or {}
            identifier = str(claimed.get("id") or id_of(native))
            found = Place(identifier, str(claimed.get("location") or location_of(identifier)))
            self._places[native] = found
        return found

    def _cards(self, identifier: str | None = None) -> list[Card]:
        wanted = CardFilter(kind=KIND, space=SPACE, name=identifier, deleted=True)
        return [Card.of(record, self._context.store) for record in self._context.index.cards(wanted)]

    @staticmethod
    def _of_card(card: Card) -> Experiment:
        said = card.metadata
        native = card.tags.get(NATIVE) or str(said.get("experiment"))
        return Experiment(
            card.name, card.tags.get(NAME) or str(said.get("name")), native, str(said.get("experiment")),
            card.created_ns, card.updated_ns, said.get("location") or location_of(card.name), card.deleted,
            {key: value for key, value in card.tags.items() if not key.startswith(OURS)}, card,
        )  # fmt: skip

    # -- changing -----------------------------------------------------------------------------------------------------

    def create(self, name: str, tags: Mapping[str, str], location: str = "") -> str:
        """Make an experiment, and give its id.

        Raises:
            MlflowError: the name is taken, or cannot be one.
        """
        native = _checked(name)
        if native == DEFAULT_NAME or self._last_change(native) is not None:
            raise _taken(name)
        identifier = self._claim(native, name, location)
        registry.register(
            KIND, SPACE, identifier, version=VERSION, tags=tags, store=self._context.store,
            metadata={"name": name, "experiment": native, **({"location": location} if location else {})},
        )  # fmt: skip
        return identifier

    def _last_change(self, native: str) -> int | None:
        """When the latest run of an experiment changed, in ns; None: it has no runs."""
        self._context.freshness.wait_for_now()
        query = Compare(Attribute("experiment"), "=", native)
        found = self._context.index.page(query, limit=1, include_deleted=True, last=True).runs
        return found[0].updated_ns if found else None

    def _claim(self, native: str, name: str, location: str) -> str:
        """An id for a new experiment of this name."""
        store = self._context.store
        attempt = 0
        while True:
            identifier = id_of(f"{native}\n{attempt}" if attempt else native)
            taken = store.claimed(IDS, identifier)
            if taken is None and store.claim(IDS, identifier, {"experiment": native}):
                break
            if store.claimed(CLAIMS, native) is not None:
                raise _taken(name)
            if taken is not None and taken.get("experiment") == native and not self._cards(identifier):
                break  # whoever claimed it died, or is just before the next line
            attempt += 1
        if not store.claim(CLAIMS, native, _claimed(identifier, location)):
            raise _taken(name)
        return identifier

    def card_of(self, experiment: Experiment) -> Card:
        """Its card, made now where there is none yet."""
        if experiment.card is not None:
            return experiment.card
        store = self._context.store
        store.claim(IDS, experiment.id, {"experiment": experiment.native})
        store.claim(CLAIMS, experiment.native, _claimed(experiment.id))
        about = {"name": experiment.name, "experiment": experiment.native}
        try:
            return registry.register(
                KIND, SPACE, experiment.id, version=VERSION, metadata=about, store=store
            )  # fmt: skip
        except AlreadyExists:
            return registry.get(KIND, SPACE, experiment.id, deleted=True, store=store)  # another request was faster

    def rename(self, experiment: Experiment, name: str) -> None:
        """Call it something else; its runs follow.

        Raises:
            MlflowError: the name is taken, or cannot be one.
        """
        native = _checked(name)
        if native == experiment.native:
            return
        store = self._context.store
        card = self.card_of(experiment)
        about = _claimed(experiment.id, experiment.location)
        if self._last_change(native) is not None or not store.claim(CLAIMS, native, about):
            raise _taken(name)
        self._say_of_runs(experiment, "experiment", native)
        registry.tag(registry.tag(card, NATIVE, native), NAME, name)
        before = store.claimed(CLAIMS, experiment.native)
        if before is not None:
            store.release(CLAIMS, experiment.native, {key: before[key] for key in before if key != "name"})

    def delete(self, experiment: Experiment) -> None:
        """Put it and its runs into the trash."""
        card = self.card_of(experiment)
        self._context.store.claim(DELETED, experiment.id, {"experiment": experiment.native})
        self._say_of_runs(experiment, "deleted", True)
        registry.delete(card)

    def restore(self, experiment: Experiment) -> None:
        """Take it and its runs out of the trash."""
        card = self.card_of(experiment)
        registry.restore(card)
        self._context.store.release(DELETED, experiment.id, {"experiment": experiment.native})
        self._say_of_runs(experiment, "deleted", False)

    def set_tag(self, experiment: Experiment, key: str, value: str | None) -> None:
        """Set a tag; None removes it."""
        registry.tag(self.card_of(experiment), key, value)

    def _say_of_runs(self, experiment: Experiment, attribute: str, value: Any) -> None:
        """Record an attribute of all its runs."""
        context = self._context
        context.freshness.wait_for_now()
        query = Compare(Attribute("experiment"), "=", experiment.native)
        for run in context.index.page(query, include_deleted=True, last=True).runs:
            if attribute == "deleted" and run.deleted == value:
                continue
            context.store.open_run(run.uid).annotate([(model.ATTRIBUTE, attribute, value)], after_ns=run.updated_ns)
            context.recorders.forget(run.uid)


HIDDEN = "mlflow-traces"
"""Claims of experiments that hold spans which belong to no run: no experiments to MLflow's clients."""


def _native(native: str, updated_ns: int) -> Experiment:
    identifier = id_of(native)
    return Experiment(identifier, native, native, native, updated_ns, updated_ns, location_of(identifier))


def _claimed(identifier: str, location: str = "") -> dict[str, Any]:
    elsewhere = {"location": location} if location and location != location_of(identifier) else {}
    return {"id": identifier, "time_ns": time_ns(), **elsewhere}


def _checked(name: str) -> str:
    if not name.strip():
        raise MlflowError("Invalid experiment name: ''. It should be text that is not empty.")
    if len(name) > MAX_NAME:
        raise MlflowError(f"'name' exceeds the maximum length of {MAX_NAME} characters")
    try:
        return check_path_name(native_name(name), "name")
    except InvalidName as error:
        raise MlflowError(f"Invalid experiment name: {error}") from error


def _taken(name: str) -> MlflowError:
    return MlflowError(f"Experiment '{name[:200]}' already exists.", EXISTS)
