"""`card`: one card of the registry."""

from __future__ import annotations

import json as json_module
import os
from typing import TYPE_CHECKING, Any

import click

from runlore.cli import _format as fmt
from runlore.cli._command import Entry, Group, command
from runlore.cli._errors import ERROR
from runlore.cli._options import argument, flag, json_option, option, store_option, wide_option
from runlore.cli._output import print_fields, print_json, say
from runlore.cli._saving import copy_out, problems_as_json, tell_problems, tell_saved
from runlore.cli._session import open_run, title_of
from runlore.cli._table import Column, View, print_table
from runlore.cli.cards import record, tags_of
from runlore.errors import InvalidArgument, RunNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.registry import Card

card = Group(
    "card",
    (
        Entry("show", "card:show", "Show one card: what it is, its contents, and what it came of."),
        Entry("register", "card:register", "Register files as the next version of a card."),
        Entry("alias", "card:alias", "Give a version an alias, which another version of that name loses."),
        Entry("tag", "card:tag", "Set tags of a card."),
        Entry("download", "card:download", "Copy the contents of a card out of the store."),
        Entry("delete", "card:delete", "Delete a card."),
    ),
    no_args_is_help=True,
    help="Show, register and change cards of the registry. CARD is kind/space/name, with @version, @range or @alias "
    "where wanted, or the beginning of a uid.",
)

_card_argument = argument(
    "card", metavar="CARD", of="cards", help="kind/space/name@version (or @^1.2, @champion; the latest), or a uid."
)


@command("show")
@_card_argument
@wide_option
@store_option
@json_option
def show(card: str, wide: bool, store: str | None, json: bool) -> None:
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
    say(str(found), "bold")
    print_fields(
        [
            ("uid", found.uid), ("registered", fmt.local_time(found.created_ns)), ("user", found.user or ""),
            ("host", found.host or ""), ("run", _run(found)), ("deleted", "yes" if found.deleted else ""),
            ("aliases", ", ".join(found.aliases)), ("stage", found.stage or ""), ("tags", tags_of(found)),
            ("description", found.description or ""), ("note", found.note or ""),
            ("made from", ", ".join(map(str, line.ancestors))), ("used for", ", ".join(map(str, line.descendants))),
            *[(key, fmt.value(value)) for key, value in sorted(found.metadata.items())],
            ("damage", "; ".join(found.damage)),
        ]
    )  # fmt: skip
    artifacts = found.artifacts()
    if artifacts:
        say()
        print_table(
            [Column("artifact", needed=True), Column("kind"), Column("size", right=True), Column("sha256", most=12)],
            [[item.name, item.kind, fmt.size(item.size), item.digest or ""] for item in artifacts],
            View(None, wide),
            how="--wide and --json show all",
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


@command("register")
@argument("card", metavar="CARD", of="cards", help="kind/space/name, with @version where wanted.")
@argument("files", metavar="PATH", nargs=-1, of="files", help="Files and directories; NAME=PATH names one.")
@option("--bump", metavar="STEP", default="minor", help="major, minor, patch, pre or build.")
@option("--tag", metavar="KEY[=VALUE]", multiple=True, help="A tag; repeatable.")
@option("--metadata", metavar="JSON", help="An object.")
@option("--description", metavar="TEXT", help="What it is.")
@option("--input", "made_from", metavar="CARD", multiple=True, of="cards", help="What it was made from; repeatable.")
@option("--run", metavar="UID", of="runs", help="The run that made it.")
@store_option
@json_option
def register(
    card: str, files: tuple[str, ...], bump: str, tag: tuple[str, ...], metadata: str | None, description: str | None,
    made_from: tuple[str, ...], run: str | None, store: str | None, json: bool,
) -> None:  # fmt: skip
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
        *called, version=version if at else None, bump=bump, artifacts=_files(files),
        metadata=_object(metadata), description=description, tags=dict(_pair(item) for item in tag),
        inputs=[registry.find(item, store=store) for item in made_from], run=run, store=store,
    )  # fmt: skip
    _done(registered, "registered", json=json)


def _files(arguments: tuple[str, ...]) -> dict[str, Any]:
    from pathlib import Path

    found: dict[str, Any] = {}
    for given in arguments:
        name, equals, path = given.partition("=")
        if not equals or os.path.exists(given):
            name, path = os.path.basename(os.path.normpath(given)), given
        if name in found:
            raise InvalidArgument(f"{given!r}: {name!r} is given twice; name one with NAME=PATH")
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


@command("alias")
@_card_argument
@argument("name", metavar="ALIAS", help="A word such as champion.")
@flag("--remove", help="Take it away.")
@store_option
@json_option
def alias(card: str, name: str, remove: bool, store: str | None, json: bool) -> None:
    """Give a version an alias, which another version of that name loses.

    \b
    Examples:
      runlore card alias model/nlp/sentiment@1.2.0 champion
      runlore card alias model/nlp/sentiment@champion champion --remove
    """
    from runlore import registry

    change = registry.remove_alias if remove else registry.alias
    _change(card, lambda found: change(found, name), "changed", store=store, json=json)


@command("tag")
@_card_argument
@argument("tags", metavar="KEY[=VALUE]", nargs=-1, required=True, help="Tags to set.")
@flag("--remove", help="Remove them.")
@store_option
@json_option
def tag(card: str, tags: tuple[str, ...], remove: bool, store: str | None, json: bool) -> None:
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


@command("download")
@_card_argument
@option("--to", "-o", metavar="DIR", default=".", of="directories", help="Where to put the files.")
@flag("--force", "-f", help="Replace files that exist.")
@store_option
@json_option
def download(card: str, to: str, force: bool, store: str | None, json: bool) -> None:
    """Copy the contents of a card out of the store.

    \b
    Examples:
      runlore card download model/nlp/sentiment@champion --to models/
    """
    from runlore.registry import find

    found = find(card, store=store)
    items = found.artifacts()
    saved = copy_out(items, to, force=force)
    if json:
        paths = list(saved.paths.values())
        print_json({"uid": found.uid, "card": str(found), "files": paths, **problems_as_json(saved)})
    else:
        tell_saved(saved, {item.name: item.size for item in items})
    if tell_problems(saved):
        raise click.exceptions.Exit(ERROR)


@command("delete")
@_card_argument
@flag("--undo", help="Bring a deleted card back; name it by its uid.")
@store_option
@json_option
def delete(card: str, undo: bool, store: str | None, json: bool) -> None:
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
        say(f"{done} {card}  {card.uid}")
