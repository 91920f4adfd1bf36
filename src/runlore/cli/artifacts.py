"""`artifacts`: what a run kept, and getting it."""

from __future__ import annotations

import fnmatch
import shutil
from typing import TYPE_CHECKING

import click

from runlore.cli import _format as fmt
from runlore.cli import _streams
from runlore.cli._command import command
from runlore.cli._errors import ERROR
from runlore.cli._options import (
    argument,
    columns_option,
    flag,
    json_option,
    option,
    run_argument,
    store_option,
    wide_option,
)
from runlore.cli._output import note, print_json
from runlore.cli._saving import copy_out, problems_as_json, tell_problems, tell_saved
from runlore.cli._session import open_run, title_of
from runlore.cli._table import Column, View, print_table
from runlore.cli.show import artifact_record
from runlore.errors import ArtifactNotFound, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.reader import Artifact, RunView

_COLUMNS = (
    Column("name", needed=True), Column("kind"), Column("size", right=True), Column("step", right=True),
    Column("logged", whole=True), Column("type"), Column("sha256", most=12),
)  # fmt: skip


@command("artifacts")
@run_argument
@argument("action", metavar="get", help="Copy them out of the store.", required=False, of="get")
@argument("names", metavar="NAME", help="Only these, or globs.", nargs=-1, of="artifacts")
@option("--kind", metavar="KIND", help="Only model, image, table …")
@option("--to", "-o", metavar="DIR", default=".", of="directories", help="Where get puts them; -: print the contents.")
@flag("--force", "-f", help="Replace files that exist.")
@columns_option
@wide_option
@store_option
@json_option
def artifacts(
    run: str, action: str | None, names: tuple[str, ...], kind: str | None, to: str, force: bool, columns: str | None,
    wide: bool, store: str | None, json: bool,
) -> None:  # fmt: skip
    """List the artifacts of a run, or get them.

    Of several versions of a name, the latest is copied. A name that no file can have is said, and what it became.

    \b
    Examples:
      runlore artifacts iris#3
      runlore artifacts iris#3 get model --to models/
      runlore artifacts iris#3 get 'plots/*' notes.txt
      runlore artifacts iris#3 get notes.txt --to -
    """
    if action not in (None, "get"):
        raise InvalidArgument(f"{action!r}: use `get`, or nothing to list the artifacts")
    view = open_run(store, run)
    found = view.artifacts(kind)
    if action == "get":
        _get(view, _chosen(view, found, names), to, force=force, json=json)
    elif json:
        print_json({"uid": view.uid, "artifacts": [artifact_record(item) for item in found]})
    elif found:
        print_table(_COLUMNS, [_row(item) for item in found], View(columns, wide))
    else:
        note(f"{title_of(view)} has no artifacts{f' of kind {kind}' if kind else ''}")


def _row(item: Artifact) -> list[str]:
    return [
        item.name, item.kind, fmt.size(item.size), fmt.step(item.step), fmt.local_time(item.time_ns),
        fmt.value(item.media_type), item.digest or "",
    ]  # fmt: skip


def _chosen(view: RunView, found: Sequence[Artifact], names: Sequence[str]) -> list[Artifact]:
    """The latest version of each artifact that was asked for."""
    latest: dict[str, Artifact] = {}
    for item in sorted(found, key=lambda item: item.time_ns):
        latest[item.name] = item
    if not names:
        return [item for item in latest.values() if item.digest is not None]
    chosen: dict[str, Artifact] = {}
    for name in names:
        matching = [other for other in latest if other == name or fnmatch.fnmatchcase(other, name)]
        if not matching:
            if any(character in name for character in "*?["):
                raise ArtifactNotFound(f"{title_of(view)} has no artifact that matches {name!r}")
            view.artifact(name)  # raises, and names similar ones
        chosen.update((other, latest[other]) for other in matching)
    return list(chosen.values())


def _get(view: RunView, chosen: list[Artifact], to: str, *, force: bool, json: bool) -> None:
    if to == "-":
        if json:
            raise InvalidArgument("--json and --to - both want stdout; leave one away")
        with _streams.binary_stdout() as out:
            for item in chosen:
                with item.open() as file:
                    shutil.copyfileobj(file, out)
        return
    saved = copy_out(chosen, to, force=force)
    sizes = {item.name: item.size for item in chosen}
    if json:
        files = [{"name": name, "path": path, "size": sizes[name]} for name, path in saved.paths.items()]
        print_json({"uid": view.uid, "files": files, **problems_as_json(saved)})
    else:
        tell_saved(saved, sizes)
    if tell_problems(saved):
        raise click.exceptions.Exit(ERROR)
