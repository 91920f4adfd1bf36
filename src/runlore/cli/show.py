"""`show`: what is known of one run, the answers that people look for first."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._options import json_option, run_argument, store_option, system_option, wide_option
from runlore.cli._output import layout_width, note, print_fields, print_json, say
from runlore.cli._output import status_cell as status_of
from runlore.cli._session import attributes_of, is_system, open_run, series_of, title_of
from runlore.cli._table import Column, View, print_table
from runlore.names import LINK_TAGS
from runlore.reader import provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.reader import Artifact, RunView

_INDENT = "  "
_HOW = "--wide and --json show all"


@command("show")
@run_argument
@system_option
@wide_option
@store_option
@json_option
def show(run: str, system: bool, wide: bool, store: str | None, json: bool) -> None:
    """Show what is known of a run: how it ended, what was run where, params, metrics, tags, artifacts.

    \b
    Examples:
      runlore show iris#3
      runlore show iris#-1 --system
      runlore show 0192f0c1a2b4 --json | jq .metrics.loss.min
    """
    view = open_run(store, run)
    series = series_of(view)
    if json:
        print_json(_document(view, series, system=system))
        return
    facts = captured(view)
    look = View(None, wide)
    _show_attributes(view, facts)
    _show_values("params", {key: _param(value) for key, value in view.params.items()})
    _show_metrics("metrics", {key: item for key, item in series.items() if not is_system(key)}, look)
    _show_losses(view)
    _show_values(
        "tags", {key: text or None for key, text in view.tags.items() if wide or not key.startswith(LINK_TAGS)}
    )
    _show_artifacts(view.artifacts(), look)
    _show_end(view.exit)
    hardware = {key: item for key, item in series.items() if is_system(key)}
    if system:
        _show_machine(facts)
        _show_metrics("hardware", hardware, look)
    elif hardware:
        note(f"{fmt.plural(len(hardware), 'hardware metric')} (system/…): --system shows them")


def _document(view: RunView, series: dict[str, dict[str, Any]], *, system: bool) -> dict[str, Any]:
    from runlore.reader.records import iso_time

    document = {
        **attributes_of(view),
        "path": view.recorded().location,
        "params": view.params,
        "metrics": {key: item for key, item in series.items() if not is_system(key)},
        "tags": view.tags,
        "artifacts": [artifact_record(item) for item in view.artifacts()],
        "statuses": [
            {"time": iso_time(time), "status": status, "message": message} for time, status, message in view.statuses
        ],
        "exit": view.exit,
        "source": view.source,
        "capture": captured(view),
        "notes": view.notes,
        "children": [child.uid for child in view.children()],
        "damage": view.damage,
    }
    return document | ({"system": {k: item for k, item in series.items() if is_system(k)}} if system else {})


def captured(view: RunView) -> dict[str, dict[str, Any]]:
    """What was captured without being asked for, by name: git, environment, command; of what failed, how often."""
    return provenance.captured(view.events(provenance.CAPTURE))


def artifact_record(item: Artifact) -> dict[str, Any]:
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


def _show_attributes(view: RunView, facts: Mapping[str, Mapping[str, Any]]) -> None:
    say(title_of(view), "bold")
    children = view.children()
    print_fields(
        [
            ("status", status_of(view.status)),
            ("deleted", "yes: in the trash" if view.deleted else ""),
            ("archived", "yes" if view.archived else ""),
            ("command", shlex.join(provenance.command_of(facts))),
            ("git", _git(facts.get("git"))),
            ("not captured", _failures(facts)),
            ("python", _python(view, facts)),
            ("place", _place(view, facts)),
            ("started", fmt.local_time(view.started_ns)),
            ("ended", fmt.local_time(view.ended_ns)),
            ("duration", fmt.duration(view.duration_s)),
            ("user", view.user or ""),
            ("group", view.group or ""),
            ("parent", view.parent or ""),
            ("children", ", ".join(title_of(child) for child in children[:10]) + (" …" if len(children) > 10 else "")),
            ("description", view.description or ""),
            *(("note", text) for text in view.notes),
            ("points", f"{view.points:,}"),
            ("uid", view.uid),
            ("path", view.recorded().location),
        ]
    )


def _git(git: Mapping[str, Any] | None) -> str:
    """The commit, its branch, and what is known of changes since. Only what was looked at is called clean."""
    if not git:
        return ""
    error, dirty = git.get("error"), git.get("dirty")
    if not git.get("commit") and dirty is None:
        return f"unknown: {error}" if error else ""
    branch = f" ({git['branch']})" if git.get("branch") else ""
    commit = str(git.get("commit") or "no commit yet")
    state = "changes unknown" if dirty is None else "changed" if dirty else "clean"
    return f"{commit[:12] if git.get('commit') else commit}{branch}, {state}{f': {error}' if error else ''}"


def _failures(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """What captures could not do, and how often. Git says its own beside the commit."""
    said = []
    for name, about in facts.items():
        if about.get("error") and name != "git":
            times = f" ({about['failures']:,} times)" if about["failures"] > 1 else ""
            said.append(f"{name}: {about['error']}{times}")
    return "; ".join(said)


def _python(view: RunView, facts: Mapping[str, Mapping[str, Any]]) -> str:
    about = facts.get("environment", {}).get("python")
    found = about if isinstance(about, dict) else {}
    version = found.get("version") or view.source.get("python")
    executable = found.get("executable")
    return " ".join(str(part) for part in (version, f"({executable})" if executable else "") if part)


def _place(view: RunView, facts: Mapping[str, Mapping[str, Any]]) -> str:
    """Host and directory."""
    return ":".join(part for part in (view.host, provenance.directory_of(facts)) if part)


def _param(value: Any) -> str:
    return "null" if value is None else fmt.value(value) or '""'


def _heading(title: str) -> None:
    say()
    say(title, "bold")


def _show_values(title: str, values: Mapping[str, str | None]) -> None:
    if values:
        _heading(title)
        print_fields(values.items(), indent=_INDENT)


def _indented(name: str) -> str:
    return name if layout_width() is None else _INDENT + name


def _show_metrics(title: str, series: Mapping[str, Mapping[str, Any]], view: View) -> None:
    if not series:
        return
    say()
    no_steps = all(item["last_step"] is None for item in series.values())
    columns = [
        Column(title, needed=True), Column("last", right=True, needed=True),
        Column("step", right=True, hidden=no_steps),
        Column("min", right=True), Column("min step", right=True, hidden=no_steps),
        Column("max", right=True), Column("max step", right=True, hidden=no_steps),
        Column("mean", right=True, hidden=True), Column("points", right=True),
    ]  # fmt: skip
    rows = [
        [_indented(key), fmt.metric(key, item["last"]), fmt.step(item["last_step"]), fmt.metric(key, item["min"]),
         fmt.step(item["min_step"]), fmt.metric(key, item["max"]), fmt.step(item["max_step"]),
         fmt.metric(key, item["mean"]), f"{item['count']:,}"]
        for key, item in sorted(series.items())
    ]  # fmt: skip
    print_table(columns, rows, view, how=_HOW)


def _show_losses(view: RunView) -> None:
    """What is missing from all that is shown here, right below the numbers that it would change."""
    if view.lost or view.damage:
        _heading("lost")
        lost = [("records", f"{view.lost:,} could not be kept")] if view.lost else []
        print_fields([*lost, *(("damage", item) for item in view.damage)], indent=_INDENT)


def _show_artifacts(found: list[Artifact], view: View) -> None:
    if found:
        say()
        columns = [
            Column("artifacts", needed=True), Column("kind"), Column("size", right=True), Column("step", right=True)
        ]  # fmt: skip
        rows = [[_indented(a.name), a.kind, fmt.size(a.size), fmt.step(a.step)] for a in found]
        print_table(columns, rows, view, how=_HOW)


def _show_end(about: Mapping[str, Any]) -> None:
    if not about or about == {"exit_code": 0}:
        return
    _heading("end")
    print_fields(((name, fmt.value(found)) for name, found in about.items() if name != "traceback"), indent=_INDENT)
    for line in str(about.get("traceback") or "").rstrip().splitlines():
        say(f"{_INDENT}{line}")


def _show_machine(facts: Mapping[str, Mapping[str, Any]]) -> None:
    """What the run's machine is made of, as far as it was captured."""
    found = facts.get("environment", {})
    cpu, memory, gpus = (found.get(name) or {} for name in ("cpu", "memory", "gpus"))
    parts = [
        ("cpu", f"{cpu.get('count', '?')} x {cpu.get('model', '')}" if isinstance(cpu, dict) and cpu else ""),
        ("memory", fmt.size(memory.get("total_bytes")) if isinstance(memory, dict) else ""),
        *(("gpu", fmt.value(gpu)) for gpu in (gpus if isinstance(gpus, list) else ())),
    ]
    if any(text for _, text in parts):
        _heading("machine")
        print_fields(parts, indent=_INDENT)
