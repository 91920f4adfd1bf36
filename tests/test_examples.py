"""The programs in examples/ run as people run them, and what they recorded is there."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import runlore

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    path = os.path.dirname(sys.executable)
    return {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "ignore"}


def run(command, environment, directory):
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=directory, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "library", "runs", "says"),
    [
        ("loop", "math", 3, r"best of 3: lr=0\.1, loss 0\.\d+\nweights: \["),
        ("with_sklearn", "sklearn", 2, r"best of 2: max_depth=3, acc 0\.9\d+"),
        ("sweep", "optuna", 11, r"10 trials, the best (\S+) as Optuna says \1"),
        ("with_torch", "torch", 1, r"Adam, 97 parameters: loss 0\.0\d+, lr 0\.00\d+"),
        ("ddp", "torch", 1, r"one run, 40 points of 2 ranks; last losses: 0\.\d+, 0\.\d+"),
    ],
)
def test_a_program_runs_and_its_runs_are_there(environment, tmp_path, name, library, runs, says):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: examples/{name}.py needs it")
    printed = run([sys.executable, str(EXAMPLES / f"{name}.py")], environment, tmp_path)
    assert re.match(says, printed), printed
    found = runlore.runs()
    assert (len(found), set(found["status"])) == (runs, {"succeeded"})


def test_the_array_of_jobs_is_one_group(environment, tmp_path):
    for task in range(3):
        run(["bash", str(EXAMPLES / "array.slurm")], {**environment, "SLURM_ARRAY_TASK_ID": str(task)}, tmp_path)
    found = runlore.runs("group = 'array-local'")
    assert sorted(found["params.seed"]) == [0, 1, 2]
    assert len(set(found["metrics.loss"])) == 3


def test_the_cells_of_the_notebook_run_one_after_the_other(environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = json.loads((EXAMPLES / "look.ipynb").read_text("utf-8"))
    space: dict = {}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "a notebook is kept without its outputs"
            exec("".join(cell["source"]), space)  # the program is of this repository
    assert len(space["experiment"].runs()) == 2


def test_every_example_is_listed():
    listed = set(re.findall(r"\]\(([\w.]+)\)", (EXAMPLES / "README.md").read_text("utf-8")))
    assert listed == {path.name for path in EXAMPLES.iterdir() if path.name not in ("README.md", "__pycache__")}
