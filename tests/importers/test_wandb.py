"""W&B's own client records offline; its folders are taken in, whole and damaged."""

from __future__ import annotations

import math
import shutil

import pytest

import runlore
from runlore.errors import InvalidArgument, NotFound
from runlore.importers import import_runs
from runlore.importers.wandb import RunFolders

WRITE = """
import sys, numpy as np, wandb
def settings():
    return wandb.Settings(console="wrap", silent=True)
run = wandb.init(
    project="vision", name="first", notes="some notes", tags=["a", "b"], group="g", job_type="train", mode="offline",
    config={"lr": 0.1, "model": {"depth": 3, "widths": [1, 2]}, "name": "adam", "flag": True, "nothing": None},
    settings=settings(), id="fixedid1",
)
for step in range(400):
    run.log({"loss": 1 / (step + 1), "val/acc": step / 7})
image = wandb.Image(np.zeros((4, 5, 3), np.uint8), caption="black")
run.log({"image": image, "weights": wandb.Histogram([1, 2, 3, 3])}, step=500)
run.log({"nan": float("nan"), "inf": float("inf"), "flag": True}, step=501)
run.log({"words": "hello", "nested": {"a": {"b": 1.5}}}, step=501)
run.config.update({"late": 7})
run.summary["best"] = 0.9
run.summary["word"] = "good"
print("a line of the console")
run.alert(title="careful", text="it is hot", level=wandb.AlertLevel.WARN)
run.finish()
failed = wandb.init(project="vision", name="failed", mode="offline", settings=settings())
failed.log({"loss": 1})
failed.finish(exit_code=3)
"""


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, written_by):
    place = tmp_path_factory.mktemp("wandb")
    written_by("wandb", WRITE, place, WANDB_DIR=str(place), WANDB__DISABLE_STATS="false")
    return place / "wandb"


@pytest.fixture
def folder(recorded, tmp_path):
    shutil.copytree(recorded, tmp_path / "wandb", symlinks=True)
    return tmp_path / "wandb"


def journal(folder):
    (path,) = folder.glob("*/run-fixedid1.wandb")
    return path


def first(report):
    (uid,) = [run.uid for run in report.runs if run.id == "fixedid1"]
    return runlore.get_run(uid)


def points_of(view, key):
    frame = runlore.experiment(view.experiment).data(run=view.uid, event="metric", key=key)
    return list(zip(frame["step"].tolist(), frame["value"].tolist(), strict=True))


def test_runs_are_what_was_recorded(take, folder):
    report = take(lambda: RunFolders(str(folder)))
    assert len(report.runs) == 2
    view = first(report)
    assert (view.experiment, view.number, view.name, view.status) == ("vision", 1, "first", "succeeded")
    assert view.description == "some notes"
    assert {"a", "b"} <= view.tags.keys()
    assert (view.tags["job_type"], view.tags["summary/word"]) == ("train", "good")
    assert view.params == {
        "lr": 0.1, "model/depth": 3, "model/widths": [1, 2], "name": "adam", "flag": True, "nothing": None, "late": 7,
    }  # fmt: skip
    assert points_of(view, "loss") == [(step, 1 / (step + 1)) for step in range(400)]
    assert points_of(view, "val/acc")[-1] == (399, 57.0)
    assert points_of(view, "nested/a/b") == [(501, 1.5)]
    assert (view.metrics["inf"], view.metrics["flag"], view.metrics["best"]) == (math.inf, 1.0, 0.9)
    assert math.isnan(view.metrics["nan"])
    assert view.artifact("weights").load().counts.sum() == 4
    assert view.artifact("image").load().size == (5, 4)
    assert view.artifact("words").read_bytes() == b"hello"
    assert {run.status for run in map(runlore.get_run, [run.uid for run in report.runs])} == {"succeeded", "failed"}
    events = runlore.experiment("vision").data(run=view.uid)
    assert "a line of the console" in events[events["event"] == "log"]["value"].tolist()
    assert events[events["event"] == "alert"]["key"].tolist() == ["careful"]


def test_a_file_that_is_cut_anywhere_gives_what_is_there_and_later_the_rest(store, folder):
    path = journal(folder)
    whole = path.read_bytes()
    for size in (len(whole) // 3, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:size])
        report = import_runs(store, RunFolders(str(folder)))
        if not any(run.problems for run in report.runs):  # the cut fell between two records, as it may
            path.write_bytes(whole[: size + 1])
            report = import_runs(store, RunFolders(str(folder)))
        assert [run.problems for run in report.runs if run.id == "fixedid1"] == [
            [f"{str(path)!r} ends within a record"]
        ]
        assert first(report).status == "crashed", "nobody knows its end yet"
    path.write_bytes(whole)
    view = first(import_runs(store, RunFolders(str(folder))))
    assert view.status == "succeeded"
    assert points_of(view, "loss") == [(step, 1 / (step + 1)) for step in range(400)]


def test_a_flipped_bit_costs_its_block(take, folder):
    path = journal(folder)
    content = bytearray(path.read_bytes())
    assert len(content) > 3 * 32_768, "several blocks are needed to lose one"
    content[32_768 + 1_000] ^= 1
    path.write_bytes(bytes(content))
    report = take(lambda: RunFolders(str(folder)), whole=False)
    (problem,) = [text for run in report.runs for text in run.problems]
    assert "the checksum is wrong" in problem
    view = first(report)
    steps = [step for step, _ in points_of(view, "loss")]
    assert steps[0] == 0
    assert steps[-1] == 399
    assert len(steps) < 400
    assert view.status == "succeeded"


RESUME = """
import sys, wandb
for first in (0, 5):
    run = wandb.init(project="p", id="again", mode="offline", resume="allow", settings=wandb.Settings(silent=True))
    for step in range(first, first + 5):
        run.log({"x": step}, step=step)
    run.finish()
"""


def test_sessions_of_a_run_that_was_resumed_are_one_run(store, tmp_path, written_by):
    written_by("wandb", RESUME, tmp_path, WANDB_DIR=str(tmp_path))
    sessions = sorted((tmp_path / "wandb").glob("offline-run-*"))
    assert len(sessions) == 2
    import_runs(store, RunFolders(str(sessions[0])))
    report = import_runs(store, RunFolders(str(tmp_path / "wandb")))
    (run,) = report.runs
    assert (run.state, run.is_same, run.problems) == ("extended", True, [])
    assert points_of(runlore.get_run(run.uid), "x") == [(step, float(step)) for step in range(10)]


def test_noise_is_no_run(take, folder):
    (folder / "noise").mkdir()
    (folder / "noise" / "run-x.wandb").write_bytes(b":W&B\xe1\xbe\x00" + bytes(range(256)) * 300)
    (folder / "noise" / "run-y.wandb").write_bytes(b"something else")
    report = take(lambda: RunFolders(str(folder)), whole=False)
    assert len(report.runs) == 2
    assert len(report.problems) == 2


def test_media_are_taken_from_the_folder_of_the_run_alone(store, folder, tmp_path):
    (image,) = folder.glob("*/files/media/images/*.png")
    secret = tmp_path / "secret.png"
    image.rename(secret)
    image.symlink_to(secret)
    report = import_runs(store, RunFolders(str(folder)))
    (problem,) = [text for run in report.runs for text in run.problems]
    assert problem.startswith("left out: 'image' at step 500: there is no file 'media/images/")


def test_what_is_no_folder_of_runs_is_refused(tmp_path):
    with pytest.raises(NotFound, match="none"):
        RunFolders(str(tmp_path / "none"))
    with pytest.raises(InvalidArgument, match=r"has no …\.wandb"):
        RunFolders(str(tmp_path)).runs()
