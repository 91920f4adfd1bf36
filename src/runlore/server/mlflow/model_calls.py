"""The calls about registered models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runlore import registry
from runlore.server.endpoint import WRITE
from runlore.server.mlflow.entities import MILLISECOND, as_pairs
from runlore.server.mlflow.experiment_calls import cut, in_order
from runlore.server.mlflow.experiments import OURS
from runlore.server.mlflow.filters import Comparison, Group, Node, holds, parse, parse_order
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint, invalid
from runlore.server.mlflow.model_versions import STAGES, stage_of, version_document
from runlore.server.mlflow.registered_models import PROMPT, Model, Models
from runlore.server.mlflow.values import check_key
from runlore.server.mlflow.webhook_calls import announce

if TYPE_CHECKING:
    from runlore.server.context import Context

MAX_RESULTS = 1_000
MAX_TAG_VALUE = 100_000
MAX_ALIAS = 255
LATEST = "latest"
"""No alias, but read as one: the version with the greatest number."""


def document(context: Context, model: Model) -> dict[str, Any]:
    """A registered model as MLflow's clients read it."""
    return {
        "name": model.name, "creation_timestamp": model.created_ns // MILLISECOND,
        "last_updated_timestamp": model.updated_ns // MILLISECOND, "description": model.description,
        "tags": as_pairs(dict(sorted(model.tags.items()))),
        "aliases": [{"alias": alias, "version": str(number)} for alias, number in sorted(model.aliases.items())],
        "latest_versions": [version_document(context, model, number) for number in latest(model, list(STAGES))],
    }  # fmt: skip


def latest(model: Model, stages: list[str]) -> list[int]:
    """The greatest version at each of these stages."""
    found: dict[str, int] = {}
    for number, card in sorted(model.versions.items()):
        found[stage_of(card)] = number
    wanted = {stage.lower() for stage in stages}
    return sorted(number for stage, number in found.items() if stage.lower() in wanted)


def create(message: Message) -> dict[str, Any]:
    """Register a model."""
    tags = read_tags(message)
    description = message.optional("description")
    made = Models(message.context).create(message.required("name"), tags, description)
    told = {key: value for key, value in tags.items() if key != PROMPT}
    announce(message.context, made, "REGISTERED_MODEL", "CREATED", {"tags": told, "description": description})
    return {"registered_model": document(message.context, made)}


def read_tags(message: Message) -> dict[str, str]:
    """The tags of a message.

    Raises:
        MlflowError: one cannot be kept.
    """
    tags = message.pairs("tags")
    for key, value in tags.items():
        check_tag(key, value)
    return tags


def check_tag(key: str, value: str) -> None:
    """Refuse what cannot be a tag of a model or version.

    Raises:
        MlflowError: the reason.
    """
    check_key(key, "Tag")
    if key.startswith(OURS):
        raise invalid("key", key, f"may not begin with {OURS!r}")
    if len(value) > MAX_TAG_VALUE:
        raise MlflowError(f"'value' exceeds the maximum length of {MAX_TAG_VALUE} characters")


def get(message: Message) -> dict[str, Any]:
    """A registered model."""
    return {"registered_model": document(message.context, _find(message))}


def _find(message: Message) -> Model:
    return Models(message.context).get(message.required("name"))


def rename(message: Message) -> dict[str, Any]:
    """Give a model another name."""
    models = Models(message.context)
    found = models.rename(models.get(message.required("name")), message.required("new_name"))
    return {"registered_model": document(message.context, found)}


def update(message: Message) -> dict[str, Any]:
    """Describe a model."""
    models = Models(message.context)
    model = _find(message)
    registry.note(models.card_of(model), message.text("description"))
    return {"registered_model": document(message.context, models.get(model.name))}


def delete(message: Message) -> dict[str, Any]:
    """Delete a model and its versions."""
    Models(message.context).delete(_find(message))
    return {}


def set_tag(message: Message) -> dict[str, Any]:
    """Set a tag of a model."""
    key, value = message.required("key"), message.text("value")
    check_tag(key, value)
    model = _find(message)
    registry.tag(Models(message.context).card_of(model), key, value)
    _announce_tag(message, model, "SET", {"key": key, "value": value})
    return {}


def _announce_tag(message: Message, model: Model, action: str, data: dict[str, Any]) -> None:
    """Tell of a tag of a prompt; MLflow has no event for those of a model."""
    if model.is_prompt:
        announce(message.context, model, "PROMPT_TAG", action, data)


def delete_tag(message: Message) -> dict[str, Any]:
    """Remove a tag of a model."""
    model, key = _find(message), message.required("key")
    if key in model.tags:
        registry.tag(Models(message.context).card_of(model), key, None)
        _announce_tag(message, model, "DELETED", {"key": key})
    return {}


def latest_versions(message: Message) -> dict[str, Any]:
    """The greatest version at each stage."""
    model = _find(message)
    stages = message.texts("stages") or list(STAGES)
    for stage in stages:
        if stage.lower() not in {known.lower() for known in STAGES}:
            raise MlflowError(f"Invalid Model Version stage: {stage[:100]}. Value must be one of {', '.join(STAGES)}.")
    return {"model_versions": [version_document(message.context, model, number) for number in latest(model, stages)]}


def set_alias(message: Message) -> dict[str, Any]:
    """Give a version an alias."""
    model, alias = _find(message), message.required("alias")
    check_alias(alias)
    version = message.required("version")
    registry.alias(version_of(model, version), alias)
    announce(message.context, model, "MODEL_VERSION_ALIAS", "CREATED", {"alias": alias, "version": version})
    return {}


def check_alias(alias: str) -> None:
    """Refuse what cannot be an alias, or what MLflow's clients would take for something else.

    Raises:
        MlflowError: the reason.
    """
    if len(alias) > MAX_ALIAS:
        raise MlflowError(f"'Registered model alias name' exceeds the maximum length of {MAX_ALIAS} characters")
    if not re.fullmatch(r"[\w-]+", alias):
        raise MlflowError(
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    if alias.lower() == LATEST:
        raise MlflowError("'latest' alias name (case insensitive) is reserved.")
    if re.fullmatch(r"v\d+", alias, re.IGNORECASE):
        raise MlflowError(f"Version alias name '{alias}' is reserved: it could be taken for a version.")


def delete_alias(message: Message) -> dict[str, Any]:
    """Take an alias away; nothing happens where no version has it."""
    model, alias = _find(message), message.required("alias")
    number = model.aliases.get(alias)
    if number is not None:
        registry.remove_alias(model.versions[number], alias)
        announce(message.context, model, "MODEL_VERSION_ALIAS", "DELETED", {"alias": alias})
    return {}


def by_alias(message: Message) -> dict[str, Any]:
    """The version that has an alias."""
    model, alias = _find(message), message.required("alias")
    number = model.aliases.get(alias)
    if number is None and alias == LATEST:
        number = max(model.versions, default=None)
    if number is None:
        raise MlflowError(f"Registered model alias {alias[:200]} not found.", "INVALID_PARAMETER_VALUE")
    return {"model_version": version_document(message.context, model, number)}


def version_of(model: Model, version: str) -> Any:
    """The card of a version.

    Raises:
        MlflowError: there is none, or it is no number.
    """
    if not (version.isascii() and version.isdigit() and len(version) < 18):
        raise MlflowError(f"Parameter 'version' must be an integer, got '{version[:100]}'.")
    card = model.versions.get(int(version))
    if card is None:
        raise MlflowError(f"Model Version (name={model.name}, version={version}) not found", MISSING)
    return card


# -- searching --------------------------------------------------------------------------------------------------------


def search(message: Message) -> dict[str, Any]:
    """Registered models that a filter finds, page by page; prompts only where it asks for them."""
    most = message.integer("max_results", 100)
    if not 1 <= most <= MAX_RESULTS:
        raise invalid("max_results", most, f"must be from 1 to {MAX_RESULTS}")
    node = parse(message.text("filter"))
    every = Models(message.context).every().values()
    models = [
        model
        for model in every
        if (asks_for_prompts(node) or not model.is_prompt) and holds(node, lambda *key, of=model: _value(of, *key))
    ]
    orders = [parse_order(text) for text in message.texts("order_by")] or [("", "name", False)]
    models = in_order(models, orders, _value, lambda model: model.name)
    page, token = cut(models, most, message.text("page_token"))
    found = {"registered_models": [document(message.context, model) for model in page]}
    return {**found, **({"next_page_token": token} if token else {})}


def asks_for_prompts(node: Node | None) -> bool:
    """Whether a filter names the tag of prompts."""
    if isinstance(node, Group):
        return any(asks_for_prompts(part) for part in node.parts)
    return isinstance(node, Comparison) and node.key == PROMPT


def _value(model: Model, kind: str, key: str) -> str | int | None:
    if kind in {"tag", "tags"}:
        default = "false" if key == PROMPT else None  # MLflow's clients ask for models with `!= 'true'`
        return model.tags.get(key, default)
    if kind in {"", "attribute", "attributes"}:
        values: dict[str, str | int] = {
            "name": model.name, "creation_timestamp": model.created_ns // MILLISECOND,
            "last_updated_timestamp": model.updated_ns // MILLISECOND, "timestamp": model.updated_ns // MILLISECOND,
        }  # fmt: skip
        if key in values:
            return values[key]
        raise MlflowError(f"Invalid attribute key '{key[:100]}' specified. Valid keys are {', '.join(sorted(values))}")
    raise MlflowError(f"Invalid entity type '{kind[:100]}'. Valid values are attribute and tag")


ENDPOINTS = (
    endpoint("POST", "/registered-models/create", create, "Register a model.", WRITE),
    endpoint("GET", "/registered-models/get", get, "A registered model."),
    endpoint("GET", "/registered-models/search", search, "Registered models that a filter finds."),
    endpoint("POST", "/registered-models/rename", rename, "Give a model another name.", WRITE),
    endpoint("PATCH", "/registered-models/update", update, "Describe a model.", WRITE),
    endpoint("DELETE", "/registered-models/delete", delete, "Delete a model and its versions.", WRITE),
    endpoint("POST", "/registered-models/get-latest-versions", latest_versions, "The latest versions by stage."),
    endpoint("GET", "/registered-models/get-latest-versions", latest_versions, "The latest versions by stage."),
    endpoint("POST", "/registered-models/set-tag", set_tag, "Set a tag of a model.", WRITE),
    endpoint("DELETE", "/registered-models/delete-tag", delete_tag, "Remove a tag of a model.", WRITE),
    endpoint("POST", "/registered-models/alias", set_alias, "Give a version an alias.", WRITE),
    endpoint("DELETE", "/registered-models/alias", delete_alias, "Take an alias away.", WRITE),
    endpoint("GET", "/registered-models/alias", by_alias, "The version that has an alias."),
)
