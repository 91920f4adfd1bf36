"""Ultralytics, recorded: its smallest model, made anew, on four pictures that are made here."""

from __future__ import annotations

import numpy as np
import pytest

import runlore

pytest.importorskip("torch", reason="PyTorch is not installed")
ultralytics = pytest.importorskip("ultralytics", reason="Ultralytics is not installed")
import ultralytics.engine.trainer as library
from PIL import Image

PLAIN = library.BaseTrainer.train
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("ultralytics", experiment="auto", silent=True):
        yield


@pytest.fixture
def pictures(tmp_path):
    """A data set for classification: two kinds, one picture of each for training and for validation."""
    for part in ("train", "val"):
        for place, kind in enumerate(("dark", "light")):
            folder = tmp_path / "pictures" / part / kind
            folder.mkdir(parents=True)
            Image.fromarray(np.full((32, 32, 3), 40 + 160 * place, np.uint8)).save(folder / "0.png")
    return tmp_path / "pictures"


def train(pictures, tmp_path, **options):
    model = ultralytics.YOLO("yolo11n-cls.yaml", verbose=False)
    given = {"epochs": 2, "imgsz": 32, "batch": 2, "workers": 0, "device": "cpu", "plots": False, "verbose": False}
    model.train(data=str(pictures), project=str(tmp_path / "runs"), exist_ok=True, **given, **options)
    return model.trainer


def weights(trainer):
    return [parameter.sum().item() for parameter in trainer.model.parameters()]


def test_epochs_params_and_the_best_are_recorded_and_nothing_is_changed(run, pictures, tmp_path):
    trainer = train(pictures, tmp_path)
    before = {event: len(found) for event, found in trainer.callbacks.items()}
    view = runlore.get_run(run.uid)
    lines = [dict(zip(*pair, strict=True)) for pair in table(trainer.csv)]
    for key in ("train/loss", "val/loss", "metrics/accuracy_top1", "lr/pg0"):
        points = view.metric(key)
        assert points["step"].tolist() == [0, 1]
        assert points["value"].tolist() == pytest.approx([line[key] for line in lines], rel=1e-3), (
            "its own table rounds"
        )
    assert set(view.metrics) >= {"best/metrics/accuracy_top1", "metrics/accuracy_top5"}
    assert (view.params["ultralytics/imgsz"], view.params["ultralytics/epochs"]) == (32, 2)

    runlore.autolog("ultralytics", silent=True).off()
    assert library.BaseTrainer.train is PLAIN
    plain = train(pictures, tmp_path)
    assert weights(plain) == weights(trainer)
    assert {event: len(found) for event, found in plain.callbacks.items()} == before


def table(path):
    names, *lines = path.read_text("utf-8").splitlines()
    for line in lines:
        yield [name.strip() for name in names.split(",")], [float(cell) for cell in line.split(",")]


def test_faults_of_ours_do_not_reach_the_training(run, pictures, tmp_path, broken, capsys):
    assert train(pictures, tmp_path, seed=1).epoch == 1
    said = capsys.readouterr().err
    assert "params of ultralytics is not recorded: ZeroDivisionError" in said
    assert "an epoch of ultralytics is not recorded: ZeroDivisionError" in said
