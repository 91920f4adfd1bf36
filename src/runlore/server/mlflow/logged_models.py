"""Logged models: what `log_model` of MLflow 3 makes. A card of kind `logged-model` in the space `mlflow` each.

Their files are artifacts of the run that made them; see `homes`. What the card was registered with stays; status, tags
and further params are said of it later, as of any card.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any

from runlore import registry
from runlore.index.records import CardFilter
from runlore.model import new_uid
from runlore.names import is_uid
from runlore.query.expression import Contains, Like, Tags
from runlore.registry.card import Card
from runlore.server.endpoint import WRITE
from runlore.server.mlflow import entities
from runlore.server.mlflow.experiment_calls import cut, in_order
from runlore.server.mlflow.experiments import OURS, Experiments
from runlore.server.mlflow.filters import holds, parse, split_key
from runlore.server.mlflow.homes import MODELS, container, model_home
from runlore.server.mlflow.logging import MODEL_METRIC, held
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint, invalid, number
from runlore.server.mlflow.values import check_key, read_pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.server.context import Context

KIND, SPACE = "logged-model", "mlflow"
PARAM = f"{OURS}param."
STATUSES = {
    "LOGGED_MODEL_PENDING": "pending", "LOGGED_MODEL_READY": "ready", "LOGGED_MODEL_UPLOAD_FAILED": "failed",
}  # fmt: skip
"""MLflow's words, as protocol buffers number them, and the stage of the card."""
_MAX_PARAM = 6_000


def create(message: Message) -> dict[str, Any]:
    """Begin a logged model; its files come later."""
    context = message.context
    experiments = Experiments(context)
    experiment = experiments.active(message.required("experiment_id"))
    name = message.text("name") or f"model-{secrets.token_hex(4)}"
    if any(mark in name for mark in "/:.%\"'"):
        raise MlflowError(f"Invalid model name ({name[:200]!r}): it should be without / : . % and quotes")
    source = message.optional("source_run_id")
    params = dict(read_pair(item, "Parameter", _MAX_PARAM, "params.") for item in message.parts("params"))
    tags = _tags(message)
    if source is not None and is_uid(source):
        with held(context, source):  # it is there, and not in the trash
            home = source
    else:
        home = container(context, experiment.native)
    identifier = f"m-{new_uid()}"
    context.store.claim(MODELS, identifier, {"run": home, "experiment": experiment.native})
    card = registry.register(
        KIND, SPACE, identifier, version="1.0.0", tags=tags, run=home if home == source else None, run_role="output",
        store=context.store, metadata={
            "name": name, "model_type": message.text("model_type"), "experiment": experiment.native, "params": params,
            **({"source_run": source} if source else {}),
        },
    )  # fmt: skip
    return {"model": documents(context, [card], experiments)[0]}


def _tags(message: Message) -> dict[str, str]:
    tags = message.pairs("tags")
    for key in tags:
        check_key(key, "Tag")
        if key.startswith(OURS):
            raise invalid("key", key, f"may not begin with {OURS!r}")
    return tags


def find(context: Context, identifier: str, *, deleted: bool = False) -> Card:
    """The card of a logged model.

    Raises:
        MlflowError: there is none.
    """
    model_home(context, identifier)
    context.freshness.wait_for_now()
    for record in context.index.cards(CardFilter(kind=KIND, space=SPACE, name=identifier, deleted=deleted)):
        return Card.of(record, context.store)
    raise MlflowError(f"Logged model with ID '{identifier[:100]}' not found", MISSING)


def documents(
    context: Context, cards: list[Card], experiments: Experiments | None = None
) -> list[dict[str, Any]]:  # fmt: skip
    """Logged models as MLflow's clients read them."""
    known = experiments or Experiments(context)
    metrics = _metrics(context, [card.name for card in cards])
    return [_document(card, known, metrics.get(card.name, [])) for card in cards]


def _document(card: Card, experiments: Experiments, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    said = card.metadata
    place = experiments.place_of(str(said.get("experiment")))
    status = next((word for word, stage in STATUSES.items() if stage == card.stage), "LOGGED_MODEL_PENDING")
    tags = {key: value for key, value in card.tags.items() if not key.startswith(OURS)}
    info: dict[str, Any] = {
        "model_id": card.name, "experiment_id": place.id, "name": said.get("name"), "status": status,
        "creation_timestamp_ms": card.created_ns // entities.MILLISECOND,
        "last_updated_timestamp_ms": card.updated_ns // entities.MILLISECOND,
        "artifact_uri": f"{place.location}/models/{card.name}/artifacts", "model_type": said.get("model_type") or "",
        "tags": entities.as_pairs(dict(sorted(tags.items()))),
    }  # fmt: skip
    source = card.run or said.get("source_run")
    if source:
        info["source_run_id"] = source
    return {"info": info, "data": {"params": entities.as_pairs(_params(card)), "metrics": metrics}}


def _params(card: Card) -> dict[str, str]:
    known = dict(card.metadata.get("params") or {})
    return known | {key[len(PARAM) :]: value for key, value in card.tags.items() if key.startswith(PARAM)}


def _metrics(context: Context, identifiers: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The last point of each metric, by the model's id; of several runs and datasets, one each."""
    if not identifiers:
        return {}
    mark = f"{entities.HIDDEN}model:"
    query = Contains(Tags(), mark + identifiers[0]) if len(identifiers) == 1 else Like(Tags(), f"{mark}%")
    runs = context.index.page(query, include_deleted=True, last=True).runs
    wanted = set(identifiers)
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for uid, events in context.store.events([run.uid for run in runs], [MODEL_METRIC]):
        for event in events:
            value = event.value if isinstance(event.value, dict) else {}
            identifier, point = value.get("model_id"), number(value.get("value"))
            if identifier not in wanted or point is None:
                continue
            document = entities.point_document(event.key, point, event.time_ns, event.step)
            more = {name: value[name] for name in ("dataset_name", "dataset_digest") if value.get(name)}
            known = found.setdefault(str(identifier), {})
            key = event.key, uid, *more.values()
            if key not in known or known[key]["step"] <= document["step"]:
                known[key] = {**document, **more, "model_id": identifier, "run_id": uid}
    return {identifier: list(points.values()) for identifier, points in found.items()}


def get(message: Message) -> dict[str, Any]:
    """A logged model."""
    card = find(message.context, message.path("model_id"), deleted=message.flag("allow_deleted"))
    return {"model": documents(message.context, [card])[0]}


def finalize(message: Message) -> dict[str, Any]:
    """Say that it is ready, or that it failed."""
    status = message.word("status", tuple(STATUSES)) or message.required("status")
    card = registry.stage(find(message.context, message.path("model_id")), STATUSES[status])
    return {"model": documents(message.context, [card])[0]}


def delete(message: Message) -> dict[str, Any]:
    """Delete it; nothing happens where it is deleted already."""
    card = find(message.context, message.path("model_id"), deleted=True)
    if not card.deleted:
        registry.delete(card)
    return {}


def set_tags(message: Message) -> dict[str, Any]:
    """Set tags."""
    card = find(message.context, message.path("model_id"))
    for key, value in _tags(message).items():
        card = registry.tag(card, key, value)
    return {"model": documents(message.context, [card])[0]}


def delete_tag(message: Message) -> dict[str, Any]:
    """Remove a tag."""
    card, key = find(message.context, message.path("model_id")), message.path("key")
    if key not in card.tags or key.startswith(OURS):
        raise MlflowError(f"No tag with key {key[:200]!r} for model with ID {card.name!r}.", MISSING)
    registry.tag(card, key, None)
    return {}


def log_params(message: Message) -> dict[str, Any]:
    """Add params."""
    card = find(message.context, message.path("model_id"))
    for item in message.parts("params"):
        key, value = read_pair(item, "Parameter", _MAX_PARAM, "params.")
        card = registry.tag(card, PARAM + key, value)
    return {}


# -- searching --------------------------------------------------------------------------------------------------------


def search(message: Message) -> dict[str, Any]:
    """Logged models that a filter finds, page by page."""
    context = message.context
    experiments = Experiments(context)
    context.freshness.wait_for_now()
    if not message.has("experiment_ids"):
        message.required("experiment_ids")
    found = (experiments.find(identifier) for identifier in message.texts("experiment_ids"))
    names = {experiment.native for experiment in found if experiment is not None}
    node = parse(message.text("filter"))
    cards = [
        Card.of(record, context.store)
        for record in context.index.cards(CardFilter(kind=KIND, space=SPACE, order_by="created"))
        if record.metadata.get("experiment") in names
    ]
    datasets = [(item.required("dataset_name"), item.text("dataset_digest")) for item in message.parts("datasets")]
    models = [
        model
        for model in documents(context, cards, experiments)
        if holds(node, lambda kind, key, of=model: value_of(of, kind, key, datasets))  # type: ignore[misc]
    ]
    orders = [_order(item) for item in message.parts("order_by")] or [("", "creation_timestamp_ms", True, [])]
    for kind, key, descends, of in reversed(orders):
        models = in_order(
            models, [(kind, key, descends)], lambda model, kind, key, of=of: value_of(model, kind, key, of),  # type: ignore[misc]
            lambda _: 0,
        )  # fmt: skip
    page, token = cut(models, message.integer("max_results", 50, low=1, high=10_000), _check_token(message))
    return {"models": list(page), **({"next_page_token": f"{_mark(message)}.{token}"} if token else {})}


def _mark(message: Message) -> str:
    """What tells a search from another one, within its page tokens."""
    said = [message.fields.get(name) or [] for name in ("experiment_ids", "filter", "order_by", "datasets")]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _check_token(message: Message) -> str:
    """The page token that was given for this very search; empty: none was given.

    Raises:
        MlflowError: it belongs to another search.
    """
    mark, dot, token = message.text("page_token").partition(".")
    if dot and mark != _mark(message):
        raise MlflowError(
            "The page token belongs to another search: experiment_ids, filter, order_by and datasets in the page token "
            "do not match the requested ones"
        )
    return token if dot else mark


def _order(item: Message) -> tuple[str, str, bool, list[tuple[str, str]]]:
    kind, key = split_key(item.required("field_name"))
    dataset = item.text("dataset_name")
    of = [(dataset, item.text("dataset_digest"))] if dataset else []
    return kind, key, not item.flag("ascending", default=True), of


_NAMES = {
    "name": "name", "model_id": "model_id", "model_type": "model_type", "status": "status",
    "source_run_id": "source_run_id", "creation_timestamp": "creation_timestamp_ms", "experiment_id": "experiment_id",
    "creation_timestamp_ms": "creation_timestamp_ms", "creation_time": "creation_timestamp_ms",
    "last_updated_timestamp": "last_updated_timestamp_ms", "last_updated_timestamp_ms": "last_updated_timestamp_ms",
}  # fmt: skip


def value_of(
    model: dict[str, Any], kind: str, key: str, datasets: Iterable[tuple[str, str]] = ()
) -> str | float | int | None:  # fmt: skip
    """What a logged model has under a kind and key of a filter; metrics are those of the datasets, if any.

    Raises:
        MlflowError: logged models have no such thing.
    """
    if kind in {"metrics", "metric"}:
        wanted = list(datasets)
        points = [point for point in model["data"]["metrics"] if point["key"] == key and _is_of(point, wanted)]
        latest = max(points, key=lambda point: (point["step"], point["timestamp"]), default=None)
        return None if latest is None else number(latest["value"])
    if kind in {"params", "param", "parameters"}:
        return _pair(model["data"]["params"], key)
    if kind in {"tags", "tag"}:
        return _pair(model["info"]["tags"], key)
    if kind in {"", "attributes", "attribute"} and key in _NAMES:
        value: str | int | None = model["info"].get(_NAMES[key])
        return value.removeprefix("LOGGED_MODEL_") if key == "status" and isinstance(value, str) else value
    named = f"{kind}.{key}" if kind else key
    raise MlflowError(f"Invalid attribute key {named[:200]!r}: logged models have {', '.join(_NAMES)}")


def _is_of(point: dict[str, Any], datasets: list[tuple[str, str]]) -> bool:
    return not datasets or any(
        point.get("dataset_name") == name and (not digest or point.get("dataset_digest") == digest)
        for name, digest in datasets
    )


def _pair(pairs: list[dict[str, str]], key: str) -> str | None:
    return next((pair["value"] for pair in pairs if pair["key"] == key), None)


VERSIONS = "mlflow.modelVersions"
"""Tag of a logged model: which versions of registered models it became, as JSON."""


def say_registered(context: Context, identifier: str, name: str, number: int) -> None:
    """Say that a logged model became a version of a registered one."""
    card = find(context, identifier, deleted=True)
    try:
        known = json.loads(card.tags.get(VERSIONS, "[]"))
    except ValueError:
        known = []  # a client wrote something else over it
    versions = [*(known if isinstance(known, list) else []), {"name": name, "version": number}]
    registry.tag(card, VERSIONS, json.dumps(versions))


def source_run(context: Context, identifier: str) -> str | None:
    """Uid of the run that made a logged model; None: no run, or nobody knows."""
    card = find(context, identifier, deleted=True)
    return card.run if card.run and is_uid(card.run) else None


ENDPOINTS = (
    endpoint("POST", "/logged-models/search", search, "Logged models that a filter finds."),
    endpoint("POST", "/logged-models", create, "Begin a logged model.", WRITE),
    endpoint("GET", "/logged-models/{model_id}", get, "A logged model."),
    endpoint("PATCH", "/logged-models/{model_id}", finalize, "Say that a logged model is ready.", WRITE),
    endpoint("DELETE", "/logged-models/{model_id}", delete, "Delete a logged model.", WRITE),
    endpoint("PATCH", "/logged-models/{model_id}/tags", set_tags, "Set tags of a logged model.", WRITE),
    endpoint("DELETE", "/logged-models/{model_id}/tags/{key:path}", delete_tag, "Remove a tag.", WRITE),
    endpoint("POST", "/logged-models/{model_id}/params", log_params, "Add params of a logged model.", WRITE),
)
