"""`demo`: see what Runlore does, in some seconds."""

from __future__ import annotations

import os
import shlex
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import json_option, store_option
from runlore.cli._output import print_json, say
from runlore.cli._output import status_cell as status_of
from runlore.cli._progress import Bar
from runlore.cli._session import find_runs, open_session, run_records
from runlore.cli._table import Column, print_table
from runlore.errors import RunloreError

if TYPE_CHECKING:
    from runlore.demo import DemoResult
    from runlore.reader.session import Session


@command("demo")
@store_option
@json_option
def demo(store: str | None, json: bool) -> None:
    """Train real models, kill one of the trainings, and look at what was recorded.

    Needs the extra `demo`: pip install 'runlore[demo]'. Records into ./.runlore, as any run would.

    \b
    Examples:
      runlore demo
      runlore demo --store /tmp/try
    """
    from runlore.demo import run_demo

    begun = monotonic()
    with Bar("preparing", patience_s=0) as bar:
        bar.update(0, 1)
        result = run_demo(store, bar.update)
    seconds = monotonic() - begun
    if json:
        print_json({**result._asdict(), "seconds": round(seconds, 3)})
    else:
        _tell(result, seconds)
    if result.found < result.logged:
        raise DemoFailed(
            f"{result.logged - result.found} points of the killed run {result.killed_uid} are missing from "
            f"{result.store!r}; please report this, with the directory of the run"
        )


class DemoFailed(RunloreError, RuntimeError):
    """What the demonstration is there to show is not so."""


def _tell(result: DemoResult, seconds: float) -> None:
    from runlore.demo import DIABETES, DIGITS

    session = open_session(result.store)
    say(f"{result.runs} runs in {fmt.duration(seconds)}, recorded in {result.store}", "bold")
    for experiment, metric, extra in ((DIGITS, "val/acc", "val/loss"), (DIABETES, "val/r2", "val/mae")):
        say()
        _table(session, experiment, metric, extra)
    killed = next(record for record in _records(session, DIGITS, "-started") if record["uid"] == result.killed_uid)
    run = f"{DIGITS}#{killed['number']}"
    say()
    say(f"{run} was killed with `kill -9` in mid-training. It had logged {result.logged} points; "
        f"{result.found} are in the store: nothing is lost.")  # fmt: skip
    say()
    say("Go on with:", "bold")
    for line in (
        "runlore ls",
        f"runlore runs 'metrics.val/acc > 0.95' -e {DIGITS} --order-by -metrics.val/acc",
        f"runlore show {run}",
        f"runlore diff {DIGITS}#1 {DIGITS}#2",
        f"runlore logs {DIGITS}#1",
        f"runlore artifacts {DIGITS}#1 get --to demo-artifacts",
        "runlore ui",
    ):
        say(f"  {line}{_store_option(result.store)}")


def _store_option(store: str) -> str:
    """What has to be added to a command so that it finds the store; nothing in the usual place."""
    from runlore.config import store_address

    return "" if store_address() == store else f" --store {shlex.quote(os.path.relpath(store))}"


def _records(session: Session, experiment: str, order_by: str) -> list[dict[str, Any]]:
    return run_records(find_runs(session, None, order_by, None, [experiment]))


def _table(session: Session, experiment: str, metric: str, extra: str) -> None:
    columns = [Column("run"), Column("name"), Column("status"), Column(metric, right=True, needed=True),
               Column(extra, right=True), Column("took", right=True)]  # fmt: skip
    rows = [
        [f"{experiment}#{record['number']}", record["name"] or "", status_of(record["status"]),
         *(fmt.number(record["metrics"].get(key, float("nan"))) for key in (metric, extra)),
         fmt.duration(record["duration_s"])]
        for record in _records(session, experiment, f"-metrics.{metric}")
    ]  # fmt: skip
    print_table(columns, rows)
