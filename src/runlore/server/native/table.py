"""A table of runs: those that a query finds, in order, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from runlore.reader.asking import ask
from runlore.reader.cells import Field, all_fields, columns_of
from runlore.reader.facts import facts_of
from runlore.reader.goals import meanings
from runlore.server.endpoint import Endpoint
from runlore.server.native import values
from runlore.server.native.asking import Experiment, check_count, clock_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.index.records import RunRecord
    from runlore.query.values import Clock
    from runlore.reader.asking import Question
    from runlore.reader.session import Session
    from runlore.server.endpoint import Call

MAX_RUNS = 20_000
MAX_COLUMNS = 2_000


class TableQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """Which runs, in which order, and what of them."""

    query: str | None = None
    order_by: str | None = None
    experiment: Experiment = None
    columns: list[str] | None = None
    limit: int = 100
    cursor: str | None = None
    include_deleted: bool = False
    zone: str | None = None
    count: bool = False


class Table(msgspec.Struct):
    """Runs in order: `columns` has a cell for each of them, `definitions` how the metrics of the latest are meant."""

    uids: list[str]
    total: int | None
    next_cursor: str | None
    columns: dict[str, list[Any]]
    hints: list[str]
    definitions: dict[str, values.Meaning]


def table(call: Call) -> Table:
    """A page of runs."""
    wanted: TableQuestion = call.body
    check_count("limit", wanted.limit, 1, MAX_RUNS)
    check_count("columns", len(wanted.columns or ()), 0, MAX_COLUMNS)
    fields = None if wanted.columns is None else list(map(Field.parse, wanted.columns))
    clock = clock_of(wanted.zone)
    session = call.context.fresh()
    question = ask(session, wanted.query or None, wanted.order_by or None, experiment=wanted.experiment)
    page = session.page(
        question.tree, list(question.order), wanted.limit, cursor=wanted.cursor, experiment=wanted.experiment,
        include_deleted=wanted.include_deleted, facts=True, clock=clock,
    )  # fmt: skip
    runs = page.runs
    chosen = all_fields(runs) if fields is None else fields
    columns = columns_of(session, runs, chosen, call.context.series)
    total = len(runs) if wanted.cursor is None and page.next_cursor is None else None
    if total is None and wanted.count:
        total = _count(session, question, wanted, clock)
    return Table(
        uids=[run.uid for run in runs], total=total, next_cursor=page.next_cursor,
        columns={field.text: values.cells(field, columns[field.text]) for field in chosen},
        hints=list(question.hints(found=bool(runs), had=_had(question, runs))),
        definitions=values.meanings(meanings(runs)),
    )  # fmt: skip


def _count(session: Session, question: Question, wanted: TableQuestion, clock: Clock) -> int:
    found = session.page(
        question.tree, [], experiment=wanted.experiment, include_deleted=wanted.include_deleted, clock=clock, last=True
    )
    return len(found.runs)


def _had(question: Question, runs: Sequence[RunRecord]) -> set[str]:
    """Of the keys in the order, those that some of these runs have: nothing need be said of them."""
    from runlore.query.hints import key_of

    named = [name for key in question.order if (name := key_of(key.field)) is not None]
    return {
        f"{kind}.{key}" for kind, key in named if any(key in getattr(facts_of(run), kind) for run in runs)
    }  # fmt: skip


ENDPOINTS = (
    Endpoint(
        "POST", "/runs/table", table, "Runs that a query finds, in order, as columns.",
        body=TableQuestion, answer=Table, problems=[503], is_shared=True,
        example={
            "query": "metrics.loss < 0.5", "order_by": "-metrics.acc", "experiment": "vision/**",
            "columns": ["name", "started", "params.lr", "metrics.loss:min", "metrics.acc@min(loss)"], "limit": 100,
        },
        about=(
            "Columns are attributes, `params.KEY`, `tags.KEY`, `metrics.KEY` (the last value), `metrics.KEY:min` and "
            "its kin, or `metrics.KEY@min(OTHER)`: the value at the step where another metric is best. Without "
            "`columns` every field comes that any of the runs has. `total` is null where more pages follow, unless "
            "`count` asks for it. Times are ms since 1970 UTC, durations seconds."
        ),
    ),
)  # fmt: skip
