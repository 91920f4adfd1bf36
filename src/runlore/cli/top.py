"""`top`: what runs now."""

from __future__ import annotations

import sys
from math import isfinite
from time import sleep
from typing import TYPE_CHECKING, Any

import click

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import (
    columns_option,
    experiments_option,
    flag,
    json_option,
    option,
    store_option,
    wide_option,
)
from runlore.cli._output import Cell, layout_width, note, print_json
from runlore.cli._output import status_cell as status_of
from runlore.cli._session import find_runs, name_of, open_session, run_records
from runlore.cli._table import Column, View, lay_out, named, print_table

if TYPE_CHECKING:
    from rich.text import Text

    from runlore.reader.session import Session

_FIRST_METRICS = 4
_HARDWARE = {"cpu": "system/process/cpu_percent", "memory": "system/process/memory_rss_bytes"}


@command("top")
@flag("--once", help="Print the table once and end.")
@option(
    "--interval",
    "-i",
    metavar="SECONDS",
    type=click.FloatRange(min=0.2),
    default=2.0,
    help="How often the table is made anew.",
)
@experiments_option
@columns_option
@wide_option
@store_option
@json_option
def top(
    once: bool, interval: float, experiment: tuple[str, ...], columns: str | None, wide: bool, store: str | None,
    json: bool,
) -> None:  # fmt: skip
    """Watch the runs that are running: how long, how far, with which last values. Ctrl-C ends it.

    Without a terminal, and with --json, it prints once.

    \b
    Examples:
      runlore top
      runlore top --once
      runlore top -e 'vision/*' -i 5
    """
    session = open_session(store, live=True)
    if json:
        print_json({"store": session.store.location, "runs": _running(session, experiment)[0]})
    elif once or not sys.stdout.isatty():
        _print(session, experiment, View(columns, wide))
    else:
        _watch(session, experiment, interval, View(columns, wide))


def _running(session: Session, experiments: tuple[str, ...]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Records of the runs, the newest first, and what to say of experiments that there are not."""
    found = find_runs(session, "ended is null", "-started", None, experiments)
    return run_records(found), found.hints


def _titles(records: list[dict[str, Any]]) -> list[str]:
    """The metrics, those that most runs have first."""
    counts: dict[str, int] = {}
    for record in records:
        for key in record["metrics"]:
            counts[key] = counts.get(key, 0) + 1
    return sorted(counts, key=lambda key: (-counts[key], key))


def _table(records: list[dict[str, Any]]) -> tuple[list[Column], list[list[Cell | str]]]:
    """Columns and rows. What there is hardly ever room for comes last: all metrics but some that most runs have."""
    metrics = _titles(records)
    first, rest = metrics[:_FIRST_METRICS], metrics[_FIRST_METRICS:]
    columns = [
        Column("run", tail=True), Column("name", needed=True), Column("status", needed=True),
        Column("for", needed=True), Column("points", right=True), *map(_metric, first),
        *(Column(title, right=True) for title in _HARDWARE), Column("host"), *map(_metric, rest),
    ]  # fmt: skip
    return columns, [_row(record, first, rest) for record in records]


def _metric(key: str) -> Column:
    return Column(key, group="metrics", right=True)


def _row(record: dict[str, Any], first: list[str], rest: list[str]) -> list[Cell | str]:
    cpu, memory = (record["system"].get(key) for key in _HARDWARE.values())
    values = {key: fmt.metric(key, value) for key, value in record["metrics"].items()}
    return [
        name_of(record), fmt.value(record["name"]), status_of(record["status"]), fmt.duration(record["duration_s"]),
        f"{record['points']:,}", *(values.get(key, "") for key in first),
        "" if cpu is None else f"{cpu:.0f} %", "" if memory is None or not isfinite(memory) else fmt.size(int(memory)),
        fmt.value(record["host"]), *(values.get(key, "") for key in rest),
    ]  # fmt: skip


def _print(session: Session, experiments: tuple[str, ...], view: View) -> None:
    records, hints = _running(session, experiments)
    if records:
        print_table(*_table(records), view)
    else:
        note("nothing is running")
    for hint in hints:
        note(hint)


def _watch(session: Session, experiments: tuple[str, ...], interval: float, view: View) -> None:
    from rich.console import Console
    from rich.live import Live

    try:
        with Live(console=Console(markup=False, highlight=False, emoji=False), screen=True, auto_refresh=False) as live:
            while True:
                live.update(_frame(_running(session.refresh(), experiments)[0], view), refresh=True)
                sleep(interval)
    except KeyboardInterrupt:
        return


def _frame(records: list[dict[str, Any]], view: View) -> Text:
    """What the screen shows of a moment."""
    from datetime import datetime

    from rich.text import Text

    lines, left_out = lay_out(*_table(records), view, layout_width())
    clock = f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005 - the clock on the wall
    below = [f"left out for want of room: {named(left_out)}"] if left_out else []
    return Text.from_ansi("\n".join([f"{fmt.plural(len(records), 'run')} running  {clock}", "", *lines, *below]))
