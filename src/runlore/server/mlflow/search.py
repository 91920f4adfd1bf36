"""Searching runs: MLflow's filters and orders as trees of `runlore.query`, which the index answers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.query.expression import (
    And,
    Attribute,
    Compare,
    In,
    IsNull,
    Like,
    Metric,
    Not,
    Or,
    OrderKey,
    Param,
    Tag,
)
from runlore.query.ordering import MAX_KEYS
from runlore.server.mlflow import entities
from runlore.server.mlflow.experiment_calls import VIEWS
from runlore.server.mlflow.experiments import Experiments
from runlore.server.mlflow.filters import Comparison, Group, Node, parse, parse_order
from runlore.server.mlflow.inputs import dataset_query, is_linked, linked
from runlore.server.mlflow.message import Message, MlflowError, endpoint, invalid

if TYPE_CHECKING:
    from runlore.query.expression import Expression, Field, Value

MAX_RESULTS = 50_000
DEFAULT_RESULTS = 1_000

_METRIC = frozenset({"metric", "metrics"})
_PARAM = frozenset({"param", "params", "parameter", "parameters"})
_TAG = frozenset({"tag", "tags"})
_ATTRIBUTE = frozenset({"", "attribute", "attributes", "attr", "run"})
_DATASET = frozenset({"dataset", "datasets"})

_ATTRIBUTES = {
    "run_id": "uid", "run_uuid": "uid", "run_name": "name", "run name": "name", "name": "name", "status": "status",
    "start_time": "started", "created": "started", "end_time": "ended", "user_id": "user", "duration": "duration",
    "experiment_id": "experiment",
}  # fmt: skip
"""MLflow's names of what runs have, and ours."""

_TIMES = frozenset({"started", "ended"})
_AS_ATTRIBUTES = {entities.RUN_NAME: "name", entities.PARENT: "parent", entities.USER: "user"}
"""Tags that runs of others have as attributes alone."""

_STATUSES = {
    "FINISHED": (model.SUCCEEDED,), "FAILED": (model.FAILED,), "KILLED": (model.STOPPED,),
    "SCHEDULED": ("scheduled",),
}  # fmt: skip
_KNOWN = tuple(word for words in _STATUSES.values() for word in words)
_TIES = (OrderKey(Attribute("started"), descending=True), OrderKey(Attribute("uid")))
"""What decides where an order leaves runs equal: the newest first, of one millisecond by id."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def search(message: Message) -> dict[str, Any]:
    """One page of runs."""
    context = message.context
    most = message.integer("max_results", DEFAULT_RESULTS)
    if not 1 <= most <= MAX_RESULTS:
        raise invalid("max_results", most, f"must be from 1 to {MAX_RESULTS}")
    node = parse(message.text("filter"))
    orders = [parse_order(text) for text in message.texts("order_by")]
    experiments = Experiments(context)
    context.freshness.wait_for_now()
    names = _names(experiments, message.texts("experiment_ids"))
    if not names:
        return {}
    query = And((_experiments(names), *_lifecycle(message), *([to_query(node)] if node is not None else [])))
    keys = [*(to_order(order) for order in orders), *_TIES][:MAX_KEYS]
    page = context.index.page(
        query, keys, most, message.text("page_token") or None,
        include_deleted=True, facts=True,
    )  # fmt: skip
    series = context.index.series([run.uid for run in page.runs])
    places = {run.experiment: experiments.place_of(run.experiment) for run in page.runs}
    documents = entities.run_documents(page.runs, series, places)
    more = linked(context, [run.uid for run in page.runs if run.facts is not None and is_linked(run.facts.tags)])
    found: dict[str, Any] = {"runs": [document | more.get(document["info"]["run_id"], {}) for document in documents]}
    if page.next_cursor:
        found["next_page_token"] = page.next_cursor
    return found


def _names(experiments: Experiments, identifiers: list[str]) -> list[str]:
    """What runs call those of the experiments that there are: nobody's runs are in the others."""
    found = (experiments.find(identifier) for identifier in dict.fromkeys(identifiers))
    return [experiment.native for experiment in found if experiment is not None]


def _experiments(names: list[str]) -> Expression:
    return In(Attribute("experiment"), tuple(names))


def _lifecycle(message: Message) -> list[Expression]:
    wanted = message.word("run_view_type", VIEWS, "ACTIVE_ONLY")
    return [] if wanted == "ALL" else [Compare(Attribute("deleted"), "=", wanted == "DELETED_ONLY")]


# -- filters ----------------------------------------------------------------------------------------------------------


def to_query(node: Node) -> Expression:
    """A filter as a tree that an index answers.

    Raises:
        MlflowError: it asks for something that runs do not have, or compares it with what it cannot be.

    Example:
        >>> from runlore.server.mlflow.filters import parse
        >>> to_query(parse("status = 'FINISHED'"))
        In(field=Attribute(name='status'), values=('succeeded',))
    """
    if isinstance(node, Group):
        parts = tuple(to_query(part) for part in node.parts)
        return Not(parts[0]) if node.word == "not" else And(parts) if node.word == "and" else Or(parts)
    if node.kind in _DATASET:
        return dataset_query(node)
    field = _field(node.kind, node.key)
    if field == Attribute("status"):
        return _status(node)
    if isinstance(field, Metric):
        return _condition(node, field, {"=", "!=", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL"})
    if isinstance(field, Tag) and field.key in _AS_ATTRIBUTES:
        ours = Attribute(_AS_ATTRIBUTES[field.key])
        if node.operator in {"IS NULL", "IS NOT NULL"}:
            found: Expression = And((IsNull(field), IsNull(ours)))
            return found if node.operator == "IS NULL" else Not(found)
        known = _condition(node, field)
        return Or((known, And((IsNull(field), _condition(node, ours)))))
    return _condition(node, field)


def _field(kind: str, key: str) -> Field:
    if kind in _METRIC:
        return Metric(key)
    if kind in _PARAM:
        return Param(key)
    if kind in _TAG:
        return Tag(key)
    if kind in _ATTRIBUTE and key.lower() in _ATTRIBUTES:
        return Attribute(_ATTRIBUTES[key.lower()])
    named = f"{kind}.{key}" if kind else key
    if kind in _ATTRIBUTE:
        raise MlflowError(
            f"Invalid attribute key '{named[:200]}' specified. Valid keys are {', '.join(sorted(_ATTRIBUTES))}"
        )
    raise MlflowError(
        f"Invalid entity type '{kind[:100]}'. Valid values are metrics, params, tags, attributes and datasets"
    )


def _condition(node: Comparison, field: Field, allowed: set[str] | None = None) -> Expression:
    operator, value = node.operator, node.value
    if allowed is not None and operator not in allowed:
        raise MlflowError(f"Invalid comparator '{operator}' for {node.kind}.{node.key}: not one of {sorted(allowed)}")
    if operator in {"IS NULL", "IS NOT NULL"}:
        return IsNull(field) if operator == "IS NULL" else Not(IsNull(field))
    if isinstance(value, tuple):
        found = In(field, tuple(_literal(field, item) for item in value))
        return found if operator == "IN" else Not(found)
    if operator in {"LIKE", "ILIKE"}:
        return Like(field, str(value).replace("\\", "\\\\"), operator == "ILIKE")
    if operator == "RLIKE":
        raise MlflowError("Invalid comparator 'RLIKE': runs are searched with LIKE and ILIKE")
    return Compare(field, operator, _literal(field, value))  # type: ignore[arg-type]


def _literal(field: Field, value: Any) -> Value:
    """A value, as the field is compared with it."""
    if isinstance(field, Attribute) and field.name in _TIMES:
        try:
            return _EPOCH + timedelta(milliseconds=float(value))
        except (ValueError, OverflowError):
            raise MlflowError(f"{value!r} should be a time in ms since 1970") from None
    if isinstance(field, Metric) and isinstance(value, str):
        raise MlflowError(f"Expected numeric value type for metric. Found '{value[:200]}'")
    if isinstance(field, (Param, Tag)) and not isinstance(value, str):
        sort = "parameter" if isinstance(field, Param) else "tag"
        raise MlflowError(f"Expected a quoted string value for {sort} (e.g. 'my-value'). Got value {value}")
    return value  # type: ignore[no-any-return]


def _status(node: Comparison) -> Expression:
    field = Attribute("status")
    if node.operator in {"IS NULL", "IS NOT NULL"}:
        return Or(()) if node.operator == "IS NULL" else And(())
    if node.operator in {"LIKE", "ILIKE"}:
        import re

        flags = re.IGNORECASE if node.operator == "ILIKE" else 0
        pattern = re.escape(str(node.value)).replace("%", ".*").replace("_", ".")
        words = [word for word in (*_STATUSES, "RUNNING") if re.fullmatch(pattern, word, flags)]
    else:
        values = node.value if isinstance(node.value, tuple) else (node.value,)
        words = [str(value).upper() for value in values]
    found = Or(tuple(_one_status(field, word) for word in words)) if len(words) != 1 else _one_status(field, words[0])
    if node.operator in {"!=", "NOT IN"}:
        return Not(found)
    if node.operator not in {"=", "IN", "LIKE", "ILIKE"}:
        raise MlflowError(f"Invalid comparator '{node.operator}' for attributes.status")
    return found


def _one_status(field: Attribute, word: str) -> Expression:
    crashed, ours = Compare(field, "=", model.CRASHED), IsNull(Tag(entities.REMOTE))  # see `entities.status_of`
    if word == "RUNNING":
        return Or((Not(In(field, (*_KNOWN, model.CRASHED))), And((crashed, Not(ours)))))
    if word == "FAILED":
        return Or((In(field, _STATUSES[word]), And((crashed, ours))))
    return In(field, _STATUSES.get(word, (word,)))


# -- orders -----------------------------------------------------------------------------------------------------------


def to_order(order: tuple[str, str, bool]) -> OrderKey:
    """One term of an order.

    Raises:
        MlflowError: runs have no such thing.
    """
    kind, key, descends = order
    if kind in _DATASET:
        raise MlflowError("Invalid order_by: runs are not ordered by their datasets")
    return OrderKey(_field(kind, key), descends)


ENDPOINTS = (endpoint("POST", "/runs/search", search, "Runs that a filter finds, page by page."),)
