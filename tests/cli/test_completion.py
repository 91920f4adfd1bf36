"""Completion: what is proposed, in which words, and the scripts that ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import processes
import pytest

import runlore
from runlore import registry
from runlore.cli import _complete, app
from runlore.cli._completion import COMPLETION_VARIABLE, SHELLS, _class


@pytest.fixture
def known(store) -> str:
    """A store with names of every kind that a command line takes, in the catalog."""
    for name in ("digits/mlp", "digits/a b", "iris"):
        with runlore.start(name, params={"lr": 1}, tags={"team": "x"}, capture=False) as run:
            run.log_metrics({"val/acc": 1, "loss": 1})
            run.log_artifact(b"x", "plots/loss curve.png")
            run.log_artifact(b"x", "model.bin")
    registry.register("model", "nlp", "sentiment", artifacts={"a": b"1"})
    runlore.runs()
    return store


def proposed(words: list[str], incomplete: str) -> list[str]:
    """What is proposed after these words for a word that begins so."""
    completion = _class("bash")(app, {}, "runlore", COMPLETION_VARIABLE)
    return [item.value for item in completion.get_completions(words, incomplete)]


@pytest.mark.parametrize(
    ("words", "incomplete", "wanted"),
    [
        ([], "sh", ["show"]),
        (["card"], "do", ["download"]),
        (["runs", "-e"], "dig", ["digits/a b", "digits/mlp"]),
        (["runs", "--experiment"], "i", ["iris"]),
        (["top", "-e"], "ir", ["iris"]),
        (["ls"], "dig", ["digits/a b", "digits/mlp"]),
        (["export"], "iri", ["iris"]),
        (["data"], "iri", ["iris"]),
        (["data", "iris", "-k"], "lo", ["loss"]),
        (["data", "iris", "--key"], "te", ["team"]),
        (["data", "iris", "-r"], "", ["1"]),
        (["plot", "iris"], "v", ["val/acc"]),
        (["plot", "iris"], "", ["loss", "val/acc"]),
        (["plot", "iris", "loss", "--x"], "re", ["relative"]),
        (["gc", "iris", "--metric"], "l", ["loss"]),
        (["show"], "iris#", ["iris#1"]),
        (["diff", "iris#1"], "digits/m", ["digits/mlp#1"]),
        (["diff", "iris#1"], "iris", []),
        (["artifacts"], "ir", ["iris#1"]),
        (["artifacts", "iris#1"], "", ["get"]),
        (["artifacts", "iris#1", "get"], "", ["model.bin", "plots/loss curve.png"]),
        (["artifacts", "iris#1", "get"], "pl", ["plots/loss curve.png"]),
        (["cards"], "mo", ["model/nlp/sentiment", "model/nlp/sentiment@0.1.0"]),
        (["card", "show"], "model/nlp/sentiment@", ["model/nlp/sentiment@0.1.0"]),
        (["runs", "-o"], "name,-metrics.", ["name,-metrics.loss", "name,-metrics.val/acc"]),
        (["runs", "-c"], "status,params.", ["status,params.lr"]),
        (["runs", "--format", "x"], "", []),
        (["export", "--format"], "j", ["jsonl"]),
    ],
)
def test_names_of_every_kind_are_proposed(known, words, incomplete, wanted):
    assert proposed(words, incomplete) == wanted


def test_options_and_paths(known):
    assert "--order-by" in proposed(["runs"], "--o")
    completion = _class("bash")(app, {}, "runlore", COMPLETION_VARIABLE)
    assert [item.type for item in completion.get_completions(["runs", "--store"], "")] == ["dir"]
    assert [item.type for item in completion.get_completions(["import", "archive"], "x")] == ["file"]


def test_another_store_is_asked_where_it_is_named(known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    assert proposed(["runs", "--store", known, "-e"], "iri") == ["iris"]


def test_where_nothing_is_known_nothing_is_proposed_and_nothing_said(store, capsys):
    for words in (["runs", "-e"], ["show"], ["plot", "x"], ["artifacts", "x#1", "get"], ["cards"], ["data", "x", "-k"]):
        assert proposed(words, "") == []
    assert capsys.readouterr() == ("", "")
    assert not os.path.exists(store)


def test_what_would_type_more_than_a_name_is_not_proposed(store):
    for name in ("bad\x1b[31m", "good"):
        with runlore.start("e", name, capture=False) as run:
            run.log_metric(f"m\n{name}", 1)
            run.log_metric("fine", 1)
    runlore.runs()
    assert proposed(["plot", "e"], "") == ["fine"]


def test_proposals_are_bounded(store):
    with runlore.start("e", capture=False) as run:
        run.log_metrics({f"m{index:03}": 1 for index in range(200)})
    runlore.runs()
    assert len(proposed(["plot", "e"], "m")) == _complete.LONGEST


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_printed_and_installed(cli, store, tmp_path, monkeypatch, shell):
    monkeypatch.setenv("HOME", str(tmp_path))
    script = cli("--show-completion", shell).out
    assert COMPLETION_VARIABLE in script
    for _ in range(2):
        printed = cli("--install-completion", shell).out
    path = printed.split(" is in ")[1].partition(";")[0]
    with open(path) as file:
        assert file.read() == script
    settings = {"bash": ".bashrc", "zsh": ".zshrc"}.get(shell)
    if settings:
        assert (tmp_path / settings).read_text().count("\n") == 1, "one line, however often it is installed"


def test_settings_that_are_there_stay(cli, store, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".bashrc").write_bytes(b"export A=1 # \xff")
    cli("--install-completion", "bash")
    first, second = (tmp_path / ".bashrc").read_bytes().splitlines()
    assert first == b"export A=1 # \xff"
    assert second.startswith(b"source ")


def test_an_unknown_shell_is_an_error(cli, store, monkeypatch):
    assert "name one of bash, zsh, fish" in cli("--show-completion", "cmd", code=2).err
    monkeypatch.setenv(COMPLETION_VARIABLE, "bash_nonsense")
    assert "bash_nonsense" in cli(code=2).err


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["runlore", "runs", "-e", "digits/a"], ["digits/a b"]),
        (["runlore", "runs", "-e", "'digits/a"], ["digits/a b"]),
        (["runlore", "ru"], ["runs"]),
        (["runlore", "artifacts", "iris#1", "get", "pl"], ["plots/loss curve.png"]),
    ],
)
def test_bash_gets_whole_names(known, tmp_path, words, wanted):
    program = tmp_path / "bin" / "runlore"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runlore "$@"\n')
    program.chmod(0o755)
    script = processes.run("--show-completion", "bash").stdout
    quoted = " ".join('"' + word.replace('"', '\\"') + '"' for word in words)
    test = (
        f"{script}\ncompopt() {{ :; }}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        '_runlore_completion runlore\nprintf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", test], capture_output=True, text=True, check=True, env=processes.environment(PATH=path)
    )
    assert (done.stdout.splitlines(), done.stderr) == (wanted, "")
