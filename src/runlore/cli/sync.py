"""`sync`: sending what waits in the spool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._errors import ERROR
from runlore.cli._options import flag, json_option, option
from runlore.cli._output import note, print_json, say
from runlore.cli._progress import Bar
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from runlore.ship.spool import Spool
    from runlore.ship.syncing import Synced


@command("sync")
@option("--store", metavar="URL", help="The server. By default RUNLORE_STORE if that is one, else all servers.")
@flag("--all", help="What waits for any server.")
@flag("--dry-run", "-n", help="Send nothing; say what waits.")
@json_option
def sync(store: str | None, all: bool, dry_run: bool, json: bool) -> None:  # noqa: A002 - the option is called --all
    """Send to the server what waits on this machine: runs recorded offline, and those of killed processes.

    What a living process records is left to that process. Twice is the same as once. The exit code is 1 where something
    is left that should have been sent.

    \b
    Examples:
      runlore sync
      runlore sync --store https://lore.example.com --dry-run
      runlore sync --all --json
    """
    from runlore.ship.syncing import sync as send

    if store is not None and all:
        raise InvalidArgument("--store and --all: give one of them")
    results: list[Synced] = []
    for spool in _spools(store, everything=all):
        with Bar(f"Sending to {spool.address}") as bar:
            results.append(send(spool, dry_run=dry_run, progress=bar.update))
    runs = [run for result in results for run in result.runs]
    refused = {digest: why for result in results for digest, why in result.refused_contents.items()}
    if json:
        print_json({"dry_run": dry_run, "runs": [run._asdict() for run in runs], "refused_contents": refused})
    else:
        _tell(results, dry_run=dry_run)
    if not dry_run and not all_complete(results):
        raise click.exceptions.Exit(ERROR)


def all_complete(results: list[Synced]) -> bool:
    """Whether nothing is left."""
    return all(result.is_complete for result in results)


def _spools(store: str | None, *, everything: bool) -> list[Spool]:
    """The spools that are meant.

    Raises:
        InvalidArgument: the address is none of a server.
    """
    import os

    from runlore.ship.settings import is_server
    from runlore.ship.spool import every_spool
    from runlore.ship.store import open_spooled

    named = store
    if named is None and not everything:
        given = os.environ.get("RUNLORE_STORE", "")
        named = given if is_server(given) else None
    elif named is not None and not is_server(named):
        raise InvalidArgument(f"--store {named!r} is no address of a server, such as https://lore.example.com")
    return [open_spooled(named).spool] if named is not None else every_spool()


def _tell(results: list[Synced], *, dry_run: bool) -> None:
    runs = [run for result in results for run in result.runs]
    if not runs:
        say("Nothing waits.")
    for run in runs:
        name = f"{run.experiment}#{run.number}" if run.number is not None else run.experiment
        if dry_run:
            say(f"{name}  {run.uid}  waits for {run.store}  {fmt.size(run.waiting_bytes)}")
        elif not run.reason:
            say(f"{name}  {run.uid}  sent to {run.store}")
        else:
            note(f"{name}  {run.uid}  {fmt.size(run.waiting_bytes)} left for {run.store}: {run.reason}")
    for result in results:
        for digest, why in result.refused_contents.items():
            note(f"contents {digest} left: {why}")
