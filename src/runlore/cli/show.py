"""`show`: all that is known of one run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from runlore.cli import _format as fmt
from runlore.cli._options import JsonOption, RunArgument, StoreOption
from runlore.cli._output import Column, print_fields, print_json, print_table, say
from runlore.cli._output import status_cell as status_of
from runlore.cli._session import open_run, title_of

if TYPE_CHECKING:
    from runlore.reader.run_view import RunView

_HIDDEN = "system/"
"""Hardware metrics are many, and say little of a model: they come last."""


def show(run: RunArgument, store: StoreOption = None, json: JsonOption = False) -> None:
    """Show all that is known of a run.

    \b
    Examples:
      runlore show iris#3
      runlore show iris#-1
      runlore show 0192f0c1a2b4 --json | jq .metrics.loss.min
    """
    from runlore.reader.records import attributes, iso_time, metric_records

    view = open_run(store, run)
    series = metric_records(view._session, view.uid)  # noqa: SLF001 - the index has more than the view shows
    if json:
        print_json(
            {
                **attributes(view._record),  # noqa: SLF001 - as above
                "path": view.directory,
                "params": view.params,
                "metrics": series,
                "tags": view.tags,
                "artifacts": [artifact_record(item) for item in view.artifacts()],
                "statuses": [
                    {"time": iso_time(time), "status": status, "message": message}
                    for time, status, message in view.statuses
                ],
                "exit": view.exit,
                "source": view.source,
                "capture": captured(view),
                "notes": view.notes,
                "children": [child.uid for child in view.children()],
                "damage": view.damage,
            }
        )
        return
    _show_attributes(view)
    _show_values("params", {key: _param(value) for key, value in view.params.items()})
    _show_metrics(series)
    _show_values("tags", {key: fmt.printable(text) or None for key, text in view.tags.items()})
    _show_artifacts(view)
    _show_end(view)


def captured(view: RunView) -> dict[str, dict[str, Any]]:
    """What was captured without being asked for, by name: git, environment, command."""
    found: dict[str, dict[str, Any]] = {}
    for event in view.events("capture"):
        if isinstance(event.value, dict):
            found.setdefault(event.key, {}).update(event.value)
    return found


def _commit(git: dict[str, Any]) -> str:
    """The commit, its branch, and whether files had been changed since."""
    if not git.get("commit"):
        return ""
    branch = f" ({git['branch']})" if git.get("branch") else ""
    return fmt.printable(f"{git['commit'][:12]}{branch}{', changed since' if git.get('dirty') else ''}")


def artifact_record(item: Any) -> dict[str, Any]:
    """An artifact as JSON has it."""
    from runlore.reader.records import iso_time

    return {
        "name": item.name,
        "kind": item.kind,
        "step": item.step,
        "size": item.size,
        "media_type": item.media_type,
        "digest": item.digest,
        "time": iso_time(item.time_ns),
        "metadata": item.metadata,
    }


def _show_attributes(view: RunView) -> None:
    say(title_of(view), "bold")
    children = view.children()
    facts = captured(view)
    print_fields(
        [
            ("status", status_of(view.status)),
            ("deleted", "yes: in the trash" if view.deleted else ""),
            ("archived", "yes" if view.archived else ""),
            ("started", fmt.local_time(view.started_ns)),
            ("ended", fmt.local_time(view.ended_ns)),
            ("duration", fmt.duration(view.duration_s)),
            ("by", fmt.printable("@".join(filter(None, [view.user, view.host])))),
            ("group", fmt.value(view.group)),
            ("parent", fmt.value(view.parent)),
            ("children", ", ".join(title_of(child) for child in children[:10]) + (" …" if len(children) > 10 else "")),
            ("description", fmt.lines(view.description or "")),
            *(("note", fmt.lines(text)) for text in view.notes),
            ("command", fmt.printable(shlex.join(facts.get("command", {}).get("argv", ())))),
            ("commit", _commit(facts.get("git", {}))),
            ("points", f"{view.points:,}"),
            ("lost", f"{fmt.plural(view.lost, 'record')} could not be kept" if view.lost else ""),
            ("uid", view.uid),
            ("path", fmt.printable(view.directory)),
            *(("damage", fmt.printable(item)) for item in view.damage),
        ]
    )


def _param(value: Any) -> str:
    return "null" if value is None else fmt.value(value) or '""'


def _show_values(title: str, values: dict[str, str | None]) -> None:
    if values:
        say()
        say(title, "bold")
        print_fields((f"  {fmt.printable(key)}", text) for key, text in values.items())


def _show_metrics(series: dict[str, dict[str, Any]]) -> None:
    if not series:
        return
    say()
    columns = [Column("metrics"), *(Column(name, right=True) for name in ("last", "step", "min", "max", "points"))]
    rows = [
        [f"  {fmt.printable(key)}", fmt.metric(key, item["last"]), fmt.step(item["last_step"]),
         fmt.metric(key, item["min"]), fmt.metric(key, item["max"]), f"{item['count']:,}"]
        for key, item in sorted(series.items(), key=lambda pair: (pair[0].startswith(_HIDDEN), pair[0]))
    ]  # fmt: skip
    print_table(columns, rows)


def _show_artifacts(view: RunView) -> None:
    found = view.artifacts()
    if found:
        say()
        columns = [Column("artifacts"), Column("kind"), Column("size", right=True), Column("step", right=True)]
        rows = [[f"  {fmt.printable(a.name)}", a.kind, fmt.size(a.size), fmt.step(a.step)] for a in found]
        print_table(columns, rows)


def _show_end(view: RunView) -> None:
    about = view.exit
    if not about or about == {"exit_code": 0}:
        return
    say()
    say("end", "bold")
    print_fields((f"  {name}", fmt.value(found)) for name, found in about.items() if name != "traceback")
    for line in str(about.get("traceback") or "").rstrip().splitlines():
        say(f"  {fmt.printable(line)}")
