"""The calls about versions of registered models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import registry
from runlore.names import is_uid
from runlore.server.endpoint import WRITE
from runlore.server.mlflow import artifacts
from runlore.server.mlflow.experiment_calls import cut, in_order
from runlore.server.mlflow.filters import holds, parse, parse_order
from runlore.server.mlflow.homes import Home, checked
from runlore.server.mlflow.logged_models import say_registered, source_run
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint, invalid
from runlore.server.mlflow.model_calls import asks_for_prompts, check_tag, read_tags, version_of
from runlore.server.mlflow.model_versions import (
    STAGES,
    copied,
    home_of_source,
    model_id_of,
    register_version,
    source_of,
    stage_of,
    tags_of,
    version_document,
)
from runlore.server.mlflow.registered_models import PROMPT, Model, Models
from runlore.server.mlflow.webhook_calls import announce

if TYPE_CHECKING:
    from starlette.responses import Response

    from runlore.registry.card import Card

MAX_RESULTS = 200_000
_TEMPLATE = "mlflow.prompt.text"
_OF_PROMPTS = frozenset({_TEMPLATE, PROMPT, "_mlflow_prompt_type"})
"""Tags of a prompt's versions that webhooks are not told as such."""


def create(message: Message) -> dict[str, Any]:
    """Make a version of a registered model."""
    context = message.context
    models = Models(context)
    model = models.get(message.required("name"))
    source, tags = message.required("source"), read_tags(message)
    identifier = model_id_of(source, message.text("model_id"))
    named = message.text("run_id")
    run: str | None = named if is_uid(named) else None
    if not named:
        origin = copied(context, source)
        run = origin.run if origin is not None else source_run(context, identifier) if identifier else None
    said = {"model_id": identifier, "run_link": message.text("run_link"), "run_id": "" if run else named}
    about = {key: value for key, value in said.items() if value}
    register_version(
        context, model, source=source, run=run, about=about, tags=tags, description=message.optional("description")
    )
    found = models.get(model.name)
    made = max(found.versions)
    if identifier:
        say_registered(context, identifier, model.name, made)
    document = version_document(context, found, made)
    announce(context, found, "MODEL_VERSION", "CREATED", _told(found, document, tags))
    return {"model_version": document}


def _told(model: Model, document: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    """What webhooks are told of a new version."""
    said = {"version": document["version"], "description": document["description"] or None}
    if not model.is_prompt:
        return {**said, "tags": tags, "source": document["source"], "run_id": document["run_id"] or None}
    plain = {key: value for key, value in tags.items() if key not in _OF_PROMPTS}
    return {**said, "tags": plain, "template": tags.get(_TEMPLATE)}


def _find(message: Message) -> tuple[Model, Card, int]:
    model = Models(message.context).get(message.required("name"))
    version = message.required("version")
    return model, version_of(model, version), int(version)


def get(message: Message) -> dict[str, Any]:
    """A version."""
    model, _, number = _find(message)
    return {"model_version": version_document(message.context, model, number)}


def _again(message: Message) -> dict[str, Any]:
    return get(message)


def update(message: Message) -> dict[str, Any]:
    """Describe a version."""
    registry.note(_find(message)[1], message.text("description"))
    return _again(message)


def delete(message: Message) -> dict[str, Any]:
    """Delete a version; its number is never given out again."""
    registry.delete(_find(message)[1])
    return {}


def transition(message: Message) -> dict[str, Any]:
    """Move a version to a stage."""
    model, card, _ = _find(message)
    wanted = message.required("stage")
    stage = next((known for known in STAGES if known.lower() == wanted.lower()), None)
    if stage is None:
        raise MlflowError(f"Invalid Model Version stage: {wanted[:100]}. Value must be one of {', '.join(STAGES)}.")
    archive = message.flag("archive_existing_versions")
    if archive and stage not in {"Staging", "Production"}:
        raise MlflowError(f"Model version transition cannot archive existing model versions because '{stage}' is not "
                          "an Active stage. Valid stages are Staging and Production")  # fmt: skip
    if archive:
        for other in model.versions.values():
            if other.uid != card.uid and stage_of(other) == stage:
                registry.stage(other, "archived")
    registry.stage(card, None if stage == "None" else stage.lower())
    return _again(message)


def set_tag(message: Message) -> dict[str, Any]:
    """Set a tag of a version."""
    key, value = message.required("key"), message.text("value")
    check_tag(key, value)
    model, card, number = _find(message)
    registry.tag(card, key, value)
    data = {"version": str(number), "key": key, "value": value}
    announce(message.context, model, "MODEL_VERSION_TAG", "SET", data)
    return {}


def delete_tag(message: Message) -> dict[str, Any]:
    """Remove a tag of a version."""
    model, card, number = _find(message)
    key = message.required("key")
    if key in tags_of(card):
        registry.tag(card, key, None)
        announce(message.context, model, "MODEL_VERSION_TAG", "DELETED", {"version": str(number), "key": key})
    return {}


def get_download_uri(message: Message) -> dict[str, Any]:
    """Where the files of a version are."""
    model, _, number = _find(message)
    return {"artifact_uri": source_of(message.context, model.versions[number])}


def get_artifact(message: Message) -> Response:
    """A file of a version."""
    path = checked(message.required("path"))
    model, _, number = _find(message)
    source = source_of(message.context, model.versions[number])
    home = home_of_source(message.context, source)
    if home is None:
        raise MlflowError("the files of this version are not on this server", MISSING)
    return artifacts.fetch(message.context, Home(home.run, home.prefix, f"{home.name}/{path}" if home.name else path))


# -- searching --------------------------------------------------------------------------------------------------------


def search(message: Message) -> dict[str, Any]:
    """Versions that a filter finds, page by page."""
    context = message.context
    most = message.integer("max_results", 10_000)
    if not 1 <= most <= MAX_RESULTS:
        raise invalid("max_results", most, f"must be from 1 to {MAX_RESULTS}")
    node = parse(message.text("filter"))
    documents = [
        version_document(context, model, number)
        for model in Models(context).every().values()
        if asks_for_prompts(node) or not model.is_prompt
        for number in model.versions
    ]
    found = [document for document in documents if holds(node, lambda *key, of=document: _value(of, *key))]
    orders = [parse_order(text) for text in message.texts("order_by")]
    orders = orders or [("", "last_updated_timestamp", True), ("", "name", False), ("", "version_number", True)]
    found = in_order(found, orders, _value, lambda document: (document["name"], -int(document["version"])))
    page, token = cut(found, most, message.text("page_token"))
    return {"model_versions": list(page), **({"next_page_token": token} if token else {})}


def _value(document: dict[str, Any], kind: str, key: str) -> str | int | None:
    if kind in {"tag", "tags"}:
        return next((str(tag["value"]) for tag in document["tags"] if tag["key"] == key), None)
    if kind in {"", "attribute", "attributes"}:
        if key in {"version_number", "version"}:
            return int(document["version"])
        name = {"source_path": "source"}.get(key, key)
        if name in {"name", "run_id", "source", "creation_timestamp", "last_updated_timestamp", "status"}:
            value: str | int | None = document.get(name)
            return value
        raise MlflowError(f"Invalid attribute key '{key[:100]}' specified for versions of models")
    raise MlflowError(f"Invalid entity type '{kind[:100]}'. Valid values are attribute and tag")


ENDPOINTS = (
    endpoint("POST", "/model-versions/create", create, "Make a version of a registered model.", WRITE),
    endpoint("GET", "/model-versions/get", get, "A version."),
    endpoint("GET", "/model-versions/search", search, "Versions that a filter finds."),
    endpoint("PATCH", "/model-versions/update", update, "Describe a version.", WRITE),
    endpoint("DELETE", "/model-versions/delete", delete, "Delete a version.", WRITE),
    endpoint("POST", "/model-versions/transition-stage", transition, "Move a version to a stage.", WRITE),
    endpoint("POST", "/model-versions/set-tag", set_tag, "Set a tag of a version.", WRITE),
    endpoint("DELETE", "/model-versions/delete-tag", delete_tag, "Remove a tag of a version.", WRITE),
    endpoint("GET", "/model-versions/get-download-uri", get_download_uri, "Where the files of a version are."),
    endpoint("GET", "/model-versions/get-artifact", get_artifact, "A file of a version."),
    endpoint("GET", "/model-versions/get-artifact", get_artifact, "A file of a version.", prefix=""),
)
