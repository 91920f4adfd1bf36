"""Captures of real runs, from the script to the reader."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import runlore

SOURCE = str(Path(runlore.__file__).parents[1])


@pytest.fixture
def run_script(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))

    def run_script(body, *arguments):
        script = tmp_path / "train.py"
        script.write_text(f"import os, sys, time\nsys.path.insert(0, {SOURCE!r})\nimport runlore\n{body}\n")
        return subprocess.run([sys.executable, str(script), *arguments], cwd=tmp_path, capture_output=True, text=True,
                              check=False, timeout=60)  # fmt: skip

    return run_script


def facts_of(data, name):
    merged = {}
    for value in data[(data.event == "capture") & (data.key == name)].value:
        merged |= value
    return merged


def lines_of(data, key):
    return "\n".join(data[(data.event == "log") & (data.key == key)].value).splitlines()


def commit_all(directory):
    command = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*command, *arguments], cwd=directory, check=True)


def test_a_short_run_has_everything(run_script, tmp_path):
    (tmp_path / "model.py").write_text("width = 8\n")
    commit_all(tmp_path)
    (tmp_path / "model.py").write_text("width = 16\n")
    done = run_script(
        "run = runlore.start('demo', capture={'code': True})\nrun.log_metric('loss', 0.5)\nprint('out')\n"
        "print('err', file=sys.stderr)\nimport logging; logging.getLogger('x').error('bad %d', 7)\nrun.finish()",
        "--api-key", "hunter2",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "out\n"), done.stderr
    assert done.stderr == "err\nbad 7\n"
    data = runlore.experiment("demo").data()
    git = facts_of(data, "git")
    assert (len(git["commit"]), git["dirty"], git["unstaged"], git["untracked"]) == (
        40,
        True,
        ["model.py"],
        ["train.py"],
    )
    environment = facts_of(data, "environment")
    assert environment["script"] == str(tmp_path / "train.py")
    assert environment["argv"][1:] == ["--api-key", "***"]
    assert any(package.startswith("numpy==") for package in environment["packages"])
    assert {"out"} == set(lines_of(data, "stdout"))
    assert lines_of(data, "stderr") == ["err", "bad 7"]
    assert lines_of(data, "logging") == ["bad 7"]
    assert set(data[data.event == "artifact"].key) == {"code/train.py", "git/diff.patch"}
    assert (data.event == "metric").sum() > 3
    assert not any("error" in value for value in data[data.event == "capture"].value)


def test_a_killed_run_keeps_its_output_and_its_commit(run_script, tmp_path):
    (tmp_path / "a.py").write_text("x\n")
    commit_all(tmp_path)
    done = run_script("run = runlore.start('demo')\nprint('last words', flush=True)\nos.kill(os.getpid(), 9)")
    assert (done.returncode, done.stdout) == (-9, "last words\n")
    experiment = runlore.experiment("demo")
    assert lines_of(experiment.data(), "stdout") == ["last words"]
    assert len(facts_of(experiment.data(), "git")["commit"]) == 40
    assert list(experiment.runs().status) == ["crashed"]


@pytest.mark.parametrize("name", ["git", "environment", "console", "hardware"])
def test_each_is_suppressed_alone(run_script, tmp_path, name):
    (tmp_path / "a.py").write_text("x\n")
    commit_all(tmp_path)
    done = run_script(f"run = runlore.start('demo', capture={{'{name}': False}}); print('x'); run.finish()")
    assert done.returncode == 0, done.stderr
    data = runlore.experiment("demo").data()
    present = set(data[data.event == "capture"].key)
    present |= {"console"} if (data.event == "log").any() else set()
    present |= {"hardware"} if (data.event == "metric").any() else set()
    assert present == {"git", "environment", "console", "hardware"} - {name}


def test_runs_in_a_row_keep_their_own_output(run_script):
    done = run_script(
        "for i in range(3):\n"
        "    with runlore.start('demo') as run:\n        print('line of', i)\n    print('between', i)"
    )
    assert done.stdout.splitlines() == [text for i in range(3) for text in (f"line of {i}", f"between {i}")]
    data = runlore.experiment("demo").data()
    for number in range(1, 4):
        assert lines_of(data[data.run == number], "stdout") == [f"line of {number - 1}"]


def test_an_exception_is_told_as_before(run_script):
    done = run_script("run = runlore.start('demo')\nraise ValueError('no')")
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: no\n")
    assert "ValueError: no" in lines_of(runlore.experiment("demo").data(), "stderr")


def test_a_run_without_a_writable_terminal(run_script):
    done = run_script("os.close(0); os.close(1); os.close(2)\nrun = runlore.start('demo'); run.finish(); os._exit(9)")
    assert done.returncode == 9
    assert list(runlore.experiment("demo").runs().status) == ["succeeded"]


@pytest.mark.parametrize("ready", [True, False], ids=["forwarder", "short run"])
def test_a_long_line_is_one_line_for_every_reader(run_script, tmp_path, ready):
    body = (
        "run = runlore.start('demo', capture={'git': False, 'hardware': False})\n"
        "for part in range(10):\n"
        "    os.write(1, (f'{part}' * 9_999 + ' ').encode())\n"
        "    os.write(2, f'error {part}\\n'.encode())\n"
        f"    time.sleep({0.15 if ready else 0})\n"
        "os.write(1, b'end\\nnext\\n')\nrun.finish()"
    )
    assert run_script(body).returncode == 0
    view = runlore.get_run("demo#1", store=tmp_path / "store")
    long_line = "".join(f"{part}" * 9_999 + " " for part in range(10)) + "end"
    assert list(view.logs("stdout")) == [long_line, "next"]
    assert list(view.logs("stderr")) == [f"error {part}" for part in range(10)]
    shown = subprocess.run(
        [sys.executable, "-m", "runlore", "logs", "--store", str(tmp_path / "store"), "demo#1"], capture_output=True,
        text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert sorted(shown) == sorted([long_line, "next", *view.logs("stderr")])


def test_a_line_whose_end_was_never_written_is_shown(run_script, tmp_path):
    run_script("run = runlore.start('demo')\nos.write(1, b'y' * 100_000); time.sleep(0.5); os.kill(os.getpid(), 9)")
    deadline = time.monotonic() + 20
    while not (lines := list(runlore.get_run("demo#1", store=tmp_path / "store").logs("stdout"))):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert lines == ["y" * 100_000]


def test_a_key_that_is_printed_line_by_line_is_masked(run_script, tmp_path):
    body = (
        "run = runlore.start('demo', capture={'git': False})\nprint('-----BEGIN PRIVATE KEY-----', flush=True)\n"
        "for _ in range(5):\n    time.sleep(0.15)\n    print('MIIEabcd' * 8, flush=True)\n"
        "print('-----END PRIVATE KEY-----\\nafter')\nrun.finish()"
    )
    assert run_script(body).returncode == 0
    lines = list(runlore.get_run("demo#1", store=tmp_path / "store").logs("stdout"))
    assert lines == ["-----BEGIN PRIVATE KEY-----", *["***"] * 5, "-----END PRIVATE KEY-----", "after"]
