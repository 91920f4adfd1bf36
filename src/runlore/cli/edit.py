"""`tag`, `rename`, `note`, `archive`, `delete`, `restore`: facts that people add to runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from runlore.cli import _format as fmt
from runlore.cli._options import JsonOption, RunArgument, RunsArgument, StoreOption
from runlore.cli._output import print_fields, print_json, say
from runlore.cli._session import find_run, open_run, open_session, title_of
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.reader import RunView


def _each(
    store: str | None, runs: Sequence[str], change: Callable[[RunView], None], done: str, *, json: bool
) -> None:  # fmt: skip
    """Change every run, once all of them were found; say or print what became of them."""
    from runlore.reader.records import attributes

    session = open_session(store)
    views = list({view.uid: view for view in (find_run(session, name) for name in runs)}.values())
    for view in views:
        change(view)
        if not json:
            say(f"{title_of(view)}: {done}")
    if json:
        print_json({"runs": [{**attributes(view._record), "tags": view.tags} for view in views]})  # noqa: SLF001 - it says all


def tag(
    run: RunArgument,
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="KEY[=VALUE]", help="Tags to set.", show_default=False)
    ] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", "-r", metavar="KEY", help="Remove this tag.")] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Set or remove tags of a run; without any, show them.

    \b
    Examples:
      runlore tag iris#3 baseline stage=review
      runlore tag iris#3 --remove stage
      runlore tag iris#3
    """
    wanted: dict[str, Any] = {key: text for key, _, text in (item.partition("=") for item in tags or ())}
    wanted.update(dict.fromkeys(remove or ()))
    if wanted:
        _each(store, [run], lambda view: view.set_tags(wanted), "tagged", json=json)
        return
    view = open_run(store, run)
    if json:
        print_json({"uid": view.uid, "tags": view.tags})
    else:
        print_fields((fmt.printable(key), fmt.printable(text) or None) for key, text in view.tags.items())


def rename(
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.", show_default=False)],
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Give a run another name. Its experiment and number stay.

    \b
    Examples:
      runlore rename iris#3 'wide network, no dropout'
    """
    _each(store, [run], lambda view: view.set_name(name), "renamed", json=json)


def note(
    run: RunArgument,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What to note, or nothing to see notes.", show_default=False)
    ] = None,
    describe: Annotated[bool, typer.Option("--describe", help="Make the text the run's description.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Add a note to a run; without a text, show its notes.

    \b
    Examples:
      runlore note iris#3 'diverged after the schedule changed'
      runlore note iris#3
      runlore note iris#3 --describe 'Baseline of the paper, table 2'
    """
    if text is None:
        if describe:
            raise InvalidArgument("--describe needs a TEXT")
    elif describe:
        _each(store, [run], lambda view: view.set_description(text), "described", json=json)
        return
    view = open_run(store, run)
    if text is not None:
        view.set_note(text)
    if json:
        print_json({"uid": view.uid, "notes": view.notes})
    elif text is not None:
        say(f"{title_of(view)}: noted")
    else:
        for found in view.notes:
            say(fmt.lines(found))


def archive(
    runs: RunsArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Take them out of the archive.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Mark runs as done with. Nothing of them is removed; `archived = true` in queries tells them apart.

    \b
    Examples:
      runlore archive iris#1 iris#2
      runlore archive iris#1 --undo
    """
    _each(
        store, runs, lambda view: view.archive(not undo), "taken out of the archive" if undo else "archived", json=json
    )


def delete(runs: RunsArgument, store: StoreOption = None, json: JsonOption = False) -> None:
    """Put runs into the trash. `restore` takes them back; `gc` removes them for good, by default 30 days later.

    \b
    Examples:
      runlore delete iris#1 iris#2
      runlore runs 'metrics.acc < 0.2' --json | jq -r '.runs\\[].uid' | xargs runlore delete
    """
    _each(store, runs, lambda view: view.delete(), "in the trash; `runlore restore` takes it back", json=json)


def restore(runs: RunsArgument, store: StoreOption = None, json: JsonOption = False) -> None:
    """Take runs out of the trash. `runlore runs "deleted = true"` lists what is in it.

    \b
    Examples:
      runlore restore iris#1
    """
    _each(store, runs, lambda view: view.restore(), "restored", json=json)
