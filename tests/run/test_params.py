"""Params and metrics from what people hand over, through a run and back."""

from __future__ import annotations

import argparse
import dataclasses
import math
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

import runlore
from runlore.errors import InvalidArgument, WrongType


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")


@dataclasses.dataclass
class Config:
    lr: float = 0.1
    data: pathlib.Path = pathlib.Path("a/b")
    steps: range = range(3)


STORED = {"lr": 0.1, "data": "a/b", "steps": [0, 1, 2]}


@pytest.mark.parametrize(
    "given", [Config(), argparse.Namespace(**vars(Config())), vars(Config()), pd.Series(vars(Config()), dtype=object)]
)
def test_settings_become_params(given):
    with runlore.start("e", params=given) as first, runlore.start("e") as second:
        second.log_params(given)
        second.log_param("whole", Config())
    assert first.params == runlore.get_run("e#1").params == STORED
    assert second.params == runlore.get_run("e#2").params == {**STORED, "whole": STORED}


def test_a_configuration_of_omegaconf_is_kept_whole():
    config = OmegaConf.create({"layers": [8, 8], "optimizer": {"name": "adam", "lr": "???"}, "seed": "${missing}"})
    with runlore.start("e", params=config):
        pass
    assert runlore.get_run("e#1").params == {
        "layers": [8, 8], "optimizer/name": "adam", "optimizer/lr": "???", "seed": "${missing}",
    }  # fmt: skip


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [nested(900), nested(65), {1: "a", "1": "b"}, object(), {"a": [object()]}, b"x"],
    ids=["900 deep", "65 deep", "two keys", "object", "object within", "bytes"],
)
def test_what_readers_could_not_show_is_refused_before_anything_is_stored(value):
    with runlore.start("e") as run:
        with pytest.raises((InvalidArgument, WrongType), match="param 'bad' cannot be stored"):
            run.log_param("bad", value)
        with pytest.raises((InvalidArgument, WrongType), match="bad"):
            run.log_params({"good": 1, "bad": {"in": value} if isinstance(value, dict) else value})
        with pytest.raises((InvalidArgument, WrongType), match=r"note .bad."):
            run.log_event("note", "bad", value)
        with pytest.raises((InvalidArgument, WrongType)):
            run.log_artifact(b"x", "x", metadata={"bad": value})
        with pytest.raises((InvalidArgument, WrongType)):
            run.log_extra(bad=value)
        with pytest.raises((InvalidArgument, WrongType)):
            runlore.start("refused", params={"bad": value})
    view = runlore.get_run("e#1")
    assert (run.params, view.params, view.artifacts(), view.lost) == ({}, {}, [], 0)
    assert len(runlore.experiments()) == 1


def test_the_deepest_value_is_shown_by_every_reader():
    with runlore.start("e") as run:
        run.log_param("deep", nested(64))
        run.log_event("note", "deep", nested(64))
        run.log_artifact(b"x", "x", metadata={"deep": nested(60)})
    assert runlore.get_run("e#1").params["deep"] == nested(64)
    assert runlore.runs()["params.deep"][0] == nested(64)
    for command in (["runs", "--json"], ["show", "e#1", "--json"], ["show", "e#1"], ["data", "e", "--json"]):
        done = subprocess.run([sys.executable, "-m", "runlore", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_integers_are_as_large_as_readers_take_them():
    program = (
        "import sys, runlore\n"
        "sys.set_int_max_str_digits(0)\n"
        "with runlore.start('e') as run:\n"
        "    run.log_param('largest', 10**4300 - 1)\n"
        "    for value in (10**4300, 10**5000, [-10**5000]):\n"
        "        try:\n"
        "            run.log_param('larger', value)\n"
        "        except runlore.errors.InvalidArgument as error:\n"
        "            print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("more than 4,300 digits") == 3
    view = runlore.get_run("e#1")
    assert (view.params, view.damage) == ({"largest": 10**4300 - 1}, [])


def test_two_keys_that_would_be_one_are_named():
    with runlore.start("e") as run:
        with pytest.raises(InvalidArgument, match=r"\['a'\]\['b'\] and \['a/b'\] would both be 'a/b'"):
            run.log_params({"a": {"b": 1}, "a/b": 2})
        with pytest.raises(InvalidArgument, match=r"\['a'\]\['b'\] and \['a/b'\] would both be 'a/b'"):
            run.log_metrics({"a": {"b": 1}, "a/b": 2})
        with pytest.raises(InvalidArgument, match="the keys 1 and '1' would both be '1'"):
            run.log_metrics({"a": {1: 0.5, "1": 0.6}})
    assert runlore.get_run("e#1").params == runlore.get_run("e#1").metrics == {}


def test_metrics_from_a_series_and_missing_ones():
    with runlore.start("e") as run:
        run.log_metrics(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]}).mean(), step=1)
        run.log_metric("masked", np.ma.masked)
        run.log_metrics({"none of it": np.ma.array([1.0], mask=True), "na": pd.NA, "empty": {}})
        for step in (np.ma.masked, pd.NA):
            with pytest.raises((InvalidArgument, WrongType), match="step="):
                run.log_metric("a", 1.0, step=step)
        with pytest.raises(WrongType, match="metrics=3 must be a mapping"):
            run.log_metrics(3)
    metrics = runlore.get_run("e#1").metrics
    assert (metrics["a"], metrics["b"]) == (1.5, 4.0)
    assert all(math.isnan(metrics[key]) for key in ("masked", "none of it", "na"))


def test_a_key_that_is_no_valid_unicode_is_kept_and_found():
    key = "\ud800x"
    with runlore.start("e", params={key: 1}, tags={key: key}) as run:
        run.log_metric(key, 1.0, step=1)
        run.log_metrics({key: 2.0}, step=2)
        run.log_text("x", key)
    view = runlore.get_run("e#1")
    assert view.metric(key)["value"].tolist() == [1.0, 2.0]
    assert view.data(key=key, event="metric")["value"].tolist() == [1.0, 2.0]
    assert list(view.metrics) == list(view.params) == [key]
    assert [item.name for item in view.artifacts()] == [key]
    assert view.artifact(key).read_text() == "x"
    assert runlore.runs()[f"metrics.{key}"].tolist() == [2.0]
    for command in (
        ["show", "e#1"],
        ["show", "e#1", "--json"],
        ["data", "e"],
        ["summary", "e"],
        ["artifacts", "list", "e#1"],
    ):
        done = subprocess.run([sys.executable, "-m", "runlore", *command], capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr


def test_a_program_of_hydra_hands_over_its_configuration(tmp_path):
    pytest.importorskip("hydra", reason="pip install hydra-core")
    program = tmp_path / "train.py"
    program.write_text(
        "import hydra, runlore\n"
        "@hydra.main(version_base=None, config_path=None)\n"
        "def main(settings):\n"
        "    with runlore.start('hydra', params=settings) as run:\n"
        "        run.config.update({'late': settings})\n"
        "main()\n"
    )
    command = [sys.executable, str(program), "+lr=0.1", "+model.depth=3", "+model.widths=[1,2]"]
    subprocess.run(command, check=True, cwd=tmp_path)
    found = {"lr": 0.1, "model/depth": 3, "model/widths": [1, 2]}
    assert runlore.get_run("hydra#1").params == {**found, **{f"late/{key}": value for key, value in found.items()}}
