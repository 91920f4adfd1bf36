"""`ls`, `runs`: what is there."""

from __future__ import annotations

import difflib
import re
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runlore.cli import _format as fmt
from runlore.cli._options import JsonOption, PatternArgument, StoreOption
from runlore.cli._output import STATUS_STYLES, Cell, Column, note, print_json, print_table
from runlore.cli._output import status_cell as status_of
from runlore.cli._session import open_session
from runlore.errors import InvalidArgument, QuerySyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.reader.session import Session

DEFAULT_LIMIT = 100
_WHOLE = frozenset({"uid", "parent", "started", "ended"})
_FIELD = re.compile(r"(params|metrics|tags)\.(?:`([^`]+)`|([^\s<>=!,()]+))")


def ls(pattern: PatternArgument = None, store: StoreOption = None, json: JsonOption = False) -> None:
    """List the experiments of the store.

    \b
    Examples:
      runlore ls
      runlore ls 'vision/**'
      runlore ls --json | jq -r '.experiments\\[].experiment'
    """
    from runlore.reader.records import experiment_records

    session = open_session(store)
    found = experiment_records(session, pattern)
    if json:
        print_json({"store": session.store.location, "experiments": found})
        return
    columns = [Column("experiment"), Column("runs", right=True), Column("updated"), Column("statuses")]
    rows: list[list[Cell | str]] = [
        [fmt.printable(item["experiment"]), f"{item['runs']:,}", fmt.ago(_ns(item["updated"])), _statuses(item)]
        for item in found
    ]
    left_out = print_table(columns, rows) if rows else 0
    which = "" if pattern is None else f" called {pattern!r}"
    note(f"{fmt.plural(len(found), 'experiment')}{fmt.printable(which)} in {session.store.location}")
    if pattern is not None and not found:
        below = experiment_records(session, f"{pattern.rstrip('/')}/**")
        if below:
            note(fmt.printable(f"'{pattern.rstrip('/')}/**' finds {fmt.plural(len(below), 'experiment')} below it"))
    if left_out:
        note(f"{fmt.plural(left_out, 'column')} left out for want of room; --json has all")


def _ns(time: str) -> int:
    from datetime import datetime, timezone

    seconds = datetime.strptime(time[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(time[20:29])


def _statuses(record: dict[str, Any]) -> Cell:
    known = sorted(record["statuses"].items(), key=lambda item: -item[1])
    style = STATUS_STYLES.get(known[0][0], "") if len(known) == 1 else ""
    return Cell(", ".join(f"{count:,} {fmt.printable(status)}" for status, count in known), style)


def runs(
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="For example 'metrics.loss < 0.1'.", show_default=False)
    ] = None,
    experiment: Annotated[
        list[str] | None,
        typer.Option("--experiment", "-e", metavar="GLOB", help="Only these: a name or a glob; can be repeated."),
    ] = None,
    order_by: Annotated[
        str | None,
        typer.Option("--order-by", "-o", metavar="FIELDS", help="'-metrics.acc', 'metrics.loss, started desc' …"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="At most so many; 0: all.")] = DEFAULT_LIMIT,
    columns: Annotated[
        str | None,
        typer.Option("--columns", "-c", metavar="FIELDS", help="Show these, such as 'status,params.lr,metrics.acc'."),
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Find runs with the query language, the newest first.

    Metrics are shown with their last value, params where they differ between the runs.

    \b
    Examples:
      runlore runs
      runlore runs 'metrics.acc > 0.9 and params.lr < 0.1' --order-by -metrics.acc
      runlore runs "status = 'crashed' and started > '-7d'"
      runlore runs -e 'vision/*' -c name,params.lr,metrics.loss -n 10
    """
    from runlore.reader.records import run_records

    session = open_session(store)
    try:
        page = session.page(query, order_by, limit or None, experiment=experiment or None, facts=True)
    except QuerySyntaxError as error:
        _suggest_experiment(session, query, error)
        raise
    records = run_records(page.runs)
    more = page.next_cursor is not None
    if json:
        print_json({"store": session.store.location, "runs": records, "more": more})
        return
    if not records:
        note("no run matches" if query or experiment else f"no runs in {session.store.location}")
        for hint in _unknown_keys(session, f"{query or ''} {order_by or ''}"):
            note(hint)
        return
    wanted = _split(columns) if columns else _columns(records, f"{query or ''} {order_by or ''}")
    heads = [
        Column("run"),
        *(Column(_title(name), right=name.startswith("metrics."), whole=name in _WHOLE) for name in wanted),
    ]
    rows = [[_run_name(record), *(_cell(record, name) for name in wanted)] for record in records]
    left_out = print_table(heads, rows)
    for hint in _unknown_keys(session, order_by or ""):
        note(hint)
    if more:
        note(f"the first {len(records):,} runs; --limit 0 shows all")
    if left_out:
        note(f"{fmt.plural(left_out, 'column')} left out for want of room; --columns chooses, --json has all")


def _suggest_experiment(session: Session, query: str | None, error: QuerySyntaxError) -> None:
    """Tell who named an experiment, as most commands want it, how that is done here.

    Raises:
        InvalidArgument: the query is the name of an experiment, or of what is above some.
    """
    from runlore.reader.records import experiment_records

    name = (query or "").strip().rstrip("/")
    for record in experiment_records(session) if name else ():
        if record["experiment"] == name or record["experiment"].startswith(f"{name}/"):
            pattern = shlex.quote(name if record["experiment"] == name else f"{name}/**")
            raise InvalidArgument(
                f"{query!r} names experiments, and is no query; `runlore runs -e {pattern}` shows their runs"
            ) from error


def _unknown_keys(session: Session, text: str) -> Iterator[str]:
    """What to say of params, metrics and tags that a query names and that no run has."""
    from runlore.reader.records import keys_of

    for kind, quoted, plain in dict.fromkeys(_FIELD.findall(text)):
        key, known = quoted or plain, keys_of(session, kind)
        if key not in known:
            similar = difflib.get_close_matches(key, known, 3)
            hint = f"; similar: {', '.join(similar)}" if similar else ""
            yield fmt.printable(f"no run has {kind}.{key}{hint}")


def _run_name(record: dict[str, Any]) -> str:
    if record["number"] is None:
        return fmt.printable(f"{record['experiment']} {record['uid']}")
    return fmt.printable(f"{record['experiment']}#{record['number']}")


def _split(columns: str) -> list[str]:
    wanted = [name.strip() for name in columns.split(",") if name.strip()]
    known = {"uid", "name", "status", "started", "ended", "duration", "user", "host", "group", "parent", "description",
             "points", "lost"}  # fmt: skip
    for name in wanted:
        if name not in known and name.partition(".")[0] not in ("params", "metrics", "tags"):
            raise InvalidArgument(
                f"--columns: there is no column {name!r}; use params.…, metrics.…, tags.… or "
                + ", ".join(sorted(known))
            )
    return wanted


def _columns(records: list[dict[str, Any]], mentioned: str) -> list[str]:
    """What is worth showing, the most telling first: what the query names, then what differs."""
    first = [f"{kind}.{quoted or plain}" for kind, quoted, plain in _FIELD.findall(mentioned)]
    present = {kind: _keys(records, kind) for kind in ("metrics", "params", "tags")}
    params = [key for key in present["params"] if len(records) == 1 or _differs(records, key)]
    return list(
        dict.fromkeys(
            [
                "status",
                *(["name"] if any(record["name"] for record in records) else []),
                *(name for name in first if name.partition(".")[2] in present[name.partition(".")[0]]),
                *(f"metrics.{key}" for key in present["metrics"]),
                *(f"params.{key}" for key in params),
                "started",
                "duration",
                *(f"tags.{key}" for key in present["tags"]),
            ]
        )
    )


def _keys(records: list[dict[str, Any]], kind: str) -> list[str]:
    """Those that most runs have come first."""
    counts = Counter(key for record in records for key in record[kind])
    return sorted(counts, key=lambda key: (-counts[key], key))


def _differs(records: list[dict[str, Any]], key: str) -> bool:
    values = [record["params"].get(key) for record in records]
    return any(value != values[0] for value in values[1:])


def _title(name: str) -> str:
    return fmt.printable(name)


def _cell(record: dict[str, Any], name: str) -> Cell | str:
    kind, _, key = name.partition(".")
    if kind in ("params", "metrics", "tags"):
        if key not in record[kind]:
            return ""
        found = record[kind][key]
        return "yes" if kind == "tags" and found == "" else fmt.value(found)
    if name == "status":
        return status_of(record["status"])
    if name in ("started", "ended"):
        return fmt.local_time(_ns(record[name])) if record[name] else ""
    if name == "duration":
        return fmt.duration(record["duration_s"])
    return fmt.value(record[name])
