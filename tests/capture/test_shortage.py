"""Captures when the process has nothing left: no descriptor, thread or interpreter. They never raise, and say it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import runlore

SOURCE = str(Path(runlore.__file__).parents[1])
FEW_DESCRIPTORS = f"""
import os, resource, sys
sys.path.insert(0, {SOURCE!r})
import runlore
when, left = sys.argv[1], int(sys.argv[2])
def leave():
    used = len(os.listdir("/proc/self/fd")) - 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(3, used + left), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
if when == "second run": runlore.start("first").finish()
if when != "open": leave()
try:
    run = runlore.start("x")
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(3)  # not even the journal could be opened
if when == "open": leave()
print("printed")
os.write(2, b"written\\n")
run.finish()
print("after")
"""


def run_program(program, tmp_path, *arguments):
    (tmp_path / "program.py").write_text(program)
    environment = {**os.environ, "RUNLORE_STORE": str(tmp_path / "store")}
    command = [sys.executable, "program.py", *arguments]
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def errors_of(view):
    found = {}
    for event in view.events("capture"):
        if isinstance(event.value, dict) and event.value.get("error"):
            found.setdefault(event.key, []).append(event.value["error"])
    return found


@pytest.mark.parametrize("when", ["first run", "second run", "open"])
@pytest.mark.parametrize("left", range(20))
def test_with_few_descriptors_left_nothing_raises_and_what_is_missing_is_said(tmp_path, when, left):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = run_program(FEW_DESCRIPTORS, tmp_path, when, str(left))
    if done.returncode == 3:
        assert "Too many open files" in done.stdout
        assert left < 4
        return
    assert (done.returncode, done.stdout) == (0, "printed\nafter\n"), done.stderr
    assert done.stderr == "written\n"
    view = runlore.get_run("x#1", store=tmp_path / "store")
    assert view.status == "succeeded"
    errors = errors_of(view)
    everything = view.lost > 0  # not even the modules that capture could be loaded
    lines = [*view.logs()]
    assert sorted(lines) == ["printed", "written"] or "console" in errors or everything
    assert "system/memory_total_bytes" in view.system or "hardware" in errors or everything
    facts = {}
    for event in view.events("capture"):
        facts.setdefault(event.key, {}).update(event.value)
    assert "packages" in facts.get("environment", {}) or "environment" in errors or everything
    assert "argv" in facts.get("environment", {}) or "environment" in errors or everything
    assert facts.get("git", {}).get("dirty") is True or "git" in errors or everything
    for messages in errors.values():
        assert all("Too many open files" in message for message in messages), errors


AT_THE_END = f"""
import atexit, sys, threading, time
sys.path.insert(0, {SOURCE!r})
import runlore
def record():
    with runlore.start("x") as run:
        print("printed")
        run.log_metric("loss", 1.0)
if sys.argv[1] == "atexit":
    atexit.register(record)
else:
    threading.Thread(target=lambda: (time.sleep(0.2), record())).start()
"""


@pytest.mark.parametrize("where", ["atexit", "a thread that outlives the main one"])
def test_a_run_while_the_interpreter_ends(tmp_path, where):
    done = run_program(AT_THE_END, tmp_path, where)
    assert (done.returncode, done.stdout, done.stderr) == (0, "printed\n", "")
    view = runlore.get_run("x#1", store=tmp_path / "store")
    assert view.status == "succeeded"
    assert list(view.logs()) == ["printed"]
    assert view.system
    for messages in errors_of(view).values():
        assert all("thread" in message for message in messages)  # some versions of Python start none any more


NO_THREADS = f"""
import os, sys, threading
sys.path.insert(0, {SOURCE!r})
import runlore
def refuse(*_):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
with runlore.start("x") as run:
    print("printed")
    os.write(2, b"written\\n")
"""


def test_a_process_that_can_start_no_thread(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = run_program(NO_THREADS, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "printed\n", "written\n")
    view = runlore.get_run("x#1", store=tmp_path / "store")
    assert sorted(view.logs()) == ["printed", "written"]
    assert errors_of(view) == {"hardware": ["RuntimeError: can't start new thread"]}
    facts = {}
    for event in view.events("capture"):
        facts.setdefault(event.key, {}).update(event.value)
    assert facts["git"]["dirty"] is True
    assert facts["environment"]["packages"]
