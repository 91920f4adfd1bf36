"""`run.log`, `run.log_dict` and `run.config`."""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

import runlore
from runlore.errors import InvalidArgument, InvalidName, RunEnded, WrongType


@pytest.fixture
def run(tmp_path):
    with runlore.start("e", store=tmp_path / "store", capture=False) as started:
        yield started


def view(run):
    return runlore.get_run(run.uid, store=run.store)


def test_numbers_are_metrics_and_objects_are_artifacts(run):
    figure = Figure()
    figure.subplots().plot([1, 2])
    run.log(
        {
            "train": {"loss": 0.5, "acc": np.float32(0.25)}, "ok": True, "one": np.array([3.0]), "text": "hello",
            "image": Image.new("RGB", (2, 2)), "figure": figure, "table": pd.DataFrame({"a": [1, 2]}),
        },
        step=4,
    )  # fmt: skip
    found = view(run)
    assert found.metrics == {"ok": 1.0, "one": 3.0, "train/acc": 0.25, "train/loss": 0.5}
    assert {(item.name, item.kind, item.step) for item in found.artifacts()} == {
        ("text", "text", 4), ("image", "image", 4), ("figure", "figure", 4), ("table", "table", 4)
    }  # fmt: skip
    assert found.artifact("table").load()["a"].tolist() == [1, 2]
    assert found.metric("train/loss")["step"].tolist() == [4]


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (np.zeros((2, 2)), "log_image"), (b"bytes", "log_artifact"), (None, "leave out"), ([1, 2], "log_histogram"),
        (("a",), "name of its own"), (object(), "log_params"), (pd.Series([1.0, 2.0]), "log_table"),
        (lambda: 1, "numbers"),
    ],
)  # fmt: skip
def test_what_could_be_several_things_is_refused_and_nothing_is_recorded(run, value, advice):
    with pytest.raises(WrongType, match=advice) as refused:
        run.log({"loss": 1.0, "text": "x", "bad": value})
    assert "values['bad']" in str(refused.value)
    assert view(run).metrics == {}
    assert view(run).artifacts() == []


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"": 1.0}, InvalidName), ({"a/../b": "x", "m": 1.0}, InvalidName),
        ({"m": 10**400, "t": "x"}, InvalidArgument), (3, WrongType),
    ],
)  # fmt: skip
def test_bad_names_and_numbers_are_refused_before_anything_is_stored(run, values, error):
    with pytest.raises(error):
        run.log(values)
    assert view(run).metrics == {}
    assert view(run).artifacts() == []


def test_nothing_is_logged_to_a_run_that_was_finished(run):
    run.finish()
    for values in ({"a": 1.0}, {"a": "text"}):
        with pytest.raises(RunEnded):
            run.log(values)


def test_a_dict_is_kept_as_json(run):
    run.log_dict({"a": {"b": [1, None, "ü"]}, "path": np.int64(3)}, "about/values.json")
    kept = view(run).artifact("about/values.json")
    assert kept.load() == {"a": {"b": [1, None, "ü"]}, "path": 3}
    assert kept.media_type == "application/json"
    with pytest.raises(WrongType):
        run.log_dict({"a": object()})


def test_the_config_is_the_params(run):
    run.config = argparse.Namespace(lr=0.1, layers=[8, 8])
    run.config.model = {"depth": 3, "block": {"width": 4}}
    run.config["model/act"] = "relu"
    assert run.config.lr == 0.1
    assert run.config["model"]["block"].width == run.config.model.block["width"] == 4
    assert run.config.to_dict() == {
        "lr": 0.1, "layers": [8, 8], "model": {"depth": 3, "block": {"width": 4}, "act": "relu"}
    }  # fmt: skip
    assert list(run.config) == ["lr", "layers", "model"]
    assert dict(**run.config)["lr"] == 0.1
    assert view(run).params == {
        "layers": [8, 8], "lr": 0.1, "model/act": "relu", "model/block/width": 4, "model/depth": 3
    }  # fmt: skip
    run.config.model.depth = 5
    assert view(run).params["model/depth"] == 5


def test_config_updates_with_settings_of_any_kind_below_any_level(run):
    @dataclasses.dataclass
    class Settings:
        depth: int = 2

    run.config.update(Settings())
    run.config.model = {"a": 1}
    run.config.model.update({"b": 2}, c=3)
    run.config.model.update([("d", 4)])
    assert run.config.to_dict() == {"depth": 2, "model": {"a": 1, "b": 2, "c": 3, "d": 4}}


def test_what_is_not_there_is_named(run):
    run.config.lr = 1
    with pytest.raises(AttributeError, match="no param 'rl'; there are lr"):
        run.config.rl  # noqa: B018 - reading is what is tested
    with pytest.raises(KeyError):
        run.config["model"]
    assert "rl" not in run.config
    assert run.config.get("rl", 7) == 7
    del run.config.lr
    assert view(run).params == {}
    with pytest.raises(KeyError):
        del run.config["lr"]
    with pytest.raises(WrongType):
        run.config.net = object()
