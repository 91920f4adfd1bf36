"""Experiments in a store of the test's own, in this process and in programs with unchanged imports."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

import runlore
from runlore.run.ends import open_runs


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """The path of the store. Nothing is captured unless a test asks for it, and no variable of Polyaxon is set."""
    for name in [name for name in os.environ if name.startswith(("POLYAXON_", "TF_CONFIG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "store"
    for run in list(open_runs.values()):
        run.finish()


@pytest.fixture
def run_program(tmp_path):
    """Run a program under the dialect; `captures` as in `RUNLORE_CAPTURE`."""

    def run_program(body, *arguments, captures="0", cwd=tmp_path, **variables):
        script = cwd / "train.py"
        script.write_text(
            "import os, signal, sys, threading, time\nfrom polyaxon_client.tracking import Experiment, Group, Job\n"
            + textwrap.dedent(body)
        )
        command = [sys.executable, "-m", "runlore.dialects", "polyaxon", str(script), *arguments]
        environment = {**os.environ, "RUNLORE_CAPTURE": captures, **variables}
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    return run_program


@pytest.fixture
def view():
    """A recorded run, read natively."""
    return lambda number=1, project="p": runlore.experiment(project).run(number)


@pytest.fixture
def managed(monkeypatch):
    """Set the variables with which the platform starts a program."""
    import json

    def managed(**variables):
        monkeypatch.setenv("POLYAXON_IS_MANAGED", "true")
        for name, value in variables.items():
            monkeypatch.setenv(name, value if isinstance(value, str) else json.dumps(value))

    return managed
