"""Webhooks: which addresses are told when something changes in the model registry. See `deliveries` for the telling.

A webhook is a row of claims of the server's own, `<id>/000000` and so on, each of which says what changed. So whoever
reads sees it before or after a change, never without it. Its secret is among that: only admins see these claims.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from runlore.names import PRIVATE
from runlore.server.mlflow.message import MISSING, Message, MlflowError
from runlore.server.outgoing import is_allowed, read_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.store.base import Store

NAMESPACE = f"{PRIVATE}webhooks"
ACTIVE, DISABLED = "ACTIVE", "DISABLED"
STATUSES = (ACTIVE, DISABLED)
ENTITIES = (
    "REGISTERED_MODEL", "MODEL_VERSION", "MODEL_VERSION_TAG", "MODEL_VERSION_ALIAS", "PROMPT", "PROMPT_VERSION",
    "PROMPT_TAG", "PROMPT_VERSION_TAG", "PROMPT_ALIAS", "BUDGET_POLICY",
)  # fmt: skip
ACTIONS = ("CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED")
"""Both as protocol buffers number them."""

_TAG_ACTIONS, _ALIAS_ACTIONS = ("SET", "DELETED"), ("CREATED", "DELETED")
_POSSIBLE = {
    **dict.fromkeys(("REGISTERED_MODEL", "MODEL_VERSION", "PROMPT", "PROMPT_VERSION"), ("CREATED",)),
    **{name: _TAG_ACTIONS for name in ENTITIES if name.endswith("_TAG")},
    **{name: _ALIAS_ACTIONS for name in ENTITIES if name.endswith("_ALIAS")},
    "BUDGET_POLICY": ("EXCEEDED",),
}  # fmt: skip
_MILLISECOND = 1_000_000
_MOST_CHANGES = 1_000_000


class Event(NamedTuple):
    """What happened to what.

    Attributes:
        entity: one of `ENTITIES`.
        action: one of `ACTIONS`.
    """

    entity: str
    action: str


def read_event(message: Message) -> Event:
    """An event as a client names it.

    Raises:
        MlflowError: there is no such event.
    """
    entity, action = message.word("entity", ENTITIES), message.word("action", ACTIONS)
    possible = _POSSIBLE.get(entity, ())
    if action not in possible:
        raise MlflowError(
            f"Invalid action '{action}' for entity '{entity}'. Valid actions are: {', '.join(possible) or 'none'}; "
            f"entities are {', '.join(ENTITIES)}"
        )
    return Event(entity, action)


@dataclass(frozen=True)
class Webhook:
    """One webhook.

    Attributes:
        id: a UUID.
        name, url, description: as its client gave them.
        events: of which it is told.
        status: `ACTIVE` or `DISABLED`.
        secret: with which its messages are signed; empty: they are not.
        created_ns, updated_ns: when.
        changes: how many claims say of it.
        deleted: whether it is.
    """

    id: str
    name: str = ""
    url: str = ""
    description: str = ""
    events: tuple[Event, ...] = ()
    status: str = ACTIVE
    secret: str = field(default="", repr=False)
    created_ns: int = 0
    updated_ns: int = 0
    changes: int = 0
    deleted: bool = False

    def document(self) -> dict[str, Any]:
        """As MLflow's clients read it: never with its secret."""
        found: dict[str, Any] = {
            "webhook_id": self.id, "name": self.name, "url": self.url, "status": self.status,
            "events": [event._asdict() for event in self.events],
            "creation_timestamp": self.created_ns // _MILLISECOND,
            "last_updated_timestamp": self.updated_ns // _MILLISECOND,
        }  # fmt: skip
        return {**found, **({"description": self.description} if self.description else {})}


class Webhooks:
    """The webhooks of a store. Cheap to make, for one request.

    Args:
        store: as the server has it, not as a caller sees it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def every(self) -> list[Webhook]:
        """All that there are, the newest first."""
        said: dict[str, list[dict[str, Any]]] = {}
        for about in self._store.claims(NAMESPACE):  # sorted by name
            said.setdefault(str(about["name"]).partition("/")[0], []).append(about)
        found = [_joined(identifier, changes) for identifier, changes in said.items()]
        alive = [webhook for webhook in found if not webhook.deleted]
        return sorted(alive, key=lambda webhook: (-webhook.created_ns, webhook.id))

    def get(self, identifier: str) -> Webhook:
        """The webhook with this id.

        Raises:
            MlflowError: there is none.
        """
        found = next((webhook for webhook in self.every() if webhook.id == identifier), None)
        if found is None:
            raise MlflowError(f"Webhook with ID {identifier[:100]} not found.", MISSING)
        return found

    def told_of(self, event: Event) -> list[Webhook]:
        """Those that are to be told of an event."""
        return [webhook for webhook in self.every() if webhook.status == ACTIVE and event in webhook.events]

    def create(self, **said: Any) -> Webhook:
        """Make one; see `Webhook` for what may be said."""
        identifier = str(uuid4())
        self._store.claim(NAMESPACE, f"{identifier}/{0:06}", {**said, "time_ns": time_ns()})
        return self.get(identifier)

    def change(self, webhook: Webhook, **said: Any) -> None:
        """Say something else of it; of several who do at once, the last counts."""
        for place in range(webhook.changes, _MOST_CHANGES):
            if self._store.claim(NAMESPACE, f"{webhook.id}/{place:06}", {**said, "time_ns": time_ns()}):
                return
        raise MlflowError(f"Webhook {webhook.id} was changed {_MOST_CHANGES:,} times; make another one")


def _joined(identifier: str, changes: list[dict[str, Any]]) -> Webhook:
    """What all its claims say together."""
    said: dict[str, Any] = {}
    for about in changes:
        said.update(about)
    return Webhook(
        identifier, said.get("name_given", ""), said.get("url", ""), said.get("description", ""),
        tuple(Event(*event) for event in said.get("events", ())), said.get("status", ACTIVE), said.get("secret", ""),
        int(changes[0].get("time_ns", 0)), int(changes[-1].get("time_ns", 0)), len(changes),
        bool(said.get("deleted")),
    )  # fmt: skip


_NAME = re.compile(r"(?=.{1,63}$)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.IGNORECASE)


def check_name(name: str) -> str:
    """A name of a webhook, if it can be one.

    Raises:
        MlflowError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise MlflowError(
            f"Webhook name {name[:100]!r} is invalid. It must start and end with a letter or digit, be less than 63 "
            "characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
        )
    return name


def check_address(url: str, beginnings: Sequence[str]) -> str:
    """An address of a webhook, if it can be one. Whether it is sent to is up to the admin, when something happens.

    Raises:
        MlflowError: it cannot.
    """
    try:
        address = read_address(url)
    except ValueError as error:
        raise MlflowError(f"Invalid webhook URL {url[:200]!r}: {error}") from None
    if address.scheme != "https" and not is_allowed(url, beginnings):
        raise MlflowError(
            f"Invalid webhook URL scheme: {address.scheme!r}. Allowed schemes are: https. For another one, an admin "
            "starts the server with --webhooks and the beginning of this address"
        )
    return url
