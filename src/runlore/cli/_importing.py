"""What the commands that import from other trackers share: options, the import itself, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runlore.cli import _format as fmt
from runlore.cli._errors import ERROR
from runlore.cli._options import flag, option
from runlore.cli._output import note, print_json, say
from runlore.cli._progress import Bar
from runlore.errors import StoreNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.importers import Report, Source, Taken
    from runlore.store.base import Store

experiment_option = option(
    "--experiment", "-e", metavar="NAME", of="experiments", help="Put all runs into this one, whatever the source says."
)
dry_option = flag("--dry-run", help="Only read the source, and say what would be taken in.")


def take_in(
    open_source: Callable[[], Source], experiment: str | None, store: str | None, *, dry: bool, json: bool
) -> None:  # fmt: skip
    """Import a source, and tell what became of it."""
    from runlore.importers import import_runs

    source = open_source()  # before the store is made, where there is none yet
    place = _open(store, dry=dry)
    with Bar("Reading" if dry else "Importing") as bar:
        try:
            report = import_runs(place, source, experiment=experiment, dry=dry, progress=bar.update)
        except KeyboardInterrupt:
            if not dry:
                note("what was taken in stays; the same command again adds the rest")
            raise
    tell(report, json=json)


def _open(store: str | None, *, dry: bool) -> Store | None:
    """The store; none, where a dry run would have to make it."""
    from runlore.opening import open_store

    try:
        return open_store(store, create=not dry)
    except StoreNotFound:
        return None


def tell(report: Report, *, json: bool) -> None:
    """Print a report, and end with an error where something was left out."""
    if json:
        print_json(report.to_json())
    else:
        states = [run.state for run in report.runs]
        counted = ", ".join(f"{states.count(state):,} {state}" for state in dict.fromkeys(states)) or "no run"
        say(f"{report.location}: {counted}{' (nothing was written)' if report.dry else ''}")
        total = report.total()
        say(
            f"{fmt.plural(total.points, 'point')}, {fmt.plural(total.facts, 'fact')}, {fmt.plural(total.files, 'file')}"
            f" ({fmt.size(total.bytes)}), checksum {total.checksum:016x}{'' if report.dry else _proof(report)}"
        )
        for problem in report.problems:
            note(problem)
        for run in report.runs:
            _tell_problems(run)
    if not report.is_whole:
        raise click.exceptions.Exit(ERROR)


def _proof(report: Report) -> str:
    same = sum(run.is_same for run in report.runs)
    if same == len(report.runs):
        return "; read back from the store, all the same"
    return f"; read back from the store, {same:,} of {fmt.plural(len(report.runs), 'run')} the same"


def _tell_problems(run: Taken) -> None:
    name = f"{run.experiment}#{run.number}" if run.number else run.id
    for problem in run.problems:
        note(f"{name}: {problem}")
    if run.store is not None and not run.is_same:
        note(
            f"{name} ({run.uid}) has {run.store.points:,} points (checksum {run.store.checksum:016x}), "
            f"{run.store.facts:,} facts and {run.store.files:,} files of the source's {run.source.points:,} "
            f"({run.source.checksum:016x}), {run.source.facts:,} and {run.source.files:,}: it was changed here or there"
        )


def until_interrupted(interval_s: float) -> Callable[[int], bool]:
    """What waits for a moment, and tells whether nobody pressed Ctrl-C meanwhile, or sent SIGTERM."""
    import signal
    from threading import Event

    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return lambda _: not ended.wait(interval_s)
