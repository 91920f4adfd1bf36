"""Sacred, Trackio and DVCLive: their own libraries write, where they are installed."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import pytest

import runlore
from runlore.errors import InvalidArgument, NotFound
from runlore.importers import import_runs
from runlore.importers.dvclive import LiveFolders
from runlore.importers.sacred import ObservedRuns
from runlore.importers.trackio import Projects


def points_of(view, key):
    frame = runlore.experiment(view.experiment).data(run=view.uid, event="metric", key=key)
    return list(zip(frame["step"].tolist(), frame["value"].tolist(), strict=True))


SACRED = """
from sacred import Experiment
from sacred.observers import FileStorageObserver
experiment = Experiment("my experiment", save_git_info=False)
experiment.observers.append(FileStorageObserver("out"))
@experiment.config
def config():
    lr = 0.1
    model = {"depth": 3, "widths": [1, 2]}
@experiment.main
def main(_run, lr):
    for step in range(3):
        _run.log_scalar("loss", 1 / (step + 1), step)
    _run.log_scalar("nan", float("nan"), 0)
    open("weights.txt", "w").write("content")
    _run.add_artifact("weights.txt")
    if lr > 1:
        raise RuntimeError("too fast")
    return 0.5
experiment.run(config_updates={"seed": 7})
try:
    experiment.run(config_updates={"lr": 2.0})
except RuntimeError:
    pass
"""


@pytest.fixture
def observed(tmp_path, written_by):
    return written_by("sacred", SACRED, tmp_path) / "out"


def test_runs_of_sacred(take, observed):
    report = take(lambda: ObservedRuns(str(observed)))
    good, bad = (runlore.get_run(run.uid) for run in report.runs)
    assert (good.experiment, good.name, good.status, bad.status) == ("my experiment", "1", "succeeded", "failed")
    assert good.params == {"lr": 0.1, "model/depth": 3, "model/widths": [1, 2], "seed": 7}
    assert points_of(good, "loss") == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert math.isnan(good.metrics["nan"])
    assert good.metrics["result"] == 0.5
    assert good.artifact("weights.txt").read_bytes() == b"content"


def test_damage_of_sacred_costs_itself(take, observed):
    metrics = observed / "1" / "metrics.json"
    metrics.write_bytes(metrics.read_bytes()[:-40])
    report = take(lambda: ObservedRuns(str(observed)), whole=False)
    assert [len(run.problems) for run in report.runs] == [1, 0]
    metrics.write_text('{"a": 1, "b": {"steps": [1], "values": ["x"], "timestamps": [2]}}')
    report = import_runs(runlore.opening.open_store(), ObservedRuns(str(observed)))
    assert [len(run.problems) for run in report.runs] == [2, 0]
    (observed / "2" / "run.json").write_text("[" * 100_000)
    report = import_runs(runlore.opening.open_store(), ObservedRuns(str(observed)))
    assert (len(report.runs), len(report.problems)) == (1, 1)


TRACKIO = """
import trackio
run = trackio.init(project="vision", name="first", config={"lr": 0.1, "model": {"depth": 3}}, embed=False)
for step in range(20):
    trackio.log({"loss": 1 / (step + 1), "val": {"acc": step / 7}})
trackio.log({"bad": float("nan"), "word": "text"})
trackio.finish()
"""


def test_runs_of_trackio(take, tmp_path, written_by):
    folder = written_by("trackio", TRACKIO, tmp_path, TRACKIO_DIR=str(tmp_path / "kept")) / "kept"
    report = take(lambda: Projects(str(folder)), whole=False)
    (run,) = report.runs
    assert run.problems == ["left out: 1 values of 'word' that are no numbers"]
    view = runlore.get_run(run.uid)
    assert (view.experiment, view.name, view.params) == ("vision", "first", {"lr": 0.1, "model/depth": 3})
    assert points_of(view, "loss") == [(step, 1 / (step + 1)) for step in range(20)]
    assert points_of(view, "val/acc")[-1] == (19, 19 / 7)
    assert math.isnan(view.metrics["bad"])


def test_damage_of_trackio_costs_what_cannot_be_read(store, tmp_path, written_by):
    folder = written_by("trackio", TRACKIO, tmp_path, TRACKIO_DIR=str(tmp_path / "kept")) / "kept"
    (path,) = folder.glob("*.db")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE metrics SET metrics = substr(metrics, 1, 5) WHERE step = 3")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    report = import_runs(store, Projects(str(folder)))
    (run,) = report.runs
    assert (run.is_same, len(run.problems)) == (True, 2)
    assert len(points_of(runlore.get_run(run.uid), "loss")) == 19
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    report = import_runs(store, Projects(str(folder)))
    assert not report.is_whole
    path.write_bytes(b"\0" * 100)
    report = import_runs(store, Projects(str(folder)))
    assert (report.runs, len(report.problems)) == ([], 1)


def test_a_database_as_older_versions_of_trackio_made_it(take, tmp_path):
    with closing(sqlite3.connect(tmp_path / "old.db")) as database, database:
        database.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT)"
        )
        rows = [("2025-01-01T00:00:00", "a", 0, '{"x": 1}'), ("2025-01-01T00:00:01", "a", 1, '{"x": 2'),
                ("2025-01-01T00:00:02", "a", 2, '{"x": "Infinity"}')]  # fmt: skip
        database.executemany("INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)", rows)
    report = take(lambda: Projects(str(tmp_path / "old.db")), whole=False)
    (run,) = report.runs
    assert len(run.problems) == 1
    assert points_of(runlore.get_run(run.uid), "x") == [(0, 1.0), (2, math.inf)]


DVCLIVE = """
from dvclive import Live
import numpy as np
with Live("project/dvclive", dvcyaml=None, save_dvc_exp=False, report=None) as live:
    live.log_params({"lr": 0.1, "model": {"depth": 3}})
    live.log_metric("summary", 0.25, plot=False)
    for step in range(4):
        live.log_metric("train/loss", 1 / (step + 1), timestamp=True)
        live.log_metric("acc", step)
        live.log_image("picture.png", np.zeros((4, 5, 3), np.uint8))
        live.next_step()
"""


def test_runs_of_dvclive(take, tmp_path, written_by):
    folder = written_by("dvclive", DVCLIVE, tmp_path) / "project"
    report = take(lambda: LiveFolders(str(folder)))
    (run,) = report.runs
    view = runlore.get_run(run.uid)
    assert (view.experiment, view.name, view.params) == ("project", "dvclive", {"lr": 0.1, "model/depth": 3})
    assert points_of(view, "train/loss") == [(step, 1 / (step + 1)) for step in range(4)]
    assert view.metrics["acc"] == 3.0
    assert view.metrics["summary"] == 0.25


def test_damage_of_dvclive_costs_itself_and_the_rest_comes_later(store, tmp_path, written_by):
    folder = written_by("dvclive", DVCLIVE, tmp_path) / "project"
    series, params = folder / "dvclive/plots/metrics/train/loss.tsv", folder / "dvclive/params.yaml"
    whole = series.read_bytes()
    series.write_bytes(whole[:-3])
    params.write_text("lr: [")
    (run,) = import_runs(store, LiveFolders(str(folder))).runs
    assert (run.is_same, len(run.problems)) == (True, 2)
    assert len(points_of(runlore.get_run(run.uid), "train/loss")) == 3
    series.write_bytes(whole)
    params.write_text("lr: 0.1")
    report = import_runs(store, LiveFolders(str(folder)))
    assert (report.is_whole, report.runs[0].state) == (True, "extended")
    assert points_of(runlore.get_run(run.uid), "train/loss") == [(step, 1 / (step + 1)) for step in range(4)]


def test_a_folder_as_dvclive_writes_it_whole_and_torn(take, store, tmp_path):
    place = tmp_path / "project" / "dvclive"
    (place / "plots" / "metrics" / "train").mkdir(parents=True)
    series = place / "plots" / "metrics" / "train" / "loss.tsv"
    series.write_text("timestamp\tstep\tloss\n1700000000000\t0\t1.0\n1700000001000\t1\t0.5\n1700000002000\t2")
    (place / "metrics.json").write_text('{"train": {"loss": 0.5}, "best": 0.1, "step": 2}')
    (place / "params.yaml").write_text("lr: 0.1\nmodel:\n  depth: 3\n")
    (place / "plots" / "images").mkdir()
    (place / "plots" / "images" / "a.png").write_bytes(b"png")
    report = take(lambda: LiveFolders(str(tmp_path / "project")), whole=False)
    (run,) = report.runs
    view = runlore.get_run(run.uid)
    assert "1 rows" in run.problems[0]
    assert (view.params, view.metrics) == ({"lr": 0.1, "model/depth": 3}, {"train/loss": 0.5, "best": 0.1})
    times = store.open_run(run.uid).points(["train/loss"]).time_ns.tolist()
    assert times == [1_700_000_000_000_000_000, 1_700_000_001_000_000_000]
    assert [item.name for item in view.artifacts()] == ["a"]


def test_what_is_no_source_is_refused(tmp_path):
    for kind in (ObservedRuns, Projects, LiveFolders):
        with pytest.raises(NotFound, match="none"):
            kind(str(tmp_path / "none"))
        with pytest.raises(InvalidArgument, match="has no"):
            kind(str(tmp_path)).runs()
