"""Help as people see it."""

from __future__ import annotations

import re

import pytest

import runlore
from runlore.cli import app
from runlore.cli.cards import app as cards

COMMANDS = {
    **{(info.name,): info for info in app.registered_commands},
    **{("card", info.name): info for info in cards.registered_commands},
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_text_without_marks(cli, store, command):
    printed = cli(*command, "--help").out
    assert "\\b" not in printed
    assert "\b" not in printed
    (usage,) = (line for line in printed.splitlines() if "Usage:" in line)
    assert f"runlore {' '.join(command)} [OPTIONS]" in usage
    assert not re.search(r"…|\[\[", usage)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_paragraphs_flow_with_the_width(command):
    paragraphs = COMMANDS[command].help.split("\n\n")
    assert [text for text in paragraphs if "\n" in text] == [text for text in paragraphs if text.startswith("\b")]


def test_the_version_is_where_it_is_looked_for(cli, store):
    assert cli("--version").out == f"runlore {runlore.__version__}\n"
