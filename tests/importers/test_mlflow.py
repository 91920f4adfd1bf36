"""MLflow's own client writes a database and a directory; both are taken in, whole and damaged."""

from __future__ import annotations

import math
import shutil
import sqlite3
from contextlib import closing

import pytest

import runlore
from runlore.errors import InvalidArgument, NotFound
from runlore.importers import import_runs
from runlore.importers.mlflow import open_source

WRITE = """
import mlflow, os
mlflow.set_tracking_uri(os.environ["TRACKING"])
mlflow.set_experiment("vision/resnet 50")
with mlflow.start_run(run_name="first", description="**bold**") as run:
    mlflow.log_params({"lr": 0.1, "seed": 7, "name": "adam", "old": "007", "flag": True})
    for step in range(5):
        mlflow.log_metric("train/loss", 1 / (step + 1), step=step)
    mlflow.log_metric("late", 1.0, step=5)
    mlflow.log_metric("late", 2.0, step=-3)
    mlflow.log_metrics({"nan": float("nan"), "inf": float("inf"), "minus": float("-inf")})
    mlflow.set_tag("team", "a b\\nc")
    mlflow.log_text("hello", "deep/er/x.txt")
    with mlflow.start_run(nested=True, run_name="child"):
        mlflow.log_metric("c", 1)
client = mlflow.MlflowClient()
failed = client.create_run(run.info.experiment_id, run_name="failed")
client.set_terminated(failed.info.run_id, "FAILED")
killed = client.create_run(run.info.experiment_id, run_name="killed")
client.set_terminated(killed.info.run_id, "KILLED")
client.delete_run(killed.info.run_id)
client.create_run(run.info.experiment_id, run_name="unfinished")
"""


@pytest.fixture(scope="session")
def kept(tmp_path_factory, written_by):
    """A database with its artifacts, and a directory."""
    place = tmp_path_factory.mktemp("mlflow")
    for name, address in (("database", "sqlite:///mlflow.db"), ("directory", "file:mlruns")):
        (place / name).mkdir()
        written_by("mlflow", WRITE, place / name, TRACKING=address, MLFLOW_ALLOW_FILE_STORE="true")
    return place


@pytest.fixture(params=["database", "directory"])
def source(request, kept, tmp_path):
    """The address of a copy of one of them."""
    place = tmp_path / request.param
    shutil.copytree(kept / request.param, place)
    return str(place / ("mlflow.db" if request.param == "database" else "mlruns"))


def test_runs_are_what_they_were(take, source):
    report = take(lambda: open_source(source))
    assert [run.state for run in report.runs] == ["added"] * 5
    total = report.total()
    assert (total.points, total.files, total.bytes) == (11, 1, 5)
    by_name = {taken.id: taken for taken in report.runs}
    runs = {runlore.get_run(uid).name: runlore.get_run(uid) for uid in by_name}
    first = runs["first"]
    assert first.uid in by_name, "MLflow's id is the uid"
    assert first.params == {"lr": 0.1, "seed": 7, "name": "adam", "old": "007", "flag": True}
    assert (first.status, first.experiment, first.description) == ("succeeded", "vision/resnet 50", "**bold**")
    assert first.tags["team"] == "a b\nc"
    frame = runlore.experiment("vision/resnet 50").data(run=first.uid, event="metric")
    loss = frame[frame["key"] == "train/loss"]
    assert loss["step"].tolist() == [0, 1, 2, 3, 4]
    assert loss["value"].tolist() == [1 / (step + 1) for step in range(5)]
    assert sorted(frame[frame["key"] == "late"]["step"]) == [-3, 5]
    assert math.isnan(first.metrics["nan"])
    assert (first.metrics["inf"], first.metrics["minus"]) == (math.inf, -math.inf)
    assert first.artifact("deep/er/x.txt").read_bytes() == b"hello"
    assert runs["child"].parent == first.uid
    assert [runs[name].status for name in ("failed", "killed")] == ["failed", "stopped"]
    listed = runlore.experiment("vision/resnet 50").runs()
    assert sorted(listed["name"]) == ["child", "failed", "first", "unfinished"], "the trash stays the trash"


def test_what_came_later_is_added(store, kept, tmp_path):
    source = str(tmp_path / "mlflow.db")
    shutil.copy(kept / "database" / "mlflow.db", source)
    import_runs(store, open_source(source))
    with closing(sqlite3.connect(source)) as database, database:
        (uid,) = database.execute("SELECT run_uuid FROM runs WHERE name = 'unfinished'").fetchone()
        database.execute("INSERT INTO metrics VALUES ('more', 1.5, 1700000000000, ?, 3, 0)", (uid,))
        database.execute("UPDATE runs SET status='FINISHED', end_time=start_time + 5 WHERE run_uuid = ?", (uid,))
    report = import_runs(store, open_source(source))
    assert sorted(run.state for run in report.runs) == ["extended", *["unchanged"] * 4]
    assert report.is_whole
    view = runlore.get_run(uid)
    assert (view.metrics, view.status) == ({"more": 1.5}, "succeeded")


def test_a_dry_run_writes_nothing(store, source):
    report = import_runs(store, open_source(source), dry=True)
    assert [run.state for run in report.runs] == ["new"] * 5
    assert len(runlore.runs()) == 0
    counted = report.total()
    assert import_runs(store, open_source(source)).total() == counted
    assert {run.state for run in import_runs(store, open_source(source), dry=True).runs} == {"known"}


def test_a_torn_line_costs_itself_until_it_is_whole(take, store, kept, tmp_path):
    place = tmp_path / "mlruns"
    shutil.copytree(kept / "directory" / "mlruns", place)
    (loss,) = place.glob("*/*/metrics/train/loss")
    whole = loss.read_bytes()
    loss.write_bytes(b"no point\n" + whole[:-3])
    report = take(lambda: open_source(str(place)), whole=False)
    (problem,) = [text for run in report.runs for text in run.problems]
    assert "2 lines" in problem
    assert str(loss) in problem
    loss.write_bytes(b"no point\n" + whole)
    again = import_runs(store, open_source(str(place)))
    (run,) = [run for run in again.runs if run.state == "extended"]
    assert run.is_same
    assert run.store.points == 10


def test_a_run_without_its_meta_is_said_and_the_others_are_taken(take, kept, tmp_path):
    place = tmp_path / "mlruns"
    shutil.copytree(kept / "directory" / "mlruns", place)
    (loss,) = place.glob("*/*/metrics/train/loss")
    meta = loss.parents[2] / "meta.yaml"
    for bad in ("a: [", "x: &a 1\ny: *a\n", "!!python/object/apply:os.system [exit 1]\n", "- 1\n", "[" * 2000):
        meta.write_text(bad)
        report = take(lambda: open_source(str(place)), whole=False)
        assert len(report.runs) == 4
        (problem,) = report.problems
        assert str(meta) in problem


def test_a_damaged_database_costs_what_is_damaged(store, kept, tmp_path):
    path = tmp_path / "mlflow.db"
    content = bytearray((kept / "database" / "mlflow.db").read_bytes())
    place = content.index(b"train/loss")
    content[place : place + 10] = b"\xff" * 10
    path.write_bytes(bytes(content))
    report = import_runs(store, open_source(str(path)))
    assert len(report.runs) == 5
    path.write_bytes(bytes(content[: len(content) // 3]))
    with pytest.raises(runlore.errors.DamagedFile, match=r"mlflow\.db"):
        import_runs(store, open_source(str(path)))


def test_links_and_strange_places_are_not_followed(store, kept, tmp_path):
    place = tmp_path / "mlruns"
    shutil.copytree(kept / "directory" / "mlruns", place)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (file,) = place.glob("*/*/artifacts/deep/er/x.txt")
    file.with_name("link").symlink_to(secret)
    assert import_runs(store, open_source(str(place))).total().files == 1


def test_what_is_no_source_is_refused(tmp_path):
    (tmp_path / "text").write_text("text")
    (tmp_path / "empty").mkdir()
    with closing(sqlite3.connect(tmp_path / "other.db")) as database, database:
        database.execute("CREATE TABLE runs (id)")
    for name, kind in (("text", InvalidArgument), ("empty", InvalidArgument), ("none", NotFound)):
        with pytest.raises(kind, match=name):
            open_source(str(tmp_path / name))
    with pytest.raises(InvalidArgument, match="lacks"):
        list(open_source(str(tmp_path / "other.db")).runs())
    with pytest.raises(InvalidArgument, match="no address"):
        open_source("http://user:word@host")
