"""What only a real process shows: pipes that break, terminals, colours, Ctrl-C."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import processes
import pytest

import runlore


@pytest.fixture
def many(store):
    for index in range(40):
        with runlore.start("many/runs", f"number {index}", params={"lr": index}, capture=False) as run:
            run.log_metrics({f"metric-{k}": index * k for k in range(12)})
            for step in range(60):
                run.log_metric("loss", step, step=step)
    return store


def test_a_reader_that_goes_away_is_no_error(many):
    shell = " ".join(processes.command("data", "many/runs", "-n", "0"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shell} | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, check=True, env=processes.environment(),
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "141"


def test_a_full_device_is_one_line(many):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            processes.command("runs"), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            env=processes.environment(),
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "runlore: stdout: No space left on device; what was to be printed is lost"


def test_without_a_terminal_lines_are_as_long_as_they_need_to_be(many):
    done = processes.run("runs")
    assert done.returncode == 0
    assert "metrics.metric-11" in done.stdout.splitlines()[0]
    assert "\x1b" not in done.stdout + done.stderr


def test_a_terminal_gets_colours_and_the_columns_that_fit(many):
    terminal = processes.Terminal("runs", columns=70)
    assert terminal.wait() == 0
    assert "\x1b[" in terminal.text
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.text)
    assert max(len(line.rstrip()) for line in plain.splitlines() if "many/runs#" in line) <= 70
    assert "left out for want of room" in plain


def test_no_color(many):
    terminal = processes.Terminal("runs", NO_COLOR="1")
    assert terminal.wait() == 0
    assert "\x1b[3" not in terminal.text


def test_json_is_indented_for_people(many):
    terminal = processes.Terminal("ls", "--json")
    assert terminal.wait() == 0
    assert '\r\n  "experiments": [' in terminal.text


def test_ctrl_c_ends_following(store):
    with runlore.start("live", capture=False) as run:
        run.log_event("log", "stdout", "here we are")
        terminal = processes.Terminal("logs", "live#1", "-f")
        terminal.read_until("here we are")
        terminal.type("\x03")
        assert terminal.wait() == 130
    assert "runlore: interrupted" in terminal.text
    assert "Traceback" not in terminal.text


def test_top_redraws_until_ctrl_c(store):
    with runlore.start("live", capture=False) as run:
        run.log_metric("loss", 0.25)
        terminal = processes.Terminal("top", "-i", "0.2")
        terminal.read_until("0.25")
        run.log_metric("loss", 0.125)
        terminal.read_until("0.125")
        terminal.type("\x03")
        assert terminal.wait() == 0


def test_help_is_fast_because_it_loads_little(store):
    program = "import json, sys; from runlore.cli import app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=processes.environment()
    )
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"numpy", "pandas", "pyarrow", "sqlalchemy", "sqlite3", "rich", "plotext", "sklearn"}


@pytest.mark.parametrize(
    ("words", "proposed"),
    [
        ("runlore show many/runs#3", ["many/runs#39", "many/runs#38", "many/runs#3"]),
        ("runlore data ma", ["many/runs"]),
        ("runlore sea", ["seal"]),
    ],
)
def test_completion(many, words, proposed):
    assert processes.run("ls").returncode == 0, "completion proposes what the catalog knows"
    done = subprocess.run(
        processes.command(), capture_output=True, text=True, check=True,
        env=processes.environment(
            _RUNLORE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
        ),
    )  # fmt: skip
    found = [line.removeprefix("plain,") for line in done.stdout.splitlines()]
    assert [name for name in found if name in proposed] == proposed


def test_a_chart_has_the_background_of_the_terminal(many):
    terminal = processes.Terminal("plot", "many/runs", "loss", "-n", "2", columns=80)
    assert terminal.wait() == 0
    assert "\x1b[38;5;" in terminal.text
    assert "\x1b[48;" not in terminal.text
    assert "many/runs#40" in terminal.text
