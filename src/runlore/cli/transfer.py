"""`merge`, `export`, `import archive`: from one store to another, and out of it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

import click

from runlore.cli import _format as fmt
from runlore.cli import _streams
from runlore.cli._command import command
from runlore.cli._errors import ERROR
from runlore.cli._options import argument, flag, json_option, option, pattern_argument, store_option
from runlore.cli._output import note, print_json, say
from runlore.cli._progress import Bar
from runlore.cli._session import find_run, find_runs, open_session
from runlore.errors import AlreadyExists, InvalidArgument, NotFound, StoreNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from runlore.housekeeping import Merged
    from runlore.reader import RunView
    from runlore.reader.session import Session


FORMATS = ("parquet", "csv", "jsonl", "runlore")
"""What `export` writes."""

_SUFFIXES = {f".{name}": name for name in FORMATS}


@command("merge")
@argument("other", metavar="STORE", help="The store to take in.", of="directories")
@store_option
@json_option
def merge(other: str, store: str | None, json: bool) -> None:
    """Add everything that another store has to this one. Twice is the same as once.

    Runs keep their numbers where these are free here, and get the next ones where not; the attribute original_number
    then has the old one. A name that means another run here, such as an id that was chosen in a dialect, keeps its
    meaning, and both runs are named. The other store is only read.

    \b
    Examples:
      runlore merge /mnt/cluster/.runlore
      runlore merge ../other-project/.runlore --json
    """
    from runlore.housekeeping.merge import merge as merge_stores
    from runlore.opening import open_store
    from runlore.store.directory import in_files

    source = in_files(open_store(other), "merging")  # before this store is made, where there is none yet
    with _store_to_fill(store):
        session = open_session(store, live=True)
        with Bar("Merging") as bar:
            result = merge_stores(session, source, progress=bar.update)
    _tell_merged(result, json=json)


def _tell_merged(result: Merged, *, json: bool) -> None:
    if json:
        renumbered = [item._asdict() for item in result.renumbered]
        print_json(
            {**result._asdict(), "renumbered": renumbered, "clashes": [item._asdict() for item in result.clashes]}
        )
    else:
        parts = [f"{fmt.plural(len(result.added), 'run')} added", f"{len(result.extended):,} extended",
                 f"{result.unchanged:,} unchanged"]  # fmt: skip
        if result.blobs:
            parts.append(f"{fmt.size(result.copied_bytes)} of contents copied")
        if result.cards:
            parts.append(f"{fmt.plural(result.cards, 'card')} added")
        if result.claims:
            parts.append(f"{fmt.plural(result.claims, 'name')} taken over")
        say(", ".join(parts))
        for item in result.renumbered:
            say(f"{item.experiment}#{item.old} is {item.experiment}#{item.new} here  {item.uid}")
        for where in result.conflicts:
            note(f"left out: {where} means another card here; register it again as another version")
        for clash in result.clashes:
            here, there = _run(clash.run, clash.uid), _run(clash.other_run, clash.other_uid)
            name = f"the {clash.namespace} name {clash.name!r}"
            text = f"left as it is: {name} means {here} here, and {there} there; call the latter by its uid"
            note(text)
        for what in result.damaged:
            note(f"left out: {what if '/' in what else f'contents {what}'} is damaged")
    if result.conflicts or result.damaged or result.clashes:
        raise click.exceptions.Exit(ERROR)


def _run(label: str | None, uid: str) -> str:
    return f"{label or 'a run that is just being started'} ({uid})"


@command("export")
@pattern_argument
@option("--output", "-o", metavar="FILE", default="-", of="files", help="Where to; -: stdout.")
@option(
    "--format",
    "-f",
    metavar="FORMAT",
    type=click.Choice(FORMATS),
    help="parquet, csv, jsonl or runlore; by default what FILE's ending says, else csv.",
)
@option("--run", "-r", metavar="RUN", multiple=True, of="runs", help="Only these; can be repeated.")
@option("--query", "-q", metavar="QUERY", help="Only runs that it finds.")
@option("--event", metavar="KIND", multiple=True, help="Only these: metric, param … (not for runlore).")
@option("--key", "-k", metavar="KEY", multiple=True, of="keys", help="Only these keys (not for runlore).")
@flag("--force", help="Replace FILE if it exists.")
@store_option
@json_option
def export(
    experiment: str | None, output: str, format: str | None, run: tuple[str, ...], query: str | None,  # noqa: A002 - the option is called --format
    event: tuple[str, ...], key: tuple[str, ...], force: bool, store: str | None, json: bool,
) -> None:  # fmt: skip
    """Write runs into a file: records as CSV, JSON Lines or Parquet, or whole runs as one archive for `runlore import`.

    Whatever the size, one run at a time is in memory.

    \b
    Examples:
      runlore export iris -o iris.parquet
      runlore export 'vision/**' --event metric --format csv | head
      runlore export -q 'metrics.acc > 0.9' -o best.runlore
      runlore export --run iris#3 --format jsonl
    """
    chosen = format or _format_of(output)
    if json and output == "-":
        raise InvalidArgument("--json and an export to stdout both want stdout; name a file with --output")
    if chosen == "runlore" and (event or key):
        raise InvalidArgument("--event and --key choose records; an archive holds whole runs")
    if output == "-" and chosen in ("parquet", "runlore") and sys.stdout.isatty():
        raise InvalidArgument(f"{chosen} is not for terminals; name a file with --output")
    session = open_session(store)
    views = _views(session, experiment, run, query)
    damaged: dict[str, str] = {}
    with _target(output, force=force) as file, Bar("Exporting") as bar:
        records = _write(session, views, file, chosen, event, key, bar, damaged)
    size = None if output == "-" else os.path.getsize(output)
    if json:
        print_json({"path": os.path.abspath(output), "format": chosen, "runs": len(views) - len(damaged),
                    "records": records, "bytes": size, "damaged": list(damaged)})  # fmt: skip
    elif output != "-":
        counted = "" if records is None else f", {fmt.plural(records, 'record')}"
        say(f"{output}: {fmt.plural(len(views) - len(damaged), 'run')}{counted}, {fmt.size(size)}")
    for uid, problem in damaged.items():
        note(f"left out: run {uid}: {' '.join(problem.split())}")
    if damaged:
        raise click.exceptions.Exit(ERROR)


def _format_of(output: str) -> str:
    """What the ending of the file says; where it has none, and on stdout, CSV."""
    ending = os.path.splitext(output)[1]
    if ending and ending not in _SUFFIXES:
        raise InvalidArgument(
            f"--output {output!r}: no format is known by the ending {ending!r}; use {', '.join(_SUFFIXES)}, or --format"
        )
    return _SUFFIXES.get(ending, "csv")


def _views(session: Session, experiment: str | None, runs: Sequence[str], query: str | None) -> list[RunView]:
    from runlore.reader import RunView

    if runs:
        if experiment is not None or query is not None:
            raise InvalidArgument("--run names the runs; leave EXPERIMENT and --query away")
        return [find_run(session, name) for name in runs]
    found = find_runs(session, query, "started", None, [experiment] if experiment is not None else [])
    if not found.runs:
        raise NotFound(f"no run matches; {'; '.join(found.hints) or '`runlore ls` lists what is there'}")
    return [RunView(session, record) for record in found.runs]


@contextmanager
def _target(output: str, *, force: bool) -> Iterator[BinaryIO]:
    """Stdout, or a file that is there when all of it is."""
    if output == "-":
        with _streams.binary_stdout() as out:
            yield out
        return
    if os.path.isdir(output):
        raise InvalidArgument(f"--output {output!r} is a directory; name a file in it")
    if not os.path.isdir(os.path.dirname(os.path.abspath(output))):
        raise NotFound(f"--output {output!r}: there is no such directory to write it to")
    if os.path.exists(output) and not force:
        raise AlreadyExists(f"{output!r} exists; --force replaces it. Nothing was written")
    temporary = f"{output}.{os.getpid()}.part"
    try:
        with open(temporary, "wb") as file:
            yield file
        os.replace(temporary, output)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def _write(
    session: Session, views: list[RunView], file: BinaryIO, chosen: str, event: Sequence[str], key: Sequence[str],
    bar: Bar, damaged: dict[str, str],
) -> int | None:  # fmt: skip
    """Returns how many records were written; None for whole runs. Runs that cannot be read are added to `damaged`."""

    def leave_out(view: RunView, error: Exception) -> None:
        damaged[view.uid] = str(error)

    if chosen == "runlore":
        from runlore.housekeeping.archive import export_archive

        export_archive(session.store, views, file, progress=bar.update, damaged=leave_out)
        return None
    from runlore.housekeeping.export import export_table

    return export_table(
        views, file, chosen, event=event or None, key=key or None, progress=bar.update, damaged=leave_out
    )


@command("archive")
@argument("file", metavar="FILE", help="What `runlore export` wrote; -: stdin.", of="files")
@option(
    "--max-size", metavar="BYTES", type=click.IntRange(min=1),
    help="Unpack at most so much; by default 100 times the size of FILE.",
)  # fmt: skip
@option("--max-files", metavar="N", type=click.IntRange(min=1), default=1_000_000, help="Unpack at most so many files.")
@option("--max-depth", metavar="N", type=click.IntRange(min=1), default=128, help="Components of a path, at most.")
@store_option
@json_option
def archive(
    file: str, max_size: int | None, max_files: int, max_depth: int, store: str | None, json: bool
) -> None:  # fmt: skip
    """Take in the runs of an archive that `runlore export` wrote. Twice is the same as once.

    \b
    Examples:
      runlore import best.runlore
      runlore import archive best.runlore --max-size 1000000000
      ssh cluster runlore export --format runlore | runlore import -
    """
    from runlore.housekeeping.archive import Limits, import_archive

    limits = Limits(max_size, max_files, max_depth)
    with _source(file) as stream, Bar("Importing") as bar, _store_to_fill(store):
        result = import_archive(open_session(store, live=True), stream, progress=bar.update, limits=limits)
    _tell_merged(result, json=json)


@contextmanager
def _store_to_fill(store: str | None) -> Iterator[None]:
    """A store for what is about to be taken in. One that is made for it is taken back if that is refused."""
    from runlore.config import store_address
    from runlore.store import open_store
    from runlore.store.deletion import remove_empty_store

    if "://" in store_address(store):  # a server's store is there, or cannot be made from here
        yield
        return
    was_there = os.path.exists(store_address(store))
    try:
        open_store(store)
        made = None
    except StoreNotFound:
        made = open_store(store, create=True)
    try:
        yield
    except BaseException:
        if made is not None:
            remove_empty_store(made.root, whole=not was_there)
        raise


def _source(file: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(_streams.read_stdin()) if file == "-" else open(file, "rb")
