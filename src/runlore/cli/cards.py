"""`cards` and `card`: the registry."""

from __future__ import annotations

import json as json_module
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runlore.cli import _format as fmt
from runlore.cli._options import JsonOption, StoreOption
from runlore.cli._output import Column, note, print_fields, print_json, print_table, say
from runlore.cli._session import open_run, title_of
from runlore.errors import AlreadyExists, InvalidArgument, RunNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.registry import Card

app = typer.Typer(
    name="card",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Show, register and change cards of the registry. CARD is kind/space/name, with @version, @range or @alias "
    "where wanted, or the beginning of a uid.",
)

CardArgument = Annotated[
    str,
    typer.Argument(
        metavar="CARD", help="kind/space/name@version (or @^1.2, @champion; the latest), or a uid.", show_default=False
    ),
]


def cards(
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="QUERY",
            help="kind, kind/space or kind/space/name, or globs of these; @version, @range or @alias after it.",
            show_default=False,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Has this tag, or KEY=VALUE; repeatable.")
    ] = None,
    stage: Annotated[str | None, typer.Option("--stage", metavar="STAGE", help="Stands there.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="The newest first, not by name and version.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many.")] = 100,
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted ones too.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the cards of the registry.

    \b
    Examples:
      runlore cards
      runlore cards 'model/nlp/*@champion'
      runlore cards data --tag source=web --newest
    """
    from runlore.registry import list_cards

    pattern, _, version = (query or "").partition("@")
    found = list_cards(
        version=version or None, tags=tag or (), stage=stage, order_by="created" if newest else "version",
        deleted=deleted, store=store,
    )  # fmt: skip
    matching = [card for card in found if _matches(str(card.card_name), pattern)]
    shown = matching[:limit]
    if json:
        print_json({"cards": [record(card) for card in shown], "count": len(matching)})
        return
    if not shown:
        note("no card matches" if query or tag or stage else "no card is registered; runlore card register --help")
        return
    titles = ("card", "version", "aliases", "stage", "registered", "tags", "uid")
    columns = [Column(title, whole=title in ("registered", "uid")) for title in titles]
    print_table(
        columns,
        [
            [fmt.printable(str(card.card_name)), card.version, fmt.printable(", ".join(card.aliases)),
             fmt.value(card.stage), fmt.local_time(card.created_ns), fmt.printable(_tags(card)), card.uid]
            for card in shown
        ],
    )  # fmt: skip
    if len(matching) > len(shown):
        note(f"{len(matching) - len(shown)} more; --limit shows them")


def _matches(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return not pattern or fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern.rstrip('/')}/*")


def _tags(card: Card) -> str:
    return ", ".join(key if not value else f"{key}={value}" for key, value in sorted(card.tags.items()))


@app.command("show")
def show(card: CardArgument, store: StoreOption = None, json: JsonOption = False) -> None:
    """Show one card: what it is, what is said of it, its contents, and what it came of.

    \b
    Examples:
      runlore card show model/nlp/sentiment
      runlore card show model/nlp/sentiment@champion --json
    """
    from runlore.registry import find, lineage

    found = find(card, store=store)
    line = lineage(found)
    if json:
        cards_of = {
            "ancestors": [str(item) for item in line.ancestors],
            "descendants": [str(item) for item in line.descendants],
            "ancestor_runs": list(line.ancestor_runs),
            "descendant_runs": list(line.descendant_runs),
        }
        print_json({**record(found), "lineage": cards_of})
        return
    say(fmt.printable(str(found)), "bold")
    print_fields(
        [
            ("uid", found.uid), ("registered", fmt.local_time(found.created_ns)), ("user", fmt.value(found.user)),
            ("host", fmt.value(found.host)), ("run", _run(found)), ("deleted", "yes" if found.deleted else ""),
            ("aliases", fmt.printable(", ".join(found.aliases))), ("stage", fmt.value(found.stage)),
            ("tags", fmt.printable(_tags(found))), ("description", fmt.value(found.description)),
            ("note", fmt.value(found.note)),
            ("made from", fmt.printable(", ".join(map(str, line.ancestors)))),
            ("used for", fmt.printable(", ".join(map(str, line.descendants)))),
            *[(fmt.printable(key), fmt.value(value)) for key, value in sorted(found.metadata.items())],
            ("damage", fmt.printable("; ".join(found.damage))),
        ]
    )  # fmt: skip
    artifacts = found.artifacts()
    if artifacts:
        say()
        print_table(
            [Column("artifact"), Column("kind"), Column("size", right=True), Column("sha256")],
            [
                [fmt.printable(a.name), fmt.printable(a.kind), fmt.size(a.size), (a.digest or "")[:12]]
                for a in artifacts
            ],
        )


def _run(card: Card) -> str:
    """The run of a card as people call it, and its uid, which finds it in other stores."""
    if card.run is None:
        return ""
    try:
        view = open_run(card.store.location, card.run)
    except RunNotFound:  # it is in another store, or was removed
        return card.run
    return f"{title_of(view)}  {card.run}"


@app.command("register")
def register(
    card: Annotated[str, typer.Argument(metavar="CARD", help="kind/space/name, with @version where wanted.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Files and directories; NAME=PATH names one.", show_default=False),
    ] = None,
    bump: Annotated[str, typer.Option("--bump", metavar="STEP", help="major, minor, patch, pre or build.")] = "minor",
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="KEY[=VALUE]", help="A tag; repeatable.")] = None,
    metadata: Annotated[str | None, typer.Option("--metadata", metavar="JSON", help="An object.")] = None,
    description: Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is.")] = None,
    made_from: Annotated[
        list[str] | None, typer.Option("--input", metavar="CARD", help="A card that it was made from; repeatable.")
    ] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="UID", help="The run that made it.")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Register files as the next version of a card.

    \b
    Examples:
      runlore card register data/iris/flowers iris.csv --tag source=uci
      runlore card register model/iris/tree weights=out/model.bin --bump major --input data/iris/flowers
    """
    from runlore import registry
    from runlore.registry.finding import parse_reference

    called, _ = parse_reference(card)
    _, at, version = card.partition("@")
    registered = registry.register(
        *called, version=version if at else None, bump=bump, artifacts=_files(files or []),
        metadata=_object(metadata), description=description, tags=dict(_pair(item) for item in tag or ()),
        inputs=[registry.find(item, store=store) for item in made_from or ()], run=run, store=store,
    )  # fmt: skip
    _done(registered, "registered", json=json)


def _files(arguments: list[str]) -> dict[str, Any]:
    from pathlib import Path

    found: dict[str, Any] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or os.path.exists(argument):
            name, path = os.path.basename(os.path.normpath(argument)), argument
        if name in found:
            raise InvalidArgument(f"{argument!r}: {name!r} is given twice; name one with NAME=PATH")
        found[name] = Path(path)
    return found


def _object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json_module.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"--metadata {text!r} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidArgument(f"--metadata {text!r} must be a JSON object, such as '{{\"depth\": 3}}'")
    return value


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


@app.command("alias")
def alias(
    card: CardArgument,
    name: Annotated[str, typer.Argument(metavar="ALIAS", help="A word such as champion.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take it away.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Give a version an alias, which another version of that name loses.

    \b
    Examples:
      runlore card alias model/nlp/sentiment@1.2.0 champion
      runlore card alias model/nlp/sentiment@champion champion --remove
    """
    from runlore import registry

    change = registry.remove_alias if remove else registry.alias
    _change(card, lambda found: change(found, name), "changed", store=store, json=json)


@app.command("tag")
def tag(
    card: CardArgument,
    tags: Annotated[list[str], typer.Argument(metavar="KEY[=VALUE]", help="Tags to set.", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="Remove them.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Set tags of a card.

    \b
    Examples:
      runlore card tag model/nlp/sentiment reviewed by=anna
      runlore card tag model/nlp/sentiment reviewed --remove
    """
    from runlore import registry

    def change(found: Card) -> Card:
        for key, value in map(_pair, tags):
            found = registry.tag(found, key, None if remove else value)
        return found

    _change(card, change, "changed", store=store, json=json)


@app.command("download")
def download(
    card: CardArgument,
    to: Annotated[str, typer.Option("--to", "-o", metavar="DIR", help="Where to put the files.")] = ".",
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace files that exist.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Copy the contents of a card out of the store.

    \b
    Examples:
      runlore card download model/nlp/sentiment@champion --to models/
    """
    from runlore.registry import find

    found = find(card, store=store)
    for item in () if force else found.artifacts():
        path = os.path.join(to, *item.name.split("/"))
        if os.path.exists(path):
            raise AlreadyExists(f"{path!r} exists; --force replaces it. Nothing was copied")
    paths = found.download(to, overwrite=force)
    if json:
        print_json({"uid": found.uid, "card": str(found), "files": paths})
        return
    for path in paths:
        say(fmt.printable(path))


@app.command("delete")
def delete(
    card: CardArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Bring a deleted card back; name it by its uid.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Delete a card. Its version is never given out again.

    \b
    Examples:
      runlore card delete model/nlp/sentiment@0.1.0
      runlore card delete 01a1fb3c6cbb --undo
    """
    from runlore import registry

    change = registry.restore if undo else registry.delete
    _change(card, change, "restored" if undo else "deleted", store=store, json=json)


def _change(card: str, change: Callable[[Card], Card], done: str, *, store: str | None, json: bool) -> None:
    from runlore.registry import find

    _done(change(find(card, store=store)), done, json=json)


def _done(card: Card, done: str, *, json: bool) -> None:
    if json:
        print_json(record(card))
    else:
        say(f"{done} {fmt.printable(str(card))}  {card.uid}")


def record(card: Card) -> dict[str, Any]:
    """A card as JSON."""
    from runlore.reader.records import iso_time

    return {
        "uid": card.uid, "kind": card.kind, "space": card.space, "name": card.name, "version": card.version,
        "registered": iso_time(card.created_ns), "updated": iso_time(card.updated_ns), "user": card.user,
        "host": card.host, "description": card.description, "metadata": card.metadata, "run": card.run,
        "run_role": card.run_role,
        "inputs": list(card.inputs), "aliases": list(card.aliases), "tags": card.tags, "note": card.note,
        "stage": card.stage, "deleted": card.deleted, "damage": list(card.damage),
        "artifacts": [
            {"name": item.name, "kind": item.kind, "size": item.size, "media_type": item.media_type,
             "digest": item.digest}
            for item in card.artifacts()
        ],
    }  # fmt: skip
