"""`runlore demo` as its first user sees it: in an empty directory, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import runlore
from runlore import cli
from runlore.demo import DIABETES, DIGITS, DemoResult


def run_demo(directory, *arguments: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUNLORE_")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "runlore", "demo", *arguments],
        cwd=directory, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    directory = tmp_path_factory.mktemp("demo")
    done = run_demo(directory)
    assert done.returncode == 0, done.stderr
    return directory, done


def test_it_says_what_it_did_and_what_to_type_next(demo):
    directory, done = demo
    assert done.stderr == ""
    assert "11 runs in " in done.stdout
    assert str(directory / ".runlore") in done.stdout
    assert "killed with `kill -9`" in done.stdout
    assert "nothing is lost" in done.stdout
    for command in ("runlore ls", f"runlore show {DIGITS}#9", f"runlore diff {DIGITS}#1 {DIGITS}#2"):
        assert f"  {command}\n" in done.stdout


def test_the_table_is_best_first(demo):
    rows = [line.split() for line in demo[1].stdout.splitlines() if line.startswith(f"{DIGITS}#") and "%" not in line]
    values = [float(word) for row in rows if "was" not in row for word in row if word.startswith("0.")][::2]
    store = str(demo[0] / ".runlore")
    best = runlore.experiment(DIGITS, store=store).runs(order_by="-metrics.val/acc")
    assert values[0] == pytest.approx(best["metrics.val/acc"][0], abs=1e-6)


def test_everything_that_was_promised_is_recorded(demo):
    store = str(demo[0] / ".runlore")
    network = runlore.get_run(f"{DIGITS}#6", store=store)
    assert network.params["hidden"] == 64
    assert network.metrics["val/acc"] > 0.9
    assert len(network.metric("train/loss")) == 10
    assert {item.kind for item in network.artifacts()} >= {"model", "figure", "confusion_matrix"}
    assert len([line for line in network.logs() if line.startswith("epoch")]) == 10
    trusted = ["sklearn.neural_network._stochastic_optimizers.AdamOptimizer"]
    assert network.artifact("model").load(trusted=trusted).predict([[0.0] * 64]).shape == (1,)
    ridge = runlore.get_run(f"{DIABETES}#1", store=store)
    assert ridge.artifact("model").load().predict([[0.0] * 10]).shape == (1,)
    assert len(runlore.experiment(DIABETES, store=store)) == 2


def test_the_killed_run_has_all_its_points(demo):
    store = str(demo[0] / ".runlore")
    killed = runlore.get_run(f"{DIGITS}#9", store=store)
    assert killed.status == "crashed"
    assert killed.name == "killed"
    assert len(killed.metric("train/loss")) >= 12


def test_a_missing_point_would_be_said(demo, monkeypatch, capsys):
    """The check that the demonstration makes of itself can fail."""
    store = str(demo[0] / ".runlore")
    killed = runlore.get_run(f"{DIGITS}#9", store=store)
    monkeypatch.setattr("runlore.demo.run_demo", lambda *_: DemoResult(store, 11, killed.uid, 37, 36))
    code = cli.run(["demo", "--json"])
    printed = capsys.readouterr()
    assert json.loads(printed.out)["found"] == 36
    assert code == 1
    assert printed.err.startswith(f"runlore: 1 points of the killed run {killed.uid} are missing")


def test_commands_name_a_store_that_is_not_the_usual_one(demo, monkeypatch, capsys):
    store = str(demo[0] / ".runlore")
    monkeypatch.chdir(demo[0].parent)
    killed = runlore.get_run(f"{DIGITS}#9", store=store)
    monkeypatch.setattr("runlore.demo.run_demo", lambda *_: DemoResult(store, 11, killed.uid, 36, 36))
    assert cli.run(["demo"]) == 0
    assert f"  runlore ls --store {demo[0].name}/.runlore\n" in capsys.readouterr().out
