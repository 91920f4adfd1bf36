"""`artifacts`: what a run kept, and getting it."""

from __future__ import annotations

import fnmatch
import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from runlore.cli import _format as fmt
from runlore.cli._options import JsonOption, RunArgument, StoreOption
from runlore.cli._output import Column, note, print_json, print_table, say
from runlore.cli._session import open_run, title_of
from runlore.cli.show import artifact_record
from runlore.errors import AlreadyExists, ArtifactNotFound, InvalidArgument

if TYPE_CHECKING:
    from runlore.reader import Artifact, RunView


def artifacts(
    run: RunArgument,
    action: Annotated[
        str | None, typer.Argument(metavar="get", help="Copy them out of the store.", show_default=False)
    ] = None,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Only these, or globs.", show_default=False)
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only model, image, table …")] = None,
    to: Annotated[
        str, typer.Option("--to", "-o", metavar="DIR", help="Where get puts them; -: print the contents.")
    ] = ".",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace files that exist.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the artifacts of a run, or get them.

    Of several versions of a name, the latest is copied.

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
        _get(view, _chosen(view, found, names or []), to, force=force, json=json)
        return
    if json:
        print_json({"uid": view.uid, "artifacts": [artifact_record(item) for item in found]})
        return
    if not found:
        note(f"{title_of(view)} has no artifacts{f' of kind {kind}' if kind else ''}")
        return
    columns = [Column("name"), Column("kind"), Column("size", right=True), Column("step", right=True),
               Column("logged", whole=True), Column("type"), Column("sha256")]  # fmt: skip
    print_table(
        columns,
        [
            [fmt.printable(item.name), fmt.printable(item.kind), fmt.size(item.size), fmt.step(item.step),
             fmt.local_time(item.time_ns), fmt.value(item.media_type), (item.digest or "")[:12]]
            for item in found
        ],
    )  # fmt: skip


def _chosen(view: RunView, found: list[Artifact], names: list[str]) -> list[Artifact]:
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
        for item in chosen:
            with item.open() as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        return
    copied = []
    for item in () if force else chosen:
        path = os.path.join(to, *item.name.split("/"))
        if os.path.exists(path):
            raise AlreadyExists(f"{path!r} exists; --force replaces it. Nothing was copied")
    for item in chosen:
        path = item.download(to, overwrite=force)
        copied.append({"name": item.name, "path": path, "size": item.size})
        if not json:
            say(f"{fmt.printable(path)}  {fmt.size(item.size)}")
    if json:
        print_json({"uid": view.uid, "files": copied})
