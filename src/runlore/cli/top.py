"""`top`: what runs now."""

from __future__ import annotations

import sys
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runlore.cli import _format as fmt
from runlore.cli._options import JsonOption, StoreOption
from runlore.cli._output import STATUS_STYLES, Cell, Column, note, print_json, print_table
from runlore.cli._output import status_cell as status_of
from runlore.cli._session import open_session

if TYPE_CHECKING:
    from rich.table import Table

    from runlore.reader.session import Session

_MAX_METRICS = 4
_HARDWARE = (
    ("cpu", "system/process/cpu_percent"),
    ("memory", "system/process/memory_rss_bytes"),
)


def top(
    once: Annotated[bool, typer.Option("--once", help="Print the table once and end.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0.2, metavar="SECONDS", help="How often the table is made anew.")
    ] = 2.0,
    experiment: Annotated[
        list[str] | None,
        typer.Option("--experiment", "-e", metavar="GLOB", help="Only these: a name or a glob; can be repeated."),
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Watch the runs that are running: how long, how far, with which last values. Ctrl-C ends it.

    Without a terminal, and with --json, it prints once.

    \b
    Examples:
      runlore top
      runlore top --once
      runlore top -e 'vision/*' -i 5
    """
    session = open_session(store)
    if json:
        print_json({"store": session.store.location, "runs": _running(session, experiment)})
    elif once or not sys.stdout.isatty():
        _print(session, experiment)
    else:
        _watch(session, experiment, interval)


def _running(session: Session, experiment: list[str] | None) -> list[dict[str, Any]]:
    from runlore.reader.records import run_records

    page = session.page("ended is null", "-started", experiment=experiment or None, facts=True, last=True)
    return run_records(page.runs, system=True)


def _titles(records: list[dict[str, Any]]) -> list[str]:
    """The metrics that most runs have, and no more than fit."""
    counts: dict[str, int] = {}
    for record in records:
        for key in record["metrics"]:
            counts[key] = counts.get(key, 0) + 1
    return sorted(counts, key=lambda key: (-counts[key], key))[:_MAX_METRICS]


def _row(record: dict[str, Any], metrics: list[str]) -> list[str]:
    name = f"{record['experiment']}#{record['number']}"
    hardware = []
    for title, key in _HARDWARE:
        found = record["system"].get(key)
        hardware.append("" if found is None else f"{found:.0f} %" if title == "cpu" else fmt.size(int(found)))
    values = [fmt.number(record["metrics"][key]) if key in record["metrics"] else "" for key in metrics]
    return [fmt.printable(name), fmt.value(record["name"]), record["status"], fmt.duration(record["duration_s"]),
            f"{record['points']:,}", *values, *hardware, fmt.value(record["host"])]  # fmt: skip


def _heads(metrics: list[str]) -> list[Column]:
    return [
        Column("run"), Column("name"), Column("status"), Column("for"), Column("points", right=True),
        *(Column(fmt.printable(key), right=True) for key in metrics),
        *(Column(title, right=True) for title, _ in _HARDWARE), Column("host"),
    ]  # fmt: skip


def _print(session: Session, experiment: list[str] | None) -> None:
    records = _running(session, experiment)
    if not records:
        note("nothing is running")
        return
    metrics = _titles(records)
    rows: list[list[Cell | str]] = [
        [*row[:2], status_of(row[2]), *row[3:]] for row in (_row(record, metrics) for record in records)
    ]
    print_table(_heads(metrics), rows)


def _watch(session: Session, experiment: list[str] | None, interval: float) -> None:
    from rich.console import Console
    from rich.live import Live

    try:
        with Live(console=Console(markup=False, highlight=False, emoji=False), screen=True, auto_refresh=False) as live:
            while True:
                live.update(_table(_running(session.refresh(), experiment)), refresh=True)
                sleep(interval)
    except KeyboardInterrupt:
        return


def _table(records: list[dict[str, Any]]) -> Table:
    from datetime import datetime

    from rich.table import Table
    from rich.text import Text

    metrics = _titles(records)
    table = Table(box=None, title=f"{fmt.plural(len(records), 'run')} running  {datetime.now():%H:%M:%S}")  # noqa: DTZ005 - the clock on the wall
    for column in _heads(metrics):
        table.add_column(column.title, justify="right" if column.right else "left", no_wrap=True)
    for record in records:
        cells = [Text(cell) for cell in _row(record, metrics)]
        cells[2].stylize(STATUS_STYLES.get(record["status"], ""))
        table.add_row(*cells)
    return table
