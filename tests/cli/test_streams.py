"""Every command, whatever its streams are: closed, full, ASCII alone, a narrow or a dumb terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import processes
import pytest

import runlore
from runlore.cli.application import app
from runlore.cli.card import card as card_commands

CONDITIONS = (
    "none", "closed stdin", "closed stdout", "closed stderr", "full stdout", "full stderr", "broken pipe", "LC_ALL=C",
    "TERM=dumb", "COLUMNS=20",
)  # fmt: skip

COMMANDS = {
    "ls": ["ls"],
    "runs": ["runs", "metrics.loss < 1", "-o", "metrics.loss"],
    "runs as json": ["runs", "--json"],
    "no runs": ["runs", "metrics.los < 1"],
    "show": ["show", "e#1", "--system"],
    "diff": ["diff", "e#1", "e#2"],
    "data": ["data", "e"],
    "summary": ["summary", "e"],
    "summary as json": ["summary", "e", "--json"],
    "plot": ["plot", "e", "loss"],
    "logs": ["logs", "e#1"],
    "logs, followed": ["logs", "e#1", "-f", "--json"],
    "artifacts": ["artifacts", "e#1"],
    "artifacts get": ["artifacts", "e#1", "get", "--to", "copies", "--force"],
    "artifacts get -": ["artifacts", "e#1", "get", "--to", "-"],
    "top": ["top"],
    "cards": ["cards"],
    "exec": ["exec", "-e", "ran", "--", "true"],
    "tag": ["tag", "e#1", "größe=ü"],
    "tags": ["tag", "e#1"],
    "rename": ["rename", "e#1", "Größe ✓"],
    "note": ["note", "e#1", "é"],
    "archive": ["archive", "e#1"],
    "delete": ["delete", "e#2"],
    "restore": ["restore", "e#2"],
    "card": ["card"],
    "card show": ["card", "show", "model/s/n"],
    "card register": ["card", "register", "model/s/m", "file"],
    "card alias": ["card", "alias", "model/s/n", "best"],
    "card tag": ["card", "tag", "model/s/n", "a=b"],
    "card download": ["card", "download", "model/s/n", "--to", "copies", "--force"],
    "card delete": ["card", "delete", "model/s/other"],
    "gc": ["gc", "--dry-run"],
    "seal": ["seal"],
    "doctor": ["doctor"],
    "merge": ["merge", "other"],
    "export": ["export", "e", "--format", "jsonl"],
    "export to a file": ["export", "e", "-o", "e.csv", "--force"],
    "import": ["import", "e.runlore"],
    "import -": ["import", "-"],
    "version": ["version"],
    "--version": ["--version"],
    "help": ["--help"],
    "help of a command": ["runs", "--help"],
    "completion": ["--show-completion", "bash"],
    "no such run": ["show", "nope"],
    "no such command": ["nope"],
    "no such option": ["ls", "--nope"],
    "a query error": ["runs", "loss < < 1"],
}
READS_STDIN = {"import -"}


def test_every_command_is_among_them():
    tried = {tuple(words[: 2 if words[0] == "card" else 1]) for words in COMMANDS.values()}
    every = {(name,) for name in app.entries} | {("card", name) for name in card_commands.entries}
    elsewhere = {"demo", "ui", "server", "login", "logout", "sync", "user", "team", "token", "audit", "retention"}
    assert every - tried == {(name,) for name in elsewhere}, "what takes seconds, or a server, has tests of its own"


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict:
    place = tmp_path_factory.mktemp("streams")
    store = str(place / ".runlore")
    for index in range(2):
        with runlore.start("e", f"ärger {index}", params={"p": index}, store=store, capture=False) as run:
            run.log_metrics({"loss": 0.5 + index, "größe": 1, "\ud800x": 1, "system/x": 2}, step=1)
            run.log_metric("loss", 0.25, step=2)
            run.log_event("log", "stdout", "hällo\n\x1b[31mred")
            run.log_artifact("ü".encode(), "größe.txt")
    for name in ("n", "other"):
        runlore.registry.register("model", "s", name, artifacts={"ä": b"1"}, description="é", store=store)
    with runlore.start("theirs", store=str(place / "other"), capture=False):
        pass
    (place / "file").write_text("x")
    processes.run("export", "e", "-o", "e.runlore", cwd=place)
    assert (place / "e.runlore").exists()
    cases = []
    for condition in CONDITIONS:
        where = tmp_path_factory.mktemp("one") / "store"
        shutil.copytree(place, where)
        about = {"condition": condition, "directory": str(where)}
        cases += [{"name": name, "arguments": words, **about} for name, words in COMMANDS.items()]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "forking.py")], input=json.dumps(cases), text=True, cwd=place,
        capture_output=True, check=True, env=processes.environment(),
    )  # fmt: skip
    return {(case["condition"], case["name"]): case for case in json.loads(done.stdout)}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_ends_as_it_should(results, name, condition):
    case, usual = results[condition, name], results["none", name]
    assert "Traceback" not in case["err"], case["err"]
    assert not set(case["out"] + case["err"]) & set("\x1b\x07\x9b")
    prints = bool(usual["out"])
    if condition == "broken pipe" and prints:
        assert (case["code"], case["err"].replace(usual["err"], "")) == (141, "")
    elif condition in ("closed stdout", "full stdout") and prints:
        why = "it is closed" if condition == "closed stdout" else "No space left on device"
        assert case["code"] == 1
        assert case["err"].splitlines()[-1] == f"runlore: stdout: {why}; what was to be printed is lost"
    elif condition == "closed stdin" and name in READS_STDIN:
        assert (case["code"], case["err"]) == (1, "runlore: stdin is closed; name a file\n")
    else:
        assert case["code"] == usual["code"], case["err"]
        assert bool(case["out"]) == prints


def test_the_cases_are_what_they_are_meant_to_be(results):
    codes = {name: case["code"] for (condition, name), case in results.items() if condition == "none"}
    assert {name: code for name, code in codes.items() if code} == {
        "card": 2, "import -": 2, "no such run": 3, "no such command": 2, "no such option": 2, "a query error": 2,
    }  # fmt: skip
    assert codes["no such run"] == results["closed stderr", "no such run"]["code"] == 3


def test_an_ascii_terminal_gets_ascii(results):
    for name in COMMANDS:
        case = results["LC_ALL=C", name]
        if name not in ("artifacts get -", "export"):  # bytes of files, as they are
            assert (case["out"] + case["err"]).isascii(), name
    document = json.loads(results["LC_ALL=C", "runs as json"]["out"])
    assert {"größe", "loss"} < set(document["runs"][0]["metrics"])
    assert "gr\\xf6\\xdfe" in results["LC_ALL=C", "summary"]["out"]


def test_text_that_is_no_unicode_is_shown_with_escapes(results):
    assert "\\ud800x" in results["none", "summary"]["out"]
    assert json.loads(results["none", "summary as json"]["out"])["metrics"]["\ud800x"]["count"] == 2
    assert json.loads(results["none", "runs as json"]["out"])["runs"][0]["metrics"]["\ud800x"] == 1


# The interpreter itself, once for each of what the matrix imitates.


@pytest.mark.parametrize(
    ("redirection", "arguments", "code", "said"),
    [
        (">&-", "runs", 1, "runlore: stdout: it is closed; what was to be printed is lost"),
        (">&-", "runs --json", 1, "runlore: stdout: it is closed; what was to be printed is lost"),
        (">/dev/full", "ls", 1, "runlore: stdout: No space left on device; what was to be printed is lost"),
        ("2>&-", "show nope", 3, ""),
        ("2>/dev/full", "show nope", 3, ""),
        (">&- 2>&-", "runs", 1, ""),
        (">&- 2>&- <&-", "show nope", 3, ""),
        ("<&-", "import -", 1, "runlore: stdin is closed; name a file"),
        ("| head -c 1 >/dev/null", "--help", 141, ""),
    ],
)
def test_a_real_process_does_the_same(store, redirection, arguments, code, said):
    with runlore.start("e", capture=False) as run:
        run.log_metric("loss", 1)
    command = " ".join(processes.command(*arguments.split()))
    ends = "exit ${PIPESTATUS[0]}" if "|" in redirection else "exit $?"
    done = subprocess.run(
        ["bash", "-c", f"{command} {redirection}; {ends}"], capture_output=True, text=True, check=False,
        env=processes.environment(),
    )  # fmt: skip
    if "head" in redirection:  # it may have read all of a short text before it went away
        assert done.returncode in (0, code)
    else:
        assert done.returncode == code
    assert done.stderr.strip() == said


def test_no_file_takes_the_place_of_a_closed_stream(store):
    """A database that got descriptor 1 would be written over by whatever prints."""
    with runlore.start("e", capture=False) as run:
        run.log_metric("loss", 1)
    program = (
        "import os, sys; sys.argv = ['runlore', 'tag', 'e#1', 'x']\n"
        "import runlore.cli\n"
        "try: runlore.cli.main()\n"
        "except SystemExit: pass\n"
        "os.write(4, os.readlink('/proc/self/fd/1').encode())"
    )
    read, write = os.pipe()
    subprocess.run(
        ["bash", "-c", f'exec 4>&{write}; {sys.executable} -c "$0" >&-', program], check=True, pass_fds=[write],
        env=processes.environment(),
    )  # fmt: skip
    os.close(write)
    assert os.read(read, 1000) == b"/dev/null"
    os.close(read)
    assert runlore.get_run("e#1").tags == {"x": ""}
