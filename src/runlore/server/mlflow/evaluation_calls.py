"""The calls about evaluation datasets, as `mlflow.genai.datasets` makes them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from runlore.server.endpoint import WRITE
from runlore.server.mlflow.evaluation_sets import USER, EvaluationSet, EvaluationSets, record_id
from runlore.server.mlflow.experiment_calls import cut, in_order
from runlore.server.mlflow.experiments import Experiments
from runlore.server.mlflow.filters import holds, parse, parse_order
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint, invalid
from runlore.server.mlflow.values import check_key

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RESULTS = 1_000
MAX_NAME = 255
SOURCES = ("UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE")
_ORDERED = ("name", "created_time", "last_update_time")
_SEARCHED = (*_ORDERED, "created_by", "last_updated_by")


def create(message: Message) -> dict[str, Any]:
    """Make a dataset."""
    name = message.required("name")
    if len(name) > MAX_NAME:
        raise MlflowError(f"'name' exceeds the maximum length of {MAX_NAME} characters")
    experiments = [(found, _native(message, found)) for found in message.texts("experiment_ids")]
    made = EvaluationSets(message.context).create(name, _tags(message), experiments)
    return {"dataset": made.document()}


def _native(message: Message, identifier: str) -> str:
    """The name that an experiment's runs have.

    Raises:
        MlflowError: there is no such experiment.
    """
    experiment = Experiments(message.context).find(identifier)
    if experiment is None:
        raise MlflowError(f"No Experiment with id={identifier[:100]} exists", MISSING)
    return experiment.native


def _tags(message: Message) -> dict[str, str]:
    """The tags that a field has as JSON; those without a value are left out."""
    found = _json(message, "tags", {})
    if not isinstance(found, dict):
        raise invalid("tags", found, "should be a JSON object, as text")
    return {check_key(key, "Tag"): str(value) for key, value in found.items() if value is not None}


def _json(message: Message, name: str, default: Any) -> Any:
    text = message.text(name)
    if not text:
        return default
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MlflowError(f"Invalid value for parameter '{name}' supplied: it is no JSON: {error}"[:500]) from None


def _find(message: Message) -> EvaluationSet:
    return EvaluationSets(message.context).get(message.path("dataset_id"))


def get(message: Message) -> dict[str, Any]:
    """A dataset, without its records."""
    return {"dataset": _find(message).document()}


def delete(message: Message) -> dict[str, Any]:
    """Delete a dataset; nothing happens where there is none."""
    sets = EvaluationSets(message.context)
    found = sets.find(message.path("dataset_id"))
    if found is not None:
        sets.delete(found)
    return {}


def set_tags(message: Message) -> dict[str, Any]:
    """Set tags."""
    message.required("tags")
    found = _find(message)
    EvaluationSets(message.context).say(found.id, tags=_tags(message))
    return {}


def delete_tag(message: Message) -> dict[str, Any]:
    """Remove a tag; nothing happens where there is none."""
    sets, key = EvaluationSets(message.context), message.path("key")
    found = sets.find(message.path("dataset_id"))
    if found is not None and key in found.tags:
        sets.say(found.id, tags={key: None})
    return {}


def experiment_ids(message: Message) -> dict[str, Any]:
    """The experiments that a dataset belongs to."""
    found = EvaluationSets(message.context).find(message.path("dataset_id"))
    return {"experiment_ids": list(found.experiments) if found is not None else []}


def add_experiments(message: Message) -> dict[str, Any]:
    """Say that a dataset belongs to experiments."""
    found, wanted = _find(message), message.texts("experiment_ids")
    for identifier in wanted:
        _native(message, identifier)
    EvaluationSets(message.context).say(found.id, added=wanted, touched=True)
    return {"dataset": _find(message).document()}


def remove_experiments(message: Message) -> dict[str, Any]:
    """Say that a dataset does not belong to experiments."""
    found, wanted = _find(message), message.texts("experiment_ids")
    if any(identifier in found.experiments for identifier in wanted):
        EvaluationSets(message.context).say(found.id, removed=wanted, touched=True)
    return {"dataset": _find(message).document()}


# -- records ----------------------------------------------------------------------------------------------------------


def upsert(message: Message) -> dict[str, Any]:
    """Add records, or say more of those that have the same inputs: all of them, or none."""
    message.required("records")
    found, given = _find(message), _json(message, "records", [])
    if not isinstance(given, list):
        raise invalid("records", given, "should be a JSON list, as text")
    records = [_checked(item, place) for place, item in enumerate(given)]
    said: dict[str, dict[str, Any]] = {}
    inserted = 0
    for record in records:
        name = record_id(found.id, record["inputs"])
        inserted += name not in said and name not in found.records
        said[name] = _joined(said[name], record) if name in said else record
    users = [record["tags"][USER] for record in records if USER in (record.get("tags") or {})]
    EvaluationSets(message.context).say_records(found.id, said, users[-1] if users else None)
    return {"inserted_count": inserted, "updated_count": len(records) - inserted}


def _checked(item: Any, place: int) -> dict[str, Any]:
    """A record, if it is one.

    Raises:
        MlflowError: the reason.
    """
    name = f"records[{place}]"
    if not isinstance(item, dict):
        raise invalid(name, item, "should be an object")
    record = {key: item[key] for key in ("inputs", "outputs", "expectations", "tags", "source") if key in item}
    record["inputs"] = record.get("inputs") or {}
    for part in ("inputs", "expectations", "tags", "source"):
        value = record.get(part)
        if value is not None and not isinstance(value, dict):
            raise invalid(f"{name}.{part}", value, "should be an object")
    sort = (record.get("source") or {}).get("source_type")
    if sort is not None and str(sort).upper() not in SOURCES:
        raise MlflowError(f"Invalid dataset record source type: {str(sort)[:100]}. Valid source types: {list(SOURCES)}")
    return record


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """What two records of one request say of the same inputs."""
    both = {
        part: {**(first.get(part) or {}), **(second.get(part) or {})}
        for part in ("expectations", "tags")
        if first.get(part) or second.get(part)
    }
    return {**first, **second, **both}


def records_of(message: Message) -> dict[str, Any]:
    """Records of a dataset, page by page, the oldest first."""
    most = message.integer("max_results", MAX_RESULTS, low=0, high=50_000) or MAX_RESULTS
    found = _find(message)
    places = sorted((place, name) for name, place in found.places.items())
    after = _after(message.text("page_token"))
    page = [place for place in places if after is None or place > after][: most + 1]
    answer: dict[str, Any] = {"records": json.dumps([found.records[name] for _, name in page[:most]])}
    if len(page) > most:
        answer["next_page_token"] = base64.b64encode(json.dumps(page[most - 1]).encode()).decode()
    return answer


def _after(token: str) -> tuple[int, str] | None:
    if not token:
        return None
    try:
        place, name = json.loads(base64.b64decode(token))
        return int(place), str(name)
    except (ValueError, TypeError):
        raise MlflowError(f"Invalid page token, it was not given by this server: {token[:100]!r}") from None


def delete_records(message: Message) -> dict[str, Any]:
    """Delete records; those that there are not are left out."""
    found = _find(message)
    gone = [name for name in dict.fromkeys(message.texts("dataset_record_ids")) if name in found.records]
    if gone:
        EvaluationSets(message.context).say_records(found.id, dict.fromkeys(gone), found.updated_by)
    return {"deleted_count": len(gone)}


# -- searching --------------------------------------------------------------------------------------------------------


def search(message: Message) -> dict[str, Any]:
    """Datasets that a filter finds, page by page; of one experiment of those named, if any is."""
    most = message.integer("max_results", MAX_RESULTS)
    if not 1 <= most <= MAX_RESULTS:
        raise invalid("max_results", most, f"must be from 1 to {MAX_RESULTS}")
    wanted = set(message.texts("experiment_ids"))
    node = parse(message.text("filter_string") or message.text("filter"))
    orders = [_order(text) for text in message.texts("order_by")] or [("", "created_time", True)]
    every = EvaluationSets(message.context).every()
    found = [
        dataset
        for dataset in every
        if (not wanted or not wanted.isdisjoint(dataset.experiments))
        and holds(node, lambda *key, of=dataset: _value(of, *key))
    ]
    found = in_order(found, orders, _value, lambda dataset: [-ord(letter) for letter in dataset.id])
    page, token = cut(found, most, message.text("page_token"))
    return {"datasets": _documents(page), **({"next_page_token": token} if token else {})}


def _documents(datasets: Iterable[EvaluationSet]) -> list[dict[str, Any]]:
    return [dataset.document() for dataset in datasets]


def _order(text: str) -> tuple[str, str, bool]:
    kind, key, descends = parse_order(text)
    if kind not in {"", "attribute", "attributes"} or key not in _ORDERED:
        raise MlflowError(f"Invalid order_by key '{text[:100]}' specified. Valid keys are: {', '.join(_ORDERED)}")
    return kind, key, descends


def _value(dataset: EvaluationSet, kind: str, key: str) -> str | int | None:
    if kind in {"tag", "tags"}:
        return dataset.tags.get(key)
    values: dict[str, str | int | None] = {
        "name": dataset.name, "created_time": dataset.created_ms, "last_update_time": dataset.updated_ms,
        "created_by": dataset.created_by, "last_updated_by": dataset.updated_by,
    }  # fmt: skip
    if kind in {"", "attribute", "attributes"} and key in values:
        return values[key]
    named = f"{kind}.{key}" if kind else key
    raise MlflowError(f"Invalid attribute key '{named[:100]}' specified. Valid keys are: {', '.join(_SEARCHED)}")


_ONE = "/datasets/{dataset_id}"
ENDPOINTS = (
    endpoint("POST", "/datasets/create", create, "Make an evaluation dataset.", WRITE),
    endpoint("POST", "/datasets/search", search, "Evaluation datasets that a filter finds."),
    endpoint("GET", "/datasets/search", search, "Evaluation datasets that a filter finds."),
    endpoint("GET", _ONE, get, "An evaluation dataset, without its records."),
    endpoint("DELETE", _ONE, delete, "Delete an evaluation dataset.", WRITE),
    endpoint("PATCH", f"{_ONE}/tags", set_tags, "Set tags of an evaluation dataset.", WRITE),
    endpoint("DELETE", f"{_ONE}/tags/{{key:path}}", delete_tag, "Remove a tag of an evaluation dataset.", WRITE),
    endpoint("POST", f"{_ONE}/records", upsert, "Add records, or say more of them.", WRITE),
    endpoint("GET", f"{_ONE}/records", records_of, "Records of an evaluation dataset."),
    endpoint("DELETE", f"{_ONE}/records", delete_records, "Delete records.", WRITE),
    endpoint("GET", f"{_ONE}/experiment-ids", experiment_ids, "The experiments that a dataset belongs to."),
    endpoint("POST", f"{_ONE}/add-experiments", add_experiments, "Say that a dataset belongs to experiments.", WRITE),
    endpoint(
        "POST", f"{_ONE}/remove-experiments", remove_experiments, "Say that a dataset does not belong to them.", WRITE
    ),
)
