"""`data`: every record of an experiment, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import (
    columns_option,
    experiment_argument,
    json_option,
    only_runs_option,
    option,
    store_option,
    wide_option,
)
from runlore.cli._output import note, print_json
from runlore.cli._session import find_run, open_experiment, open_session, times_of
from runlore.cli._table import Column, View, print_table

if TYPE_CHECKING:
    import pandas as pd

    from runlore.reader.session import Session

DEFAULT_LIMIT = 1000

_NEEDED = frozenset({"run", "step", "key", "value"})
_HIDDEN = frozenset({"experiment", "node", "userid"})
"""The same in all rows, or nearly so."""


@command("data")
@experiment_argument
@option("--event", metavar="KIND", multiple=True, help="Only these: metric, param, log …")
@option("--key", "-k", metavar="KEY", multiple=True, of="keys", help="Only these keys.")
@only_runs_option
@option("--step", metavar="STEP", type=float, multiple=True, help="Only these steps.")
@option("--since", metavar="TIME", help="Not before: 2026-11-01, '2026-11-01 12:00', -2h …")
@option("--until", metavar="TIME", help="Not after.")
@option(
    "--limit", "-n", metavar="N", type=click.IntRange(min=0), default=DEFAULT_LIMIT, help="The last so many; 0: all."
)
@columns_option
@wide_option
@store_option
@json_option
def data(
    experiment: str, event: tuple[str, ...], key: tuple[str, ...], run: tuple[str, ...], step: tuple[float, ...],
    since: str | None, until: str | None, limit: int, columns: str | None, wide: bool, store: str | None, json: bool,
) -> None:  # fmt: skip
    """Show everything that the runs of an experiment recorded, one line a record, in time order.

    `runlore export` writes the same into files, whatever its size.

    \b
    Examples:
      runlore data iris --event metric --key loss --run 3
      runlore data iris --event param --event tag
      runlore data iris --since -1h --json
    """
    session = open_session(store)
    found = open_experiment(session, experiment)
    chosen = [_selector(session, experiment, name) for name in run]
    frame = found.data(
        event=event or None, key=key or None, run=chosen or None, step=step or None, since=since, until=until
    )
    total = len(frame)
    frame = frame.tail(limit) if limit else frame
    if json:
        print_json({"experiment": found.path, "columns": list(frame.columns), "rows": _records(frame), "total": total})
        return
    if frame.empty:
        note("no record matches")
        return
    _print(frame, View(columns, wide))
    if len(frame) < total:
        note(f"the last {len(frame):,} of {total:,} records; --limit 0 shows all, `runlore export` writes files")


def _print(frame: pd.DataFrame, view: View) -> None:
    from runlore.reader.plain import cells_of, values_of

    names = [name for name in frame.columns if name != "time"]
    columns = [
        Column("time", whole=True, hidden=False),
        *(
            Column(name, right=name in ("run", "step"), needed=name in _NEEDED, hidden=name in _HIDDEN)
            for name in names
        ),
    ]
    times = [fmt.local_time(time, fraction=True) for time in times_of(frame)]
    values = {name: values_of(frame) if name == "value" else cells_of(frame[name]) for name in names}
    print_table(columns, list(zip(times, *([_cell(n, item) for item in values[n]] for n in names), strict=True)), view)


def _selector(session: Session, experiment: str, run: str) -> str:
    """The uid of a run that is named by its number, as in other commands, or by the beginning of its uid.

    Raises:
        RunNotFound: there is none.
    """
    number = run.rpartition("#")[2]
    is_number = number.lstrip("-").isdigit() and len(number) < 12
    return find_run(session, f"{experiment}#{number}" if is_number else run).uid


def _cell(name: str, item: Any) -> str:
    if name in ("step", "run"):
        return "" if item is None else fmt.step(float(item))
    return "" if name != "value" and item is None else fmt.value(item)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON has them: times as ISO 8601; null where a record has no step or no such column."""
    from runlore.reader.plain import cells_of, values_of
    from runlore.reader.records import iso_time

    columns: dict[str, list[Any]] = {}
    for name in frame.columns:
        if name == "time":
            columns[name] = [iso_time(time) for time in times_of(frame)]
        else:
            columns[name] = values_of(frame) if name == "value" else cells_of(frame[name])
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
