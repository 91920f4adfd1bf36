"""A table of runs as a file to save."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from runlore.reader.asking import ask
from runlore.reader.cells import Field, all_fields, columns_of
from runlore.reader.table_export import FORMATS, check_format, write_table
from runlore.server.endpoint import JSON, Endpoint, Parameter
from runlore.server.native.asking import EXPERIMENT, check_count, clock_of, experiments_of
from runlore.server.native.files import attachment
from runlore.server.native.table import MAX_COLUMNS

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

MAX_RUNS = 100_000


def export(call: Call) -> StreamingResponse:
    """The runs that a query finds, as a file."""
    name = call.text("format") or "csv"
    check_format(name)
    wanted = call.texts("columns")
    check_count("columns", len(wanted), 0, MAX_COLUMNS)
    fields = [Field.parse(text) for text in dict.fromkeys(wanted)]
    clock = clock_of(call.text("zone"))
    session = call.context.fresh()
    experiment = experiments_of(call)
    question = ask(session, call.text("query") or None, call.text("order_by") or None, experiment=experiment)
    runs = session.page(
        question.tree, list(question.order), call.integer("limit", MAX_RUNS, low=1, high=MAX_RUNS),
        experiment=experiment, facts=True, clock=clock, last=True,
    ).runs  # fmt: skip
    chosen = fields or all_fields(runs)
    columns = columns_of(session, runs, chosen, call.context.series)
    return StreamingResponse(
        write_table(name, chosen, columns), media_type=FORMATS[name], headers=attachment(f"runs.{name}")
    )  # fmt: skip


_FORMAT: dict[str, Any] = {"type": "string", "enum": list(FORMATS)}

ENDPOINTS = (
    Endpoint(
        "GET", "/runs/export", export, "Runs that a query finds, as CSV, Parquet or JSON.",
        parameters=[
            Parameter("format", "Of the file.", _FORMAT), Parameter("query", "Which runs.", example="metrics.loss < 1"),
            Parameter("order_by", "In which order.", example="-metrics.acc"), EXPERIMENT,
            Parameter("columns", "Which fields; without any all that the runs have.", repeated=True, example="name"),
            Parameter("limit", f"How many, at most {MAX_RUNS:,}.", {"type": "integer", "minimum": 1}),
            Parameter("zone", "The time zone of dates in the query, such as Europe/Berlin."),
        ],
        answer=FORMATS["csv"], other_types=[FORMATS["parquet"], JSON], problems=[503],
    ),
)  # fmt: skip
