from __future__ import annotations

import re

import click
import pytest

from runlore.cli.application import app


def test_there_is_no_store(cli, store):
    for command in (("ls",), ("runs",), ("show", "x#1"), ("top",), ("seal",), ("doctor",), ("gc",), ("export",)):
        printed = cli(*command, code=3)
        assert printed.out == ""
        assert printed.err.startswith("runlore: there is no store at ")
        assert printed.err.count("\n") == 1


def test_a_query_error_points_at_the_column(cli, runs):
    printed = cli("runs", "metrics.loss < < 3", code=2)
    first, shown, mark = printed.err.splitlines()
    assert first.startswith("runlore: ")
    assert shown[mark.index("^")] == "<"


def test_an_ambiguous_uid(cli, runs):
    assert "several runs begin so" in cli("show", runs[0][:6], code=3).err


def test_usage(cli, store):
    for arguments in (("show",), ("runs", "--limit", "x"), ("nothing",), ("plot", "a", "b", "--x", "sideways"),
                      ("runs", "--limt", "3"), ("ls", "a", "b"), ("card",  "shw"), ("top", "-i", "0")):  # fmt: skip
        printed = cli(*arguments, code=2)
        assert printed.out == ""
        assert printed.err.startswith("runlore: error: ")
        assert printed.err.count("\n") == 1
        assert re.search(r"\(see runlore .*--help\)$", printed.err.rstrip()) or "see runlore --help" in printed.err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("rusn",), "did you mean runs?"),
        (("card", "shwo", "x"), "did you mean show?"),
        (("runs", "--limt", "3"), "there is no option '--limt'; did you mean --limit?"),
        (("plot", "a", "b", "--x", "sideways"), "'step', 'time', 'relative'"),
    ],
)
def test_usage_errors_name_what_was_meant(cli, store, arguments, hint):
    assert hint in cli(*arguments, code=2).err.lower()


def test_without_a_command_there_is_help_and_nothing_was_done(cli, store):
    assert cli(code=2).out == cli("--help").out
    assert "register" in cli("card", code=2).out


def test_without_arguments_there_is_help(cli, store):
    printed = cli("--help")
    for word in ("demo", "exec", "doctor", "RUN is experiment#number"):
        assert word in printed.out


def leaves(group, *path):
    """The commands below a group, as the words that call them."""
    context = click.Context(group)
    for name in group.entries:
        found = group.get_command(context, name)
        yield from leaves(found, *path, name) if isinstance(found, click.Group) else [(*path, name)]


LEAVES = list(leaves(app))


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_teaches_by_example(cli, store, command):
    printed = cli(*command, "--help").out
    assert "Examples:" in printed
    assert f"runlore {' '.join(command)}".replace(" archive", "") in printed.partition("Examples:")[2]


@pytest.mark.parametrize("command", [command for command in LEAVES if command != ("exec",)], ids=" ".join)
def test_every_command_speaks_json(cli, store, command):
    assert "--json" in cli(*command, "--help").out


def test_a_fault_of_ours_is_not_hidden(cli, runs, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("runlore.reader.records.run_records", broken)
    with pytest.raises(ZeroDivisionError):
        cli("runs")
