"""`team quota` and `retention`: how much teams may have, and what a server does by itself with old runs."""

from __future__ import annotations

import click

from runlore.cli._command import Entry, Group, command
from runlore.cli._options import argument, json_option, option, store_option
from runlore.cli._output import Cell, print_json
from runlore.cli._sizes import read_size
from runlore.cli._table import Column, print_table
from runlore.cli.accounts import accounts_option, done, opened, path_argument, team_argument, tell
from runlore.errors import InvalidArgument

retention = Group("retention", (
    Entry("add", "policies:add_rule", "Add a rule."),
    Entry("list", "policies:list_rules", "List the rules."),
    Entry("remove", "policies:remove_rule", "Remove a rule."),
), no_args_is_help=True, help="What a server does by itself with old runs.")  # fmt: skip


@command("quota")
@team_argument
@option("--bytes", "size", metavar="SIZE", help="Such as 500MB, 10GB or 2TB; none: as much as it likes.")
@option("--runs", metavar="N", help="How many; none: as many as it likes.")
@json_option
@accounts_option
@store_option
def set_quota(
    team: str, size: str | None, runs: str | None, json: bool, accounts: str | None, store: str | None
) -> None:
    """Say how many bytes and runs a team may have, in the experiments on which it is editor or admin.

    What is not named stays as it is. `runlore team list` shows how much of it there is.

    \b
    Examples:
      runlore team quota vision --bytes 500GB --runs 10000
      runlore team quota vision --runs none
    """
    if size is None and runs is None:
        raise InvalidArgument("say --bytes SIZE, --runs N, or both")
    most_runs = _count(runs)
    with opened(store, accounts) as book:
        book.people.team(team)
        now = next(quota for quota in book.quotas.all() if quota.team == team)
        wanted = {
            "most_bytes": now.most_bytes if size is None else None if size == "none" else read_size(size, "--bytes"),
            "most_runs": now.most_runs if runs is None else most_runs,
        }
        book.quotas.set(team, **wanted)
        tell(book, "team.quota", team, bytes=wanted["most_bytes"], runs=wanted["most_runs"])
    done({"team": team, **wanted}, f"the quota of {team} was set", json=json)


def _count(text: str | None) -> int | None:
    if text is None or text == "none":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidArgument(f"--runs {text[:40]!r} should be a number of runs, or none")
    return int(text)


@command("add")
@path_argument
@argument("action", metavar="ACTION", type=click.Choice(["trash", "artifacts", "empty"]), help="What is done.")
@option("--days", metavar="N", type=float, required=True, help="After so many days.")
@json_option
@accounts_option
@store_option
def add_rule(path: str, action: str, days: float, json: bool, accounts: str | None, store: str | None) -> None:
    """Add a rule, which a server with these accounts carries out once an hour.

    trash: runs that ended so many days ago go to the trash. artifacts: the contents of their artifacts are dropped, all
    else of them stays. empty: what is in the trash for so long is removed for good, everywhere.

    Runs that have the tag `keep`, and those that a registered card has to do with, stay as they are.

    \b
    Examples:
      runlore retention add 'scratch/**' trash --days 30
      runlore retention add '**' empty --days 60
    """
    with opened(store, accounts) as book:
        made = book.rules.add(path, action, days)
        tell(book, "retention.add", path, rule=made.id, does=action, days=days)
    done({"id": made.id, "path": path, "action": action, "days": days}, f"rule {made.id} was added", json=json)


@command("list")
@json_option
@accounts_option
@store_option
def list_rules(json: bool, accounts: str | None, store: str | None) -> None:
    """List the rules of retention.

    \b
    Examples:
      runlore retention list
    """
    with opened(store, accounts) as book:
        found = book.rules.all()
    if json:
        print_json({"rules": [
            {"id": one.id, "path": one.pattern, "action": one.action, "days": one.days} for one in found
        ]})  # fmt: skip
        return
    print_table(
        [Column("ID", right=True), Column("PATH"), Column("ACTION"), Column("DAYS", right=True)],
        [[Cell(str(one.id)), Cell(one.pattern), Cell(one.action), Cell(f"{one.days:g}")] for one in found],
    )


@command("remove")
@argument("rule", metavar="ID", type=int, help="Of the rule, as `runlore retention list` shows it.")
@json_option
@accounts_option
@store_option
def remove_rule(rule: int, json: bool, accounts: str | None, store: str | None) -> None:
    """Remove a rule of retention. What it did stays done.

    \b
    Examples:
      runlore retention remove 3
    """
    with opened(store, accounts) as book:
        gone = book.rules.remove(rule)
        tell(book, "retention.remove", gone.pattern, rule=gone.id, does=gone.action, days=gone.days)
    done({"id": rule}, f"rule {rule} was removed", json=json)
