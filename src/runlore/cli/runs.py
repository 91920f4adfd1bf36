"""`runs`: runs that a query finds."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import (
    argument,
    experiments_option,
    json_option,
    option,
    store_option,
    system_option,
    wide_option,
)
from runlore.cli._output import note, print_json
from runlore.cli._session import find_runs, list_experiments, open_session, run_records
from runlore.errors import InvalidArgument, QuerySyntaxError

if TYPE_CHECKING:
    from runlore.reader.session import Session

DEFAULT_LIMIT = 100


@command("runs")
@argument("query", metavar="QUERY", help="For example 'metrics.loss < 0.1'.", required=False)
@experiments_option
@option("--order-by", "-o", metavar="FIELDS", of="fields", help="'-metrics.acc', 'metrics.loss, started desc' …")
@option(
    "--limit", "-n", metavar="N", type=click.IntRange(min=0), default=DEFAULT_LIMIT, help="At most so many; 0: all."
)
@option("--columns", "-c", metavar="FIELDS", of="fields", help="Show these, such as 'status,params.lr,metrics.acc'.")
@wide_option
@system_option
@store_option
@json_option
def runs(
    query: str | None, experiment: tuple[str, ...], order_by: str | None, limit: int, columns: str | None, wide: bool,
    system: bool, store: str | None, json: bool,
) -> None:  # fmt: skip
    """Find runs with the query language, the newest first.

    Metrics are shown with their last value, params where they differ between the runs. With --wide, all that is known
    of them in a word or a number.

    \b
    Examples:
      runlore runs
      runlore runs 'metrics.acc > 0.9 and params.lr < 0.1' --order-by -metrics.acc
      runlore runs "status = 'crashed' and started > '-7d'"
      runlore runs -e 'vision/*' -c name,params.lr,metrics.loss -n 10
    """
    session = open_session(store)
    try:
        found = find_runs(session, query, order_by, limit or None, experiment)
    except QuerySyntaxError as error:
        _suggest_experiment(session, query, error)
        raise
    records = run_records(found)
    more = found.page.next_cursor is not None
    if json:
        print_json(
            {"store": session.store.location, "runs": [for_json(item, system=system) for item in records], "more": more}
        )
        return
    if records:
        from runlore.cli._runs_table import print_runs

        print_runs(records, found, columns, wide=wide, system=system)
    else:
        note("no run matches" if query or experiment else f"no runs in {session.store.location}")
    for hint in found.hints:
        note(hint)
    if more:
        note(f"the first {fmt.plural(len(records), 'run')}; --limit 0 shows all")


def for_json(record: dict[str, Any], *, system: bool) -> dict[str, Any]:
    """A record as JSON has it: hardware metrics only where they were asked for."""
    return record if system else {key: value for key, value in record.items() if key != "system"}


def _suggest_experiment(session: Session, query: str | None, error: QuerySyntaxError) -> None:
    """Tell who named an experiment, as most commands want it, how that is done here.

    Raises:
        InvalidArgument: the query is the name of an experiment, or of what is above some.
    """
    name = (query or "").strip().rstrip("/")
    for record in list_experiments(session) if name else ():
        if record["experiment"] == name or record["experiment"].startswith(f"{name}/"):
            pattern = shlex.quote(name if record["experiment"] == name else f"{name}/**")
            raise InvalidArgument(
                f"{query!r} names experiments, and is no query; `runlore runs -e {pattern}` shows their runs"
            ) from error
