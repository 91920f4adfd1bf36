"""Runs in groups: those that have the same in some fields, with what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from runlore.reader.asking import ask
from runlore.reader.cells import Field
from runlore.reader.groups import group_runs
from runlore.server.endpoint import Endpoint
from runlore.server.native.asking import Experiment, check_count, clock_of
from runlore.server.native.values import Number, ms, number, param

if TYPE_CHECKING:
    from runlore.reader.groups import Spread
    from runlore.server.endpoint import Call

MAX_FIELDS = 200


class GroupsQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """Which runs, what those of a group have in common, and which numbers of them."""

    by: list[str]
    query: str | None = None
    experiment: Experiment = None
    values: list[str] = []
    confidence: float = 0.95
    include_deleted: bool = False
    zone: str | None = None


class SpreadInfo(msgspec.Struct):
    """Numbers of several runs: `low` to `high` is Student's interval of the mean."""

    mean: Number
    std: Number
    min: Number
    max: Number
    count: int
    low: Number
    high: Number


class GroupInfo(msgspec.Struct):
    """Runs that have the same `keys`."""

    keys: list[Any]
    uids: list[str]
    count: int
    values: dict[str, SpreadInfo]


class Groups(msgspec.Struct):
    """Groups, in the order of their newest runs."""

    groups: list[GroupInfo]


def groups(call: Call) -> Groups:
    """The groups of the runs that a query finds."""
    asked: GroupsQuestion = call.body
    check_count("by", len(asked.by), 1, MAX_FIELDS)
    check_count("values", len(asked.values), 0, MAX_FIELDS)
    by, wanted = [Field.parse(text) for text in asked.by], [Field.parse(text) for text in asked.values]
    clock = clock_of(asked.zone)
    session = call.context.fresh()
    question = ask(session, asked.query or None, experiment=asked.experiment)
    runs = session.page(
        question.tree, experiment=asked.experiment, include_deleted=asked.include_deleted, facts=True, clock=clock,
        last=True,
    ).runs  # fmt: skip
    found = group_runs(session, runs, by, wanted, call.context.series, asked.confidence)
    return Groups([
        GroupInfo(
            [_key(field, key) for field, key in zip(by, group.keys, strict=True)], list(group.uids), len(group.uids),
            {name: _spread(spread) for name, spread in group.values.items()},
        )
        for group in found
    ])  # fmt: skip


def _key(field: Field, value: Any) -> Any:
    if field.kind == "attribute" and field.key in ("started", "ended", "updated"):
        return ms(value)
    return number(value) if field.kind == "metrics" else param(value)


def _spread(spread: Spread) -> SpreadInfo:
    return SpreadInfo(
        number(spread.mean), number(spread.std), number(spread.min), number(spread.max), spread.count,
        number(spread.low), number(spread.high),
    )  # fmt: skip


ENDPOINTS = (
    Endpoint(
        "POST", "/runs/groups", groups, "Runs in groups that have the same in some fields, with spread.",
        body=GroupsQuestion, answer=Groups, problems=[503], is_shared=True,
        example={"by": ["params.lr"], "values": ["metrics.acc", "metrics.loss:min"], "experiment": "vision/*"},
    ),
)  # fmt: skip
