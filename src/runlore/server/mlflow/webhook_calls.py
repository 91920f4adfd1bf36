"""The calls about webhooks, which admins make; and telling webhooks what others did to the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from runlore.server.endpoint import ADMIN
from runlore.server.mlflow.deliveries import Deliveries, message_of, send
from runlore.server.mlflow.experiment_calls import cut
from runlore.server.mlflow.message import Message, MlflowError, endpoint
from runlore.server.mlflow.webhooks import STATUSES, Event, Webhook, Webhooks, check_address, check_name, read_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.server.context import Context
    from runlore.server.mlflow.registered_models import Model

MAX_RESULTS = 1_000
MAX_TEXT = 1_000

EXAMPLES: dict[str, dict[str, Any]] = {
    "REGISTERED_MODEL": {"name": "example", "tags": {"key": "value"}, "description": "An example"},
    "MODEL_VERSION": {
        "name": "example", "version": "1", "source": "models:/m-0", "run_id": "0", "tags": {"key": "value"},
        "description": "An example",
    },
    "PROMPT_VERSION": {
        "name": "example", "version": "1", "template": "Hello {{name}}!", "tags": {"key": "value"},
        "description": "An example",
    },
    "BUDGET_POLICY": {"budget_policy_id": "example"},
}  # fmt: skip
"""What a message has when a webhook is tried, where that is not made of the fields of tags and aliases."""


def announce(context: Context, model: Model, entity: str, action: str, data: Mapping[str, Any]) -> None:
    """Tell the webhooks what a client did.

    Args:
        context: what the server works on.
        model: to which registered model; where it is a prompt, those are told that wait for prompts.
        entity: what of it, as of a model: `REGISTERED_MODEL`, `MODEL_VERSION`, with `_TAG` or `_ALIAS`.
        action: what was done.
        data: the name, and what there is to say.
    """
    event = Event(_PROMPTS.get(entity, entity) if model.is_prompt else entity, action)
    store = context.served.store
    for webhook in Webhooks(store).told_of(event):
        context.part(Deliveries).tell(webhook, event, {"name": model.name, **data}, context.settings.webhooks)


_PROMPTS = {
    "REGISTERED_MODEL": "PROMPT", "MODEL_VERSION": "PROMPT_VERSION", "MODEL_VERSION_TAG": "PROMPT_VERSION_TAG",
    "MODEL_VERSION_ALIAS": "PROMPT_ALIAS",
}  # fmt: skip


def _open(message: Message) -> Webhooks:
    """The webhooks, for an admin of everything.

    Raises:
        NotAllowed: the caller is none.
    """
    message.context.check_everywhere(ADMIN)
    return Webhooks(message.context.served.store)


def _find(message: Message) -> Webhook:
    return _open(message).get(message.path("webhook_id"))


def create(message: Message) -> dict[str, Any]:
    """Make a webhook."""
    webhooks = _open(message)
    said = {
        "name_given": check_name(message.required("name")), "url": _address(message, message.required("url")),
        "events": _events(message), "description": _text(message, "description"), "secret": _text(message, "secret"),
        "status": message.word("status", STATUSES, STATUSES[0]),
    }  # fmt: skip
    return {"webhook": webhooks.create(**said).document()}


def _address(message: Message, url: str) -> str:
    return check_address(url, message.context.settings.webhooks)


def _events(message: Message) -> list[Event]:
    if not message.parts("events"):
        raise MlflowError("Webhook events must be a non-empty list of WebhookEvent objects: []")
    return list(dict.fromkeys(read_event(item) for item in message.parts("events")))


def _text(message: Message, name: str) -> str:
    text = message.text(name)
    if len(text) > MAX_TEXT:
        raise MlflowError(f"'{name}' exceeds the maximum length of {MAX_TEXT} characters")
    return text


def listing(message: Message) -> dict[str, Any]:
    """Webhooks, page by page, the newest first."""
    most = message.integer("max_results") or 100
    if not 1 <= most <= MAX_RESULTS:
        raise MlflowError("max_results must be between 1 and 1000.")
    page, token = cut(_open(message).every(), most, message.text("page_token"))
    return {"webhooks": [item.document() for item in page], **({"next_page_token": token} if token else {})}


def get(message: Message) -> dict[str, Any]:
    """A webhook."""
    return {"webhook": _find(message).document()}


def update(message: Message) -> dict[str, Any]:
    """Change what is given of a webhook."""
    found, said = _find(message), dict[str, Any]()
    if message.text("name"):
        said["name_given"] = check_name(message.text("name"))
    if message.text("url"):
        said["url"] = _address(message, message.text("url"))
    if message.parts("events"):
        said["events"] = _events(message)
    for name in ("description", "secret"):
        if message.has(name):
            said[name] = _text(message, name)
    if message.has("status"):
        said["status"] = message.word("status", STATUSES)
    _open(message).change(found, **said)
    return get(message)


def delete(message: Message) -> dict[str, Any]:
    """Delete a webhook; nothing of its address and secret is kept in use."""
    _open(message).change(_find(message), deleted=True)
    return {}


def attempt(message: Message) -> dict[str, Any]:
    """Send an example to a webhook, and say how it answered."""
    found = _find(message)
    event = read_event(message.part("event")) if message.has("event") else found.events[0]
    answer = send(found, message_of(event, example(event)), message.context.settings.webhooks, str(uuid4()))
    if not answer.status:
        return {"result": {"success": False, "error_message": f"Failed to test webhook: {answer.text}"}}
    return {"result": {"success": answer.is_good, "response_status": answer.status, "response_body": answer.text}}


def example(event: Event) -> dict[str, Any]:
    """What a message of an event could have.

    Example:
        >>> example(Event("MODEL_VERSION_TAG", "SET"))
        {'name': 'example', 'version': '1', 'key': 'key', 'value': 'value'}
        >>> example(Event("PROMPT_ALIAS", "DELETED"))
        {'name': 'example', 'alias': 'champion'}
    """
    entity, action = event
    if entity.endswith("_TAG"):
        version = {"version": "1"} if "VERSION" in entity else {}
        return {"name": "example", **version, "key": "key", **({"value": "value"} if action == "SET" else {})}
    if entity.endswith("_ALIAS"):
        return {"name": "example", "alias": "champion", **({"version": "1"} if action == "CREATED" else {})}
    return EXAMPLES["REGISTERED_MODEL" if entity == "PROMPT" else entity]


_ONE = "/webhooks/{webhook_id}"
ENDPOINTS = (
    endpoint("POST", "/webhooks", create, "Make a webhook.", ADMIN),
    endpoint("GET", "/webhooks", listing, "Webhooks.", ADMIN),
    endpoint("GET", _ONE, get, "A webhook.", ADMIN),
    endpoint("PATCH", _ONE, update, "Change a webhook.", ADMIN),
    endpoint("DELETE", _ONE, delete, "Delete a webhook.", ADMIN),
    endpoint("POST", f"{_ONE}/test", attempt, "Send an example to a webhook.", ADMIN),
)
