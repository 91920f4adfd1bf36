"""The calls about experiments."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, TypeVar

from runlore.server.endpoint import WRITE
from runlore.server.mlflow.experiments import Experiment, Experiments
from runlore.server.mlflow.filters import holds, parse, parse_order
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint, invalid
from runlore.server.mlflow.values import check_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_RESULTS = 50_000
MAX_TAG_VALUE = 20_000
VIEWS = ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")
"""Which of things that can be in the trash, as protocol buffers number it."""

_T = TypeVar("_T")


def create(message: Message) -> dict[str, Any]:
    """Make an experiment."""
    tags = message.pairs("tags")
    for key, value in tags.items():
        _check_tag(key, value)
    location = message.text("artifact_location")
    _check_location(location)
    name = message.required("name")
    return {"experiment_id": Experiments(message.context).create(name, tags, location)}


def _check_location(location: str) -> None:
    """Clients talk to what it names by themselves; the server never follows it."""
    if "#" in location:
        raise MlflowError("'artifact_location' URL can't include fragments or params.")
    if "\0" in location or ".." in location.partition("?")[2] or len(location) > 500:
        raise invalid("artifact_location", location, "should be a URI of at most 500 characters, without '..' or NUL")


def _check_tag(key: str, value: str) -> None:
    check_key(key, "Tag")
    if key.startswith("runlore."):
        raise invalid("key", key, "may not begin with 'runlore.'")
    if len(value) > MAX_TAG_VALUE:
        raise MlflowError(f"'value' exceeds the maximum length of {MAX_TAG_VALUE} characters")


def get(message: Message) -> dict[str, Any]:
    """An experiment, deleted or not."""
    return {"experiment": Experiments(message.context).get(message.required("experiment_id")).document()}


def get_by_name(message: Message) -> dict[str, Any]:
    """An experiment by its name, deleted or not."""
    return {"experiment": Experiments(message.context).by_name(message.required("experiment_name")).document()}


def update(message: Message) -> dict[str, Any]:
    """Give an experiment another name."""
    experiments = Experiments(message.context)
    experiment = experiments.active(message.required("experiment_id"))
    experiments.rename(experiment, message.required("new_name"))
    return {}


def delete(message: Message) -> dict[str, Any]:
    """Put an experiment and its runs into the trash."""
    experiments = Experiments(message.context)
    found = experiments.get(message.required("experiment_id"))
    if found.deleted:
        raise MlflowError(f"No Experiment with id={found.id} exists: it is deleted", MISSING)
    experiments.delete(found)
    return {}


def restore(message: Message) -> dict[str, Any]:
    """Take an experiment and its runs out of the trash."""
    experiments = Experiments(message.context)
    found = experiments.get(message.required("experiment_id"))
    if not found.deleted:
        raise MlflowError(f"No deleted Experiment with id={found.id} exists", MISSING)
    experiments.restore(found)
    return {}


def set_tag(message: Message) -> dict[str, Any]:
    """Set a tag of an experiment."""
    experiments = Experiments(message.context)
    key, value = message.required("key"), message.text("value")
    _check_tag(key, value)
    experiments.set_tag(experiments.active(message.required("experiment_id")), key, value)
    return {}


def delete_tag(message: Message) -> dict[str, Any]:
    """Remove a tag of an experiment."""
    experiments = Experiments(message.context)
    found = experiments.active(message.required("experiment_id"))
    key = message.required("key")
    if key not in found.tags:
        raise MlflowError(f"No tag with name: {key} in experiment with id {found.id}", MISSING)
    experiments.set_tag(found, key, None)
    return {}


# -- searching --------------------------------------------------------------------------------------------------------


def search(message: Message) -> dict[str, Any]:
    """Experiments that a filter finds, page by page."""
    most = message.integer("max_results", 1_000)
    if not 1 <= most <= MAX_RESULTS:
        raise invalid("max_results", most, f"must be from 1 to {MAX_RESULTS}")
    view = message.word("view_type", VIEWS, "ACTIVE_ONLY")
    node = parse(message.text("filter"))
    found = [
        item
        for item in Experiments(message.context).every()
        if (view == "ALL" or item.deleted == (view == "DELETED_ONLY")) and holds(node, lambda *key: _value(item, *key))  # noqa: B023
    ]
    orders = [parse_order(text) for text in message.texts("order_by")]
    found = in_order(found, orders or [("", "creation_time", True)], _value, lambda item: item.id)
    page, token = cut(found, most, message.text("page_token"))
    return {"experiments": [item.document() for item in page], **({"next_page_token": token} if token else {})}


def _value(item: Experiment, kind: str, key: str) -> str | int | None:
    if kind in {"tag", "tags"}:
        return item.tags.get(key)
    if kind in {"", "attribute", "attributes", "attr"}:
        values: dict[str, str | int] = {
            "name": item.name, "experiment_id": item.id, "creation_time": item.created_ns // 1_000_000,
            "last_update_time": item.updated_ns // 1_000_000,
        }  # fmt: skip
        if key.lower() in values:
            return values[key.lower()]
        raise MlflowError(f"Invalid attribute key '{key[:100]}' specified. Valid keys are {', '.join(sorted(values))}")
    raise MlflowError(f"Invalid entity type '{kind[:100]}'. Valid values are attribute and tag")


def in_order(
    items: Sequence[_T], orders: Sequence[tuple[str, str, bool]], value_of: Callable[[_T, str, str], Any],
    tie_breaker: Callable[[_T], Any],
) -> list[_T]:  # fmt: skip
    """Things in the order of MLflow's terms; what has no value comes last."""
    found = sorted(items, key=tie_breaker)
    for kind, key, descends in reversed(orders):
        values = [(value_of(item, kind, key), item) for item in found]
        there = [pair for pair in values if pair[0] is not None]
        there.sort(key=lambda pair: pair[0], reverse=descends)
        found = [item for _, item in there] + [item for value, item in values if value is None]
    return found


def cut(items: Sequence[_T], most: int, token: str) -> tuple[Sequence[_T], str]:
    """One page of things, and the token of the next one; empty: there is none.

    Raises:
        MlflowError: the token is none of ours.
    """
    start = 0
    if token:
        try:
            said = json.loads(base64.urlsafe_b64decode(token.encode()))
            start = int(said["offset"])
        except (ValueError, TypeError, KeyError):
            raise _no_token(token) from None
    if start < 0:
        raise _no_token(token)
    end = start + most
    return items[start:end], offset_token(end) if end < len(items) else ""


def _no_token(token: str) -> MlflowError:
    return MlflowError(f"Invalid page token, it was not given by this server: {token[:100]!r}")


def offset_token(offset: int) -> str:
    """A page token that says how many were given."""
    return base64.urlsafe_b64encode(json.dumps({"offset": offset}).encode()).decode()


ENDPOINTS = (
    endpoint("POST", "/experiments/create", create, "Make an experiment.", WRITE),
    endpoint("GET", "/experiments/get", get, "An experiment."),
    endpoint("GET", "/experiments/get-by-name", get_by_name, "An experiment by its name."),
    endpoint("POST", "/experiments/search", search, "Experiments that a filter finds."),
    endpoint("GET", "/experiments/search", search, "Experiments that a filter finds."),
    endpoint("POST", "/experiments/update", update, "Give an experiment another name.", WRITE),
    endpoint("POST", "/experiments/delete", delete, "Put an experiment into the trash.", WRITE),
    endpoint("POST", "/experiments/restore", restore, "Take an experiment out of the trash.", WRITE),
    endpoint("POST", "/experiments/set-experiment-tag", set_tag, "Set a tag of an experiment.", WRITE),
    endpoint("POST", "/experiments/delete-experiment-tag", delete_tag, "Remove a tag of an experiment.", WRITE),
)
