"""`logs`: the console of a run, as it was or as it comes."""

from __future__ import annotations

from collections import deque
from time import sleep
from typing import TYPE_CHECKING, Any

import click

from runlore import model
from runlore.cli import _format as fmt
from runlore.cli import _streams
from runlore.cli._command import command
from runlore.cli._options import flag, json_option, option, run_argument, store_option
from runlore.cli._output import json_line, note, print_json
from runlore.cli._session import open_run
from runlore.reader.console import ConsoleLines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlore.reader.console import ConsoleLine
    from runlore.reader.run_view import RunView

POLL_S = 0.25


@command("logs")
@run_argument
@flag("--follow", "-f", help="Go on until the run ends; with --json one document a line.")
@option("--tail", "-n", metavar="N", type=click.IntRange(min=0), help="Only the last N lines.")
@option("--stream", metavar="NAME", multiple=True, help="Only these: stdout, stderr, logging.")
@flag("--timestamps", "-t", help="Show when each line was written.")
@store_option
@json_option
def logs(
    run: str, follow: bool, tail: int | None, stream: tuple[str, ...], timestamps: bool, store: str | None, json: bool
) -> None:  # fmt: skip
    """Print what a run wrote on its console.

    Records of Python's logging module are on it where a handler printed them; --stream logging shows all of them.

    \b
    Examples:
      runlore logs iris#3
      runlore logs iris#-1 -f
      runlore logs iris#3 --stream stderr --tail 20 -t
    """
    view = open_run(store, run, live=follow)
    wanted = frozenset(stream)
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
    text = "\t".join(map(fmt.printable, line.text.split("\t")))
    _streams.write(_streams.encodable(f"{begin}{fmt.printable(level)}{text}\n"))


def _follow(view: RunView, streams: frozenset[str], tail: int | None, *, timestamps: bool, json: bool) -> None:
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
                _streams.write(json_line({"uid": view.uid, **_record(line)}))
            else:
                _print(line, timestamps=timestamps)
        _streams.flush()
        if not running:
            break
        sleep(POLL_S)
    note(f"the run has {view.status}" if view.status in model.TERMINAL else f"the run is {view.status}")
