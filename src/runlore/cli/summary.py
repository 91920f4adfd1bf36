"""`summary`: statistics of an experiment."""

from __future__ import annotations

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import columns_option, experiment_argument, json_option, store_option, wide_option
from runlore.cli._output import print_json
from runlore.cli._session import is_system, open_experiment, open_session
from runlore.cli._table import Column, View, print_table

_NEEDED = frozenset({"mean", "min", "max"})


@command("summary")
@experiment_argument
@columns_option
@wide_option
@store_option
@json_option
def summary(experiment: str, columns: str | None, wide: bool, store: str | None, json: bool) -> None:
    """Show how the runs of an experiment turned out: statistics of each metric's last value, and of how long they took.

    \b
    Examples:
      runlore summary iris
      runlore summary iris --json | jq '.metrics.loss.mean'
    """
    found = open_experiment(open_session(store), experiment)
    frame = found.summary()
    statistics = [name for name in frame.columns if name not in ("event", "key")]
    rows = frame.to_dict("records")
    if json:
        metrics = {row["key"]: {n: row[n] for n in statistics} for row in rows if row["event"] == "metric"}
        durations = {n: rows[-1][n] for n in statistics}
        print_json({"experiment": found.path, "metrics": metrics, "duration_s": durations})
        return
    rows.sort(key=lambda row: (row["event"] != "metric", is_system(str(row["key"]))))
    heads = [Column("metric"), *(Column(name, right=True, needed=name in _NEEDED) for name in statistics)]
    cells = [
        [
            "duration (s)" if row["event"] == "run" else row["key"],
            *("" if name != "count" and not row["count"] else fmt.number(row[name]) for name in statistics),
        ]
        for row in rows
    ]
    print_table(heads, cells, View(columns, wide))
