"""One run: all that is known of it, and its series in numbers."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import msgspec

from runlore import model
from runlore.index.records import CardFilter
from runlore.query.expression import Attribute, Compare, OrderKey
from runlore.reader import provenance
from runlore.reader.cells import ATTRIBUTES, LIVE
from runlore.reader.facts import facts_of
from runlore.reader.progress import live_columns
from runlore.reader.run_view import RunView, data_refs_of
from runlore.server.endpoint import Endpoint
from runlore.server.native.asking import RUN, find_run
from runlore.server.native.values import Meaning, Number, meanings, ms, number, numbers, param, params

if TYPE_CHECKING:
    from runlore.index.records import SeriesRecord
    from runlore.server.endpoint import Call
    from runlore.store.content import StoredEvent

MAX_CHILDREN = 1_000


class Child(msgspec.Struct):
    """A run that was started under another one."""

    uid: str
    number: int | None
    name: str | None
    status: str


class Note(msgspec.Struct):
    """A note on a run."""

    time_ms: float
    text: str


class CardLink(msgspec.Struct):
    """A card that the run registered or that has to do with it."""

    uid: str
    kind: str
    space: str
    name: str
    version: str
    role: str | None


class Detail(msgspec.Struct):
    """What was captured and said of a run."""

    command: str
    git: dict[str, Any]
    source: dict[str, Any]
    environment: dict[str, Any]
    exit: dict[str, Any]
    notes: list[Note]
    statuses: list[tuple[float, str, str | None]]
    data: dict[str, Any]


class Run(msgspec.Struct):
    """One run. Times are ms since 1970 UTC; `duration_s` is how long it was recorded for, without gaps."""

    uid: str
    experiment: str
    number: int | None
    name: str | None
    status: str
    started_ms: float
    ended_ms: float | None
    updated_ms: float
    duration_s: float
    active_s: float
    wall_s: float
    progress: float | None
    eta_s: float | None
    user: str | None
    host: str | None
    description: str | None
    group: str | None
    parent: str | None
    points: int
    lost: int
    liveness: str | None
    damage: list[str]
    archived: bool
    deleted: bool
    open: bool
    params: dict[str, Any]
    tags: dict[str, str]
    metrics: dict[str, Number]
    definitions: dict[str, Meaning]
    detail: Detail
    children: list[Child]
    cards: list[CardLink]
    reproduce: list[str]


class SeriesInfo(msgspec.Struct):
    """One series in numbers."""

    points: int
    finite: int
    sum: Number
    mean: Number
    min: Number
    min_step: Number
    max: Number
    max_step: Number
    first: Number
    first_step: Number
    first_ms: float
    last: Number
    last_step: Number
    last_ms: float


def run(call: Call) -> Run:
    """All of one run."""
    found = find_run(call)
    facts = facts_of(found)
    view = RunView(call.context.session, found)
    events = view.events(provenance.CAPTURE, model.NOTE, model.DATA, model.UNSET)
    known = provenance.captured(events)
    artifacts = call.context.index.artifacts([found.uid]).get(found.uid, [])
    live = live_columns(call.context.session, [found], LIVE)
    title = found.uid if found.number is None else f"{found.experiment}#{found.number}"
    return Run(
        uid=found.uid, experiment=found.experiment, number=found.number, name=found.name, status=found.status,
        started_ms=found.started_ns / 1e6, ended_ms=ms(found.ended_ns), updated_ms=found.updated_ns / 1e6,
        duration_s=found.active_ns / 1e9, active_s=found.active_ns / 1e9, wall_s=ATTRIBUTES["wall"](found),
        progress=live["progress"][0], eta_s=live["eta"][0],
        user=found.user, host=found.host, description=found.description, group=found.group, parent=found.parent,
        points=found.points, lost=found.lost, liveness=found.liveness, damage=list(found.damage),
        archived=found.archived, deleted=found.deleted, open=found.is_open,
        params=params(facts.params), tags=dict(facts.tags), metrics=numbers(facts.metrics),
        definitions=meanings(view.definitions),
        detail=_detail(view, known, events), children=_children(call, found.uid), cards=_cards(call, found.uid),
        reproduce=provenance.reproduce(title, known, (item.name for item in artifacts)),
    )  # fmt: skip


def _detail(view: RunView, known: dict[str, dict[str, Any]], events: list[StoredEvent]) -> Detail:
    notes = [Note(event.time_ns / 1e6, str(event.value)) for event in events if event.kind == model.NOTE]
    return Detail(
        command=shlex.join(provenance.command_of(known)), git=param(known.get("git", {})), source=param(view.source),
        environment=param(known.get("environment", {})), exit=param(view.exit), notes=notes,
        statuses=[(time / 1e6, status, None if by is None else str(by)) for time, status, by in view.statuses],
        data=param(data_refs_of(events)),
    )  # fmt: skip


def _children(call: Call, uid: str) -> list[Child]:
    mine = Compare(Attribute("parent"), "=", uid)
    page = call.context.index.page(mine, OrderKey(Attribute("started")), MAX_CHILDREN, last=True)
    return [Child(child.uid, child.number, child.name, child.status) for child in page.runs]


def _cards(call: Call, uid: str) -> list[CardLink]:
    index = call.context.index
    roles = {link.card: link.role for link in index.links([uid]) if link.target == "run" and link.uid == uid}
    cards = index.cards(CardFilter(uids=tuple(roles))) if roles else []
    return [CardLink(card.uid, card.kind, card.space, card.name, card.version, roles.get(card.uid)) for card in cards]


def metrics(call: Call) -> dict[str, SeriesInfo]:
    """The series of one run in numbers."""
    found = find_run(call)
    series = call.context.index.series([found.uid]).get(found.uid, {})
    return {key: _series(known) for key, known in series.items()}


def _series(known: SeriesRecord) -> SeriesInfo:
    return SeriesInfo(
        points=known.points, finite=known.finite, sum=number(known.sum), mean=number(known.mean),
        min=number(known.min), min_step=number(known.min_step), max=number(known.max),
        max_step=number(known.max_step), first=number(known.first), first_step=number(known.first_step),
        first_ms=known.first_time_ns / 1e6, last=number(known.last), last_step=number(known.last_step),
        last_ms=known.last_time_ns / 1e6,
    )  # fmt: skip


ENDPOINTS = (
    Endpoint(
        "GET", "/runs/{uid:text}/metrics", metrics, "The series of a run in numbers, by key.", path_parameters=[RUN],
        answer=dict[str, SeriesInfo], problems=[404],
    ),
)  # fmt: skip
RUN_ENDPOINT = Endpoint(
    "GET", "/runs/{uid:text}", run, "All that is known of a run.", path_parameters=[RUN], answer=Run, problems=[404]
)
"""Matches whatever stands below `/runs`: it has to come last."""
