from __future__ import annotations

import numpy as np
import pytest

import runlore
from runlore.cli.plot import thin


def test_a_chart_of_several_runs_without_a_terminal(cli, runs):
    printed = cli("plot", "iris", "loss")
    assert "iris#1" in printed.out
    assert "iris#3" in printed.out
    assert "\x1b" not in printed.out
    assert max(map(len, printed.lines)) <= 100


def test_a_legend_names_every_run_however_long_its_name_is(cli, store, monkeypatch):
    for index in range(3):
        with runlore.start("e", f"{'a very long name ' * 8}{index}", capture=False) as run:
            run.log_metrics({"loss": index}, step=0)
    monkeypatch.setenv("COLUMNS", "60")
    lines = cli("plot", "e", "loss").lines
    assert [line.split()[:2] for line in lines[-3:]] == [["o", "e#1"], ["x", "e#2"], ["+", "e#3"]]
    assert max(map(len, lines)) <= 60


def test_the_newest_runs_that_have_the_metric_are_drawn(cli, store):
    for index in range(5):
        with runlore.start("e", capture=False) as run:
            run.log_metric("rare" if index < 3 else "other", index, step=0)
    printed = cli("plot", "e", "rare", "-n", "2")
    assert [line.split()[-1] for line in printed.lines[-2:]] == ["e#2", "e#3"]
    assert "the newest 2 of 3 runs" in printed.err
    assert len(cli("plot", "e", "rare", "-n", "2", "--json").json()["series"]) == 2
    assert "newest" not in cli("plot", "e", "rare").err


@pytest.mark.parametrize("axis", ["step", "time", "relative"])
def test_axes(cli, runs, axis):
    assert "loss" in cli("plot", "iris#1", "loss", "--x", axis).out
    document = cli("plot", "iris", "loss", "--run", "1", "--x", axis, "--json").json()
    (series,) = document["series"]
    assert series["y"] == [1.0, 0.5, 1 / 3]
    assert series["x"] == [0.0, 1.0, 2.0] if axis == "step" else series["x"] == sorted(series["x"])


def test_options_of_a_chart(cli, runs):
    assert len(cli("plot", "iris", "loss", "--height", "10", "--log-y", "-n", "1").lines) <= 12


def test_what_cannot_be_drawn(cli, runs):
    assert "there are: acc, loss" in cli("plot", "iris", "speed", code=3).err
    assert "NaN" in cli("plot", "vision/cifar 10", "loss", code=3).err


def test_thinning_keeps_extremes():
    x = np.arange(100_000.0)
    y = np.zeros(100_000)
    y[[777, 50_001]] = -9, 7
    thin_x, thin_y = thin(x, y, 400)
    assert len(thin_x) <= 400
    assert {777.0, 50_001.0} <= set(thin_x)
    assert (thin_y.min(), thin_y.max()) == (-9, 7)
