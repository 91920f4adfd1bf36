"""`server backup` and `server restore`: a copy of all that a server keeps."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from runlore.cli import _format as fmt
from runlore.cli._accounts import address_of
from runlore.cli._command import command
from runlore.cli._errors import ERROR
from runlore.cli._options import argument, json_option, store_option
from runlore.cli._output import note, print_json, say
from runlore.cli._progress import Bar
from runlore.cli.accounts import accounts_option

if TYPE_CHECKING:
    from runlore.server.backup import Taken

_directory = argument("directory", metavar="DIR", of="directories", help="The directory of the backup.")


@command("backup")
@_directory
@json_option
@accounts_option
@store_option
def backup(directory: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Copy the store and the accounts into a directory; again: bring what is new. The server may go on.

    \b
    Examples:
      runlore server backup /mnt/backup/runlore --store /data/runs
    """
    from runlore.config import store_address
    from runlore.server.backup import back_up

    where = address_of(store, accounts)
    elsewhere = "://" in where
    found = None if elsewhere or not os.path.exists(where) else where
    with Bar("Backing up") as bar:
        taken = back_up(store_address(store), found, directory, progress=bar.update)
    if elsewhere:
        note("the accounts are in a database of their own: back that up with its own tools, such as pg_dump")
    _tell(taken, directory, json=json)


@command("restore")
@_directory
@json_option
@accounts_option
@store_option
def restore(directory: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Make a store and its accounts from a backup, where nothing is yet.

    \b
    Examples:
      runlore server restore /mnt/backup/runlore --store /data/runs
    """
    from runlore.config import store_address
    from runlore.errors import InvalidArgument
    from runlore.server import backup as backups

    where = address_of(store, accounts)
    if "://" in where:
        raise InvalidArgument(f"--accounts {where} should be a path; restore that database with its own tools")
    with Bar("Restoring") as bar:
        taken = backups.restore(directory, store_address(store), where, progress=bar.update)
    _tell(taken, store_address(store), json=json)


def _tell(taken: Taken, place: str, *, json: bool) -> None:
    merged = taken.merged
    if json:
        print_json({
            "place": os.path.abspath(place), "added": len(merged.added), "extended": len(merged.extended),
            "unchanged": merged.unchanged, "cards": merged.cards, "copied_bytes": merged.copied_bytes,
            "accounts": taken.accounts, "damaged": merged.damaged,
        })  # fmt: skip
    else:
        counts = f"{fmt.plural(len(merged.added), 'run')} added, {len(merged.extended):,} extended"
        rest = f"{merged.unchanged:,} unchanged, {fmt.size(merged.copied_bytes)} of contents copied"
        say(f"{place}: {counts}, {rest}, {'with' if taken.accounts else 'without'} accounts")
        for what in merged.damaged:
            note(f"left out: {what} is damaged; `runlore doctor` tells more")
    if merged.damaged:
        raise click.exceptions.Exit(ERROR)
