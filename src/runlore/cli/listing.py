"""`ls`: the experiments that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import columns_option, json_option, pattern_argument, store_option, wide_option
from runlore.cli._output import STATUS_STYLES, Cell, note, print_json
from runlore.cli._session import list_experiments, open_session
from runlore.cli._table import Column, View, print_table

if TYPE_CHECKING:
    from runlore.reader.session import Session

_COLUMNS = (
    Column("experiment"), Column("runs", right=True, needed=True), Column("updated"), Column("statuses", needed=True)
)  # fmt: skip


@command("ls")
@pattern_argument
@columns_option
@wide_option
@store_option
@json_option
def ls(experiment: str | None, columns: str | None, wide: bool, store: str | None, json: bool) -> None:
    """List the experiments of the store.

    \b
    Examples:
      runlore ls
      runlore ls 'vision/**'
      runlore ls --json | jq -r '.experiments[].experiment'
    """
    session = open_session(store)
    found = list_experiments(session, experiment)
    if json:
        print_json({"store": session.store.location, "experiments": found})
        return
    if found:
        rows = [
            [item["experiment"], f"{item['runs']:,}", fmt.ago(fmt.time_ns(item["updated"])), _statuses(item)]
            for item in found
        ]
        print_table(_COLUMNS, rows, View(columns, wide))
    note(f"{fmt.plural(len(found), 'experiment')} in {session.store.location}")
    if experiment is not None and not found:
        _tell_similar(session, experiment)


def _tell_similar(session: Session, pattern: str) -> None:
    from runlore.query.hints import missing_experiment

    hint = missing_experiment(pattern, [record["experiment"] for record in list_experiments(session)])
    if hint:
        note(hint)


def _statuses(record: dict[str, Any]) -> Cell:
    known = sorted(record["statuses"].items(), key=lambda item: -item[1])
    style = STATUS_STYLES.get(known[0][0], "") if len(known) == 1 else ""
    return Cell(", ".join(f"{count:,} {status}" for status, count in known), style)
