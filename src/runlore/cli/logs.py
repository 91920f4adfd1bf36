"""`logs`: the console of a run, as it was or as it comes."""

from __future__ import annotations

import sys
from collections import deque
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runlore import model
from runlore.cli import _format as fmt
from runlore.cli._options import JsonOption, RunArgument, StoreOption
from runlore.cli._output import note, print_json
from runlore.cli._session import open_run
from runlore.reader.console import ConsoleLines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.reader.console import ConsoleLine
    from runlore.reader.run_view import RunView

POLL_S = 0.25


def logs(
    run: RunArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run ends; with --json one document a line.")
    ] = False,
    tail: Annotated[int | None, typer.Option("--tail", "-n", min=0, metavar="N", help="Only the last N lines.")] = None,
    stream: Annotated[
        list[str] | None, typer.Option("--stream", metavar="NAME", help="Only these: stdout, stderr, logging.")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Show when each line was written.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Print what a run wrote on its console.

    Records of Python's logging module are on it where a handler printed them; --stream logging shows all of them.

    \b
    Examples:
      runlore logs iris#3
      runlore logs iris#-1 -f
      runlore logs iris#3 --stream stderr --tail 20 -t
    """
    view = open_run(store, run)
    wanted = frozenset(stream or ())
    if follow:
        _follow(view, wanted, tail, timestamps=timestamps, json=json)
        return
    found: Iterable[ConsoleLine] = ConsoleLines(wanted).of(view.events(model.LOG))
    if tail is not None:
        found = deque(found, maxlen=tail)
    if json:
        print_json({"uid": view.uid, "lines": [_record(line) for line in found]})
        return
    count = 0
    for count, line in enumerate(found, 1):  # noqa: B007 - whether there was any
        _print(line, timestamps=timestamps)
    if not count:
        note("the run recorded no console output" if not wanted else "no such lines")


def _record(line: ConsoleLine) -> dict[str, Any]:
    from runlore.reader.records import iso_time

    return {"time": iso_time(line.time_ns), "stream": line.stream, "level": line.level, "text": line.text}


def _print(line: ConsoleLine, *, timestamps: bool) -> None:
    begin = f"{fmt.local_time(line.time_ns, fraction=True)}  " if timestamps else ""
    level = f"{line.level} " if line.level and line.stream == "logging" else ""
    sys.stdout.write(f"{begin}{level}{fmt.printable(line.text)}\n")


def _follow(view: RunView, streams: frozenset[str], tail: int | None, *, timestamps: bool, json: bool) -> None:
    from runlore.reader.plain import dump_json

    follower = view.follow(model.LOG)
    lines = ConsoleLines(streams)
    first = True
    while True:
        running = view.refresh().ended_ns is None
        found: Iterable[ConsoleLine] = lines.feed(follower.poll()) if running else lines.of(follower.poll())
        if first and tail is not None:
            found = deque(found, maxlen=tail)
        first = False
        for line in found:
            if json:
                sys.stdout.buffer.write(dump_json({"uid": view.uid, **_record(line)}) + b"\n")
            else:
                _print(line, timestamps=timestamps)
        sys.stdout.flush()
        if not running:
            break
        sleep(POLL_S)
    note(f"the run has {view.status}" if view.status in model.TERMINAL else f"the run is {view.status}")
