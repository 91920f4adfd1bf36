"""`data`, `summary`, `diff`: what was recorded, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from runlore.cli import _format as fmt
from runlore.cli._options import ExperimentArgument, JsonOption, RunsArgument, StoreOption
from runlore.cli._output import UNLIMITED, Column, len_of, note, print_json, print_table, say, width
from runlore.cli._session import find_run, open_session
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    import pandas as pd

    from runlore.reader.session import Session

DEFAULT_LIMIT = 1000


def data(
    experiment: ExperimentArgument,
    event: Annotated[
        list[str] | None, typer.Option("--event", metavar="KIND", help="Only these: metric, param, log …")
    ] = None,
    key: Annotated[list[str] | None, typer.Option("--key", "-k", metavar="KEY", help="Only these keys.")] = None,
    run: Annotated[
        list[str] | None, typer.Option("--run", "-r", metavar="RUN", help="Only these: numbers or uids.")
    ] = None,
    step: Annotated[list[float] | None, typer.Option("--step", metavar="STEP", help="Only these steps.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Not before: 2026-11-01, '2026-11-01 12:00', -2h …")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Not after.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="The last so many; 0: all.")] = DEFAULT_LIMIT,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show everything that the runs of an experiment recorded, one line a record, in time order.

    `runlore export` writes the same into files, whatever its size.

    \b
    Examples:
      runlore data iris --event metric --key loss --run 3
      runlore data iris --event param --event tag
      runlore data iris --since -1h --json
    """
    from runlore.reader import experiment as open_experiment
    from runlore.reader.plain import cells_of, values_of

    session = open_session(store)
    found = open_experiment(experiment, store=session.store)
    chosen = [_selector(session, experiment, name) for name in run or ()]
    frame = found.data(
        event=event or None, key=key or None, run=chosen or None,
        step=step or None, since=since, until=until,
    )  # fmt: skip
    total = len(frame)
    frame = frame.tail(limit) if limit else frame
    if json:
        print_json({"experiment": found.path, "columns": list(frame.columns), "rows": _records(frame), "total": total})
        return
    if frame.empty:
        note("no record matches")
        return
    names = [name for name in frame.columns if name not in ("experiment", "time", "node", "userid")]
    columns = [Column("time"), *(Column(fmt.printable(name), right=name in ("run", "step")) for name in names)]
    times = [fmt.local_time(time, fraction=True) for time in frame["time"].astype("int64").tolist()]
    values = {name: values_of(frame) if name == "value" else cells_of(frame[name]) for name in names}
    cells = zip(times, *([_cell(name, item) for item in values[name]] for name in names), strict=True)
    print_table(columns, list(cells))
    if len(frame) < total:
        note(f"the last {len(frame):,} of {total:,} records; --limit 0 shows all, `runlore export` writes files")


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
            values = [iso_time(time) for time in frame[name].astype("int64").tolist()]
        elif name == "value":
            values = values_of(frame)
        else:
            values = cells_of(frame[name])
        columns[name] = values
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def summary(experiment: ExperimentArgument, store: StoreOption = None, json: JsonOption = False) -> None:
    """Show how the runs of an experiment turned out: statistics of each metric's last value, and of how long they took.

    \b
    Examples:
      runlore summary iris
      runlore summary iris --json | jq '.metrics.loss.mean'
    """
    from runlore.reader import experiment as open_experiment

    found = open_experiment(experiment, store=open_session(store).store)
    frame = found.summary()
    statistics = [name for name in frame.columns if name not in ("event", "key")]
    rows = frame.to_dict("records")
    if json:
        metrics = {row["key"]: {n: row[n] for n in statistics} for row in rows if row["event"] == "metric"}
        durations = {n: rows[-1][n] for n in statistics}
        print_json({"experiment": found.path, "metrics": metrics, "duration_s": durations})
        return
    rows.sort(key=lambda row: (row["event"] != "metric", str(row["key"]).startswith("system/")))
    columns = [Column("metric"), *(Column(name, right=True) for name in statistics)]
    cells = [
        [
            "duration (s)" if row["event"] == "run" else fmt.printable(row["key"]),
            *("" if name != "count" and not row["count"] else fmt.number(row[name]) for name in statistics),
        ]
        for row in rows
    ]
    print_table(columns, cells)


def diff(
    runs: RunsArgument,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also what is the same in all runs.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show what differs between runs: params, last metrics, tags, artifacts.

    \b
    Examples:
      runlore diff iris#1 iris#2
      runlore diff iris#1 iris#2 iris#3 --all
      runlore diff 0192f0c1a2b4 0192f0c1b771 --json
    """
    from runlore.reader import compare

    if len(runs) < 2:
        raise InvalidArgument(f"{runs[0]!r} alone cannot differ; name at least two runs")
    session = open_session(store)
    views = [find_run(session, name) for name in runs]
    frame = compare(views, everything=everything)
    rows = [(*index, *values) for index, values in zip(frame.index, frame.to_numpy().tolist(), strict=True)]
    if json:
        print_json(
            {
                "runs": [{"uid": v.uid, "experiment": v.experiment, "number": v.number} for v in views],
                "differences": [{"section": row[0], "key": row[1], "values": list(row[2:])} for row in rows],
            }
        )
        return
    if not rows:
        say("no difference")
        return
    rows = [row for row in rows if everything or not (row[1].startswith("system/") or row[:2] in _IN_THE_TITLE)]
    rows.sort(key=lambda row: _SECTIONS.index(row[0]))
    for_key, share = _shares([len_of(row[1]) for row in rows], len(views))
    columns = [Column(""), Column("key", whole=True), *(Column(_tail(str(name), share)) for name in frame.columns)]
    shown = ""
    cells = []
    for section, key, *values in rows:
        cells.append(
            [
                "" if section == shown else section,
                _tail(key, for_key),
                *(_side(section, key, value) for value in values),
            ]
        )
        shown = section
    left_out = print_table(columns, cells, longest=share)
    if left_out:
        note(f"{fmt.plural(left_out, 'run')} left out for want of room; --json has all")


_SECTIONS = ("run", "params", "metrics", "tags", "artifacts")
_IN_THE_TITLE = (("run", "experiment"), ("run", "number"))


def _side(section: str, key: str, value: Any) -> str:
    if value is None:
        return "-"
    if section == "tags" and value == "":
        return "yes"
    return fmt.duration(value) if key == "duration_s" else fmt.value(value) or '""'


def _tail(name: str, most: int) -> str:
    """A path, or the name of a run; of one that is too long the end, which tells it from others."""
    text = fmt.printable(name)
    if len_of(text) <= most:
        return text
    while len_of(text) >= most:
        text = text[1:]
    return f"…{text}"


def _shares(keys: list[int], runs: int) -> tuple[int, int]:
    """Characters that a key, and that each value, may have, so that all runs are seen."""
    limit = width()
    if limit == UNLIMITED:
        return UNLIMITED, UNLIMITED
    for_key = min(max(keys, default=0), max(12, limit // 4))
    section = max(map(len, _SECTIONS))
    return for_key, max(8, (limit - section - 2 - for_key) // runs - 2)
