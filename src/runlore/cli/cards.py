"""`cards`: the registry as a list, and a card as JSON has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import argument, columns_option, flag, json_option, option, store_option, wide_option
from runlore.cli._output import note, print_json
from runlore.cli._table import Column, View, print_table
from runlore.names import keeps_books

if TYPE_CHECKING:
    from runlore.registry import Card

_COLUMNS = (
    Column("card", needed=True), Column("version", needed=True), Column("aliases", needed=True), Column("stage"),
    Column("registered", whole=True), Column("tags"), Column("uid", whole=True),
)  # fmt: skip


@command("cards")
@argument(
    "query",
    metavar="QUERY",
    required=False,
    of="cards",
    help="kind, kind/space or kind/space/name, or globs of these; @version, @range or @alias after it.",
)
@option("--tag", metavar="TAG", multiple=True, help="Has this tag, or KEY=VALUE; repeatable.")
@option("--stage", metavar="STAGE", help="Stands there.")
@flag("--newest", help="The newest first, not by name and version.")
@option("--limit", "-n", metavar="N", type=click.IntRange(min=1), default=100, help="At most so many.")
@flag("--deleted", help="Deleted ones too.")
@flag("--all", "every", help="Also those in which MLflow's clients keep their experiments and models.")
@columns_option
@wide_option
@store_option
@json_option
def cards(
    query: str | None, tag: tuple[str, ...], stage: str | None, newest: bool, limit: int, deleted: bool,
    every: bool, columns: str | None, wide: bool, store: str | None, json: bool,
) -> None:  # fmt: skip
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
        version=version or None, tags=tag, stage=stage, order_by="created" if newest else "version",
        deleted=deleted, store=store,
    )  # fmt: skip
    matching = [card for card in found if _matches(str(card.card_name), pattern)]
    books = 0
    if not every and not _names_kind(pattern):
        listed = [card for card in matching if not keeps_books(card.kind, card.space)]
        matching, books = listed, len(matching) - len(listed)
    shown = matching[:limit]
    if json:
        print_json({"cards": [record(card) for card in shown], "count": len(matching)})
        return
    if not shown:
        _say_none(books, asked=bool(query or tag or stage))
        return
    rows = [
        [str(card.card_name), card.version, ", ".join(card.aliases), fmt.value(card.stage),
         fmt.local_time(card.created_ns), tags_of(card), card.uid]
        for card in shown
    ]  # fmt: skip
    print_table(_COLUMNS, rows, View(columns, wide))
    if len(matching) > len(shown):
        note(f"{len(matching) - len(shown)} more; --limit shows them")


def _say_none(books: int, *, asked: bool) -> None:
    if books:
        note(f"no card but {fmt.plural(books, 'card')} in which MLflow's clients keep their things; --all shows them")
    else:
        note("no card matches" if asked else "no card is registered; runlore card register --help")


def _names_kind(pattern: str) -> bool:
    """Whether a pattern asks for one kind: whoever does so wants to see it."""
    kind = pattern.partition("/")[0]
    return bool(kind) and not any(mark in kind for mark in "*?[")


def _matches(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return not pattern or fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern.rstrip('/')}/*")


def tags_of(card: Card) -> str:
    """Its tags in a line."""
    return ", ".join(key if not value else f"{key}={value}" for key, value in sorted(card.tags.items()))


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
