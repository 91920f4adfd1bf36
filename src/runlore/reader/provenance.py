"""Where a run came from: what was captured of its code, machine and command, and the commands that make it again."""

from __future__ import annotations

import posixpath
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runlore.store.content import StoredEvent

CAPTURE = "capture"
"""The kind of the events that have it."""

DIFF = "git/diff.patch"
"""The artifact that has the changes since the commit."""


def captured(events: Iterable[StoredEvent]) -> dict[str, dict[str, Any]]:
    """What was captured without being asked for, by name: git, environment, command.

    Of one that failed `error` is the last reason, and `failures` how often.

    Args:
        events: of a run, of any kind, in time order.
    """
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.kind == CAPTURE and isinstance(event.value, dict):
            about = found.setdefault(event.key, {})
            about.update(event.value)
            if "error" in event.value:
                about["failures"] = about.get("failures", 0) + 1
    return found


def command_of(facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What was typed: the command that `runlore exec` ran, or the one of the program itself; empty: not known."""
    environment = facts.get("environment", {})
    for words in (facts.get("command", {}).get("argv"), environment.get("command"), environment.get("argv")):
        if isinstance(words, list) and words:
            return [str(word) for word in words]
    return []


def directory_of(facts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Where it ran."""
    found = facts.get("command", {}).get("directory") or facts.get("environment", {}).get("working_directory")
    return None if found is None else str(found)


def reproduce(run: str, facts: Mapping[str, Mapping[str, Any]], artifacts: Iterable[str]) -> list[str]:
    """Commands for a shell that make the run again, as far as it is known how: code, changes, packages, command.

    Args:
        run: how the run is named: `experiment#number`, or its uid.
        facts: what was captured.
        artifacts: names of its artifacts.

    Example:
        >>> facts = {"git": {"remote": "https://host/a.git", "commit": "c0ffee", "root": "/a"},
        ...          "environment": {"command": ["python", "train.py"], "working_directory": "/a/src"}}
        >>> reproduce("iris#1", facts, [])
        ['git clone https://host/a.git a', 'cd a', 'git checkout c0ffee', 'cd src', 'python train.py']
    """
    names = set(artifacts)
    git = facts.get("git", {})
    lines = _code(run, git, names)
    lines += _packages(facts.get("environment", {}))
    command, directory = command_of(facts), directory_of(facts)
    if directory and git.get("root") and lines:
        inside = posixpath.relpath(directory, str(git["root"]))
        lines += [] if inside == "." or inside.startswith("..") else [f"cd {shlex.quote(inside)}"]
    return [*lines, shlex.join(command)] if command else lines


def _code(run: str, git: Mapping[str, Any], names: set[str]) -> list[str]:
    if git.get("remote") and git.get("commit"):
        remote = str(git["remote"])
        folder = posixpath.basename(remote.rstrip("/")).removesuffix(".git") or "code"
        lines = [f"git clone {shlex.quote(remote)} {shlex.quote(folder)}", f"cd {shlex.quote(folder)}",
                 f"git checkout {shlex.quote(str(git['commit']))}"]  # fmt: skip
        if DIFF in names:
            lines.append(f"runlore artifacts {shlex.quote(run)} get {DIFF} --to - | git apply")
        return lines
    if any(name.startswith("code/") for name in names):
        return [f"runlore artifacts {shlex.quote(run)} get 'code/**' --to .", "cd code"]
    return []


def _packages(environment: Mapping[str, Any]) -> list[str]:
    packages = environment.get("packages")
    if not isinstance(packages, list) or not packages:
        return []
    wanted = " ".join(shlex.quote(str(package)) for package in packages)
    return ["python -m venv .venv", ". .venv/bin/activate", f"pip install {wanted}"]
