"""`tag`, `rename`, `note`, `archive`, `delete`, `restore`: facts that people add to runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.cli._command import command
from runlore.cli._options import argument, flag, json_option, option, run_argument, runs_argument, store_option
from runlore.cli._output import print_fields, print_json, say
from runlore.cli._session import attributes_of, find_run, open_run, open_session, title_of
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.reader import RunView


def _each(
    store: str | None, runs: Sequence[str], change: Callable[[RunView], None], done: str, *, json: bool
) -> None:  # fmt: skip
    """Change every run, once all of them were found; say or print what became of them."""
    session = open_session(store, live=True)  # whoever changes a run looks whether the change holds
    views = list({view.uid: view for view in (find_run(session, name) for name in runs)}.values())
    for view in views:
        change(view)
        if not json:
            say(f"{title_of(view)}: {done}")
    if json:
        print_json({"runs": [{**attributes_of(view), "tags": view.tags} for view in views]})


@command("tag")
@run_argument
@argument("tags", metavar="KEY[=VALUE]", nargs=-1, help="Tags to set.")
@option("--remove", "-r", metavar="KEY", multiple=True, help="Remove this tag.")
@store_option
@json_option
def tag(run: str, tags: tuple[str, ...], remove: tuple[str, ...], store: str | None, json: bool) -> None:
    """Set or remove tags of a run; without any, show them.

    \b
    Examples:
      runlore tag iris#3 baseline stage=review
      runlore tag iris#3 --remove stage
      runlore tag iris#3
    """
    wanted: dict[str, Any] = {key: text for key, _, text in (item.partition("=") for item in tags)}
    wanted.update(dict.fromkeys(remove))
    if wanted:
        _each(store, [run], lambda view: view.set_tags(wanted), "tagged", json=json)
        return
    view = open_run(store, run)
    if json:
        print_json({"uid": view.uid, "tags": view.tags})
    else:
        print_fields((key, text or None) for key, text in view.tags.items())


@command("rename")
@run_argument
@argument("name", metavar="NAME", help="The new name.")
@store_option
@json_option
def rename(run: str, name: str, store: str | None, json: bool) -> None:
    """Give a run another name. Its experiment and number stay.

    \b
    Examples:
      runlore rename iris#3 'wide network, no dropout'
    """
    _each(store, [run], lambda view: view.set_name(name), "renamed", json=json)


@command("note")
@run_argument
@argument("text", metavar="TEXT", required=False, help="What to note, or nothing to see notes.")
@flag("--describe", help="Make the text the run's description.")
@store_option
@json_option
def note(run: str, text: str | None, describe: bool, store: str | None, json: bool) -> None:
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
    view = open_run(store, run, live=text is not None)
    if text is not None:
        view.set_note(text)
    if json:
        print_json({"uid": view.uid, "notes": view.notes})
    elif text is not None:
        say(f"{title_of(view)}: noted")
    else:
        for found in view.notes:
            say(found)


@command("archive")
@runs_argument
@flag("--undo", help="Take them out of the archive.")
@store_option
@json_option
def archive(runs: tuple[str, ...], undo: bool, store: str | None, json: bool) -> None:
    """Mark runs as done with. Nothing of them is removed; `archived = true` in queries tells them apart.

    \b
    Examples:
      runlore archive iris#1 iris#2
      runlore archive iris#1 --undo
    """
    done = "taken out of the archive" if undo else "archived"
    _each(store, runs, lambda view: view.archive(not undo), done, json=json)


@command("delete")
@runs_argument
@store_option
@json_option
def delete(runs: tuple[str, ...], store: str | None, json: bool) -> None:
    """Put runs into the trash. `restore` takes them back; `gc` removes them for good, by default 30 days later.

    \b
    Examples:
      runlore delete iris#1 iris#2
      runlore runs 'metrics.acc < 0.2' --json | jq -r '.runs[].uid' | xargs runlore delete
    """
    done = "in the trash; `runlore restore` takes it back"
    _each(store, runs, lambda view: view.delete(), done, json=json)


@command("restore")
@runs_argument
@store_option
@json_option
def restore(runs: tuple[str, ...], store: str | None, json: bool) -> None:
    """Take runs out of the trash. `runlore runs "deleted = true"` lists what is in it.

    \b
    Examples:
      runlore restore iris#1
    """
    _each(store, runs, lambda view: view.restore(), "restored", json=json)
