"""Help as people see it."""

from __future__ import annotations

import re

import click
import pytest

import runlore
from runlore.cli.application import app
from runlore.cli.card import card

COMMANDS = {
    **{(name,): entry for name, entry in app.entries.items()},
    **{("card", name): entry for name, entry in card.entries.items()},
}


def command_of(path: tuple[str, ...]) -> click.Command:
    group = app if len(path) == 1 else card
    return group.get_command(click.Context(group), path[-1])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_text_without_marks(cli, store, path):
    printed = cli(*path, "--help").out
    assert "\\b" not in printed
    assert "\b" not in printed
    (usage,) = (line for line in printed.splitlines() if "Usage:" in line)
    assert f"runlore {' '.join(path)} [OPTIONS]" in usage
    assert not re.search(r"…|\[\[", usage)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_teaches(cli, store, path):
    printed = cli(*path, "--help").out
    flowing = " ".join(printed.split())
    command = command_of(path)
    if not isinstance(command, click.Group):
        assert f"runlore {' '.join(path)}" in printed.partition("Examples:\n")[2]
    assert not re.search(r"<(bool|str|int|float|list|path)|BOOLEAN|INTEGER|\bTEXT\.\.\.|Positional", printed)
    for param in command.params:
        if isinstance(param, click.Argument):
            assert re.search(rf"^  {re.escape(param.metavar)}  +\S", printed, re.MULTILINE), param
        elif not param.is_flag:
            assert param.metavar in printed
            assert f"[default: {param.default}" in flowing or not isinstance(param.default, (str, int, float)), param


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_list_of_commands_says_what_their_own_help_says_first(path):
    entry, command = COMMANDS[path], command_of(path)
    assert command.name == entry.name
    first = re.split(r"[:;,.]", entry.summary)[0].replace("`", "")
    assert first in " ".join(command.help.replace("`", "").split()).partition(".")[0] + "."


@pytest.mark.parametrize("width", [50, 70, 100, 200])
def test_paragraphs_flow_with_the_width(cli, store, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for path in COMMANDS:
        lines = cli(*path, "--help").lines
        free = [line for line in lines if "runlore " not in line]  # examples keep their lines
        assert max(map(len, free)) <= min(max(width, 52), 100), path
    described = cli("export", "--help").lines
    assert any(len(line) > 0.7 * min(width, 100) for line in described[2:5])


def test_the_version_is_where_it_is_looked_for(cli, store):
    assert cli("--version").out == f"runlore {runlore.__version__}\n"


def test_commands_are_listed_below_headings(cli, store):
    printed = cli("--help").out
    places = [printed.index(f"{panel}:\n") for panel in ("Look", "Record", "Change", "Keep in order", "Options")]
    assert places == sorted(places)
    assert all(re.search(rf"^  {name}  +\S", printed, re.MULTILINE) for name in app.entries)
