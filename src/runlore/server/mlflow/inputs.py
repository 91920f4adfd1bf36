"""What a run used and made: datasets, and logged models.

A dataset is a data reference of the run like any other. Tags that MLflow's clients do not see say which datasets there
are, so that searching for them asks the index alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.query.expression import And, Attribute, Compare, Contains, Like, Not, Or, Tags
from runlore.server.endpoint import WRITE
from runlore.server.mlflow.entities import HIDDEN
from runlore.server.mlflow.experiments import Experiments
from runlore.server.mlflow.logging import held, run_id
from runlore.server.mlflow.message import Message, MlflowError, endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.query.expression import Expression
    from runlore.recorder import Recorder
    from runlore.server.context import Context
    from runlore.server.mlflow.filters import Comparison

CONTEXT = "mlflow.data.context"
MODEL_INPUT, MODEL_OUTPUT = "mlflow.model_input", "mlflow.model_output"
"""Kinds of events. Key: the id of a logged model."""

_KINDS = (model.DATA, MODEL_INPUT, MODEL_OUTPUT)
_FIELDS = ("name", "digest", "source_type", "source", "schema", "profile")
_MOST = {"name": 500, "digest": 36, "source": 65_535, "schema": 1_048_575, "profile": 16_777_215}
_MAX_TAG_KEY, _MAX_TAG_VALUE = 255, 500
_MAX_DATASETS = 1_000
_MOST_EXPERIMENTS = 20


def log_inputs(message: Message) -> dict[str, Any]:
    """Record datasets and models that the run used."""
    uid = run_id(message)
    datasets = [_dataset(item, place) for place, item in enumerate(message.parts("datasets"))]
    if len(datasets) > _MAX_DATASETS:
        raise MlflowError(f"A request can contain at most {_MAX_DATASETS} datasets. Got {len(datasets)}.")
    models = [item.required("model_id") for item in message.parts("models")]
    with held(message.context, uid) as found:
        for dataset, tags in datasets:
            _record_dataset(found.recorder, dataset, tags)
        for identifier in models:
            found.recorder.event(MODEL_INPUT, identifier, {})
        _mark(found.recorder, [f"model:{identifier}" for identifier in models])
    return {}


def _dataset(item: Message, place: int) -> tuple[dict[str, str], dict[str, str]]:
    said = item.part("dataset")
    name, digest = said.required("name"), said.required("digest")
    dataset = {field: said.text(field) for field in _FIELDS if said.has(field)} | {"name": name, "digest": digest}
    for field, most in _MOST.items():
        if len(dataset.get(field, "")) > most:
            raise MlflowError(f"'datasets[{place}].{field}' exceeds the maximum length of {most} characters")
    tags = item.pairs("tags")
    for key, value in tags.items():
        for name, text, most in (("key", key, _MAX_TAG_KEY), ("value", value, _MAX_TAG_VALUE)):
            if len(text) > most:
                raise MlflowError(f"'datasets[{place}].tags.{name}' exceeds the maximum length of {most} characters")
    return dataset, tags


def _record_dataset(recorder: Recorder, dataset: dict[str, str], tags: dict[str, str]) -> None:
    reference = {
        "name": dataset["name"], "hash": dataset["digest"], "kind": dataset.get("source_type", ""),
        "mlflow": dataset, "tags": tags,
    }  # fmt: skip
    recorder.event(model.DATA, dataset["name"], reference)
    said = {"name": dataset["name"], "digest": dataset["digest"], "context": tags.get(CONTEXT)}
    _mark(recorder, [f"{key}:{value}" for key, value in said.items() if value])


def _mark(recorder: Recorder, words: Iterable[str]) -> None:
    for word in words:
        recorder.event(model.TAG, f"{HIDDEN}{word}", "")


def log_outputs(message: Message) -> dict[str, Any]:
    """Record models that the run made."""
    uid = run_id(message)
    if not message.has("models"):
        message.required("models")
    models = [(item.required("model_id"), item.integer("step")) for item in message.parts("models")]
    with held(message.context, uid) as found:
        for identifier, step in models:
            found.recorder.event(MODEL_OUTPUT, identifier, {}, step=step)
        _mark(found.recorder, [f"model:{identifier}" for identifier, _ in models])
    return {}


def linked(context: Context, uids: list[str]) -> dict[str, dict[str, Any]]:
    """Inputs and outputs of runs, by uid; runs that have none are left out."""
    found = {}
    for uid, events in context.store.events(uids, _KINDS):
        datasets: dict[tuple[str, str], dict[str, Any]] = {}
        inputs: dict[str, dict[str, Any]] = {}
        outputs: dict[str, dict[str, Any]] = {}
        for event in events:
            if event.kind == MODEL_INPUT:
                inputs[event.key] = {"model_id": event.key}
            elif event.kind == MODEL_OUTPUT:
                outputs[event.key] = {"model_id": event.key, "step": int(event.step or 0)}
            elif isinstance(event.value, dict):
                known = _known(event.key, event.value)
                datasets[known["dataset"]["name"], known["dataset"]["digest"]] = known
        if datasets or inputs or outputs:
            found[uid] = {
                "inputs": {"dataset_inputs": list(datasets.values()), "model_inputs": list(inputs.values())},
                "outputs": {"model_outputs": list(outputs.values())},
            }
    return found


def _known(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """A data reference as a dataset; also one that was recorded without MLflow."""
    said, tags = value.get("mlflow"), value.get("tags")
    if not isinstance(said, dict):
        kind = str(value.get("kind") or "data")
        said = {
            "name": str(value.get("name") or name), "digest": str(value.get("hash") or "")[:36], "source_type": kind,
            "source": "{}",
        }  # fmt: skip
    pairs = tags.items() if isinstance(tags, dict) else ()
    return {
        "dataset": {str(key): str(text) for key, text in said.items()},
        "tags": [{"key": str(key), "value": str(text)} for key, text in sorted(pairs)],
    }


def is_linked(tags: Iterable[str]) -> bool:
    """Whether tags say that the run has inputs or outputs."""
    return any(key.startswith(HIDDEN) for key in tags)


def dataset_query(node: Comparison) -> Expression:
    """A condition on the datasets of a run, as one on its tags.

    Raises:
        MlflowError: datasets have no such thing, or it cannot be compared so.
    """
    key = {"tags": "context"}.get(node.key, node.key)
    if key not in {"name", "digest", "context"}:
        raise MlflowError(f"Invalid dataset attribute '{node.key[:100]}'. Valid keys are name, digest and context")
    prefix = f"{HIDDEN}{key}:"
    if node.operator in {"LIKE", "ILIKE"}:
        pattern = str(node.value).replace("\\", "\\\\")
        return Like(Tags(), prefix.replace("_", "\\_") + pattern, node.operator == "ILIKE")
    if node.operator not in {"=", "!=", "IN", "NOT IN"}:
        raise MlflowError(f"Invalid comparator '{node.operator}' for datasets.{key}")
    values = node.value if isinstance(node.value, tuple) else (node.value,)
    found = Or(tuple(Contains(Tags(), f"{prefix}{value}") for value in values))
    return found if node.operator in {"=", "IN"} else Not(found)


def search_datasets(message: Message) -> dict[str, Any]:
    """Which datasets the runs of experiments used, each once, the latest first."""
    identifiers = message.texts("experiment_ids")
    if not identifiers:
        raise MlflowError("SearchDatasets request must specify at least one experiment_id.")
    if len(identifiers) > _MOST_EXPERIMENTS:
        raise MlflowError(f"SearchDatasets request cannot specify more than {_MOST_EXPERIMENTS} experiment_ids.")
    context, experiments = message.context, Experiments(message.context)
    context.freshness.wait_for_now()
    found: dict[tuple[str, ...], None] = {}
    for identifier in identifiers:
        experiment = experiments.find(identifier)
        if experiment is None:
            continue
        query = And((Compare(Attribute("experiment"), "=", experiment.native), Like(Tags(), f"{HIDDEN}name:%")))
        runs = context.index.page(query, last=True).runs
        for item in linked(context, [run.uid for run in runs]).values():
            for known in item["inputs"]["dataset_inputs"]:
                said = known["dataset"]
                uses = [tag["value"] for tag in known["tags"] if tag["key"] == CONTEXT]
                found[(experiment.id, said["name"], said["digest"], *uses)] = None
    names = ("experiment_id", "name", "digest", "context")
    return {"dataset_summaries": [dict(zip(names, one, strict=False)) for one in list(found)[:_MAX_DATASETS]]}


ENDPOINTS = (
    endpoint("POST", "/experiments/search-datasets", search_datasets, "Datasets that experiments used."),
    endpoint("POST", "/runs/log-inputs", log_inputs, "Record datasets and models that a run used.", WRITE),
    endpoint("POST", "/runs/outputs", log_outputs, "Record models that a run made.", WRITE),
)
