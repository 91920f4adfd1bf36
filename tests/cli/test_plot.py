from __future__ import annotations

from math import isfinite

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


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    "points",
    [
        [(1, INF), (1, -INF), (2, None), (3, 1)],
        [(1, None), (2, None)],
        [(1, 1), (NAN, 2), (INF, 3), (-INF, 4)],
        [(1.7e308, 1), (-1.7e308, 2)],
        [(1, 1e308), (2, -1e308)],
        [(1, 2.0**53), (2, 2.0**53 + 2)],
        [(5e-324, 0), (0, 1)],
        [(1, 1)],
        [(0, 0), (0, 0)],
        [(1e-300, 1), (1e300, 2)],
    ],
)
@pytest.mark.parametrize("options", [[], ["--log-y"], ["--x", "time"], ["--x", "relative"]], ids=" ".join)
def test_any_finite_point_can_be_drawn(cli, store, points, options):
    with runlore.start("e", capture=False) as run:
        for value, step in points:
            run.log_metric("m", value, step=step)
    drawable = any(isfinite(value) and (value > 0 or "--log-y" not in options) for value, _ in points)
    printed = cli("plot", "e", "m", *options, code=0 if drawable else 3)
    assert ("e#1" in printed.out) == drawable


def test_points_that_cannot_be_drawn_are_counted_and_in_the_json(cli, store):
    with runlore.start("e", capture=False) as run:
        for value, step in [(1, INF), (1, -INF), (2, None), (NAN, 1), (3, 1), (-1, 2)]:
            run.log_metric("m", value, step=step)
    assert "e#1: 4 points cannot be drawn (without a step, NaN or infinite)" in cli("plot", "e", "m").err
    assert "5 points cannot be drawn" in cli("plot", "e", "m", "--log-y").err
    (series,) = cli("plot", "e", "m", "--json").json()["series"]
    assert sorted(map(str, series["x"])) == sorted(["-Infinity", "1.0", "1.0", "2.0", "Infinity", "None"])
    assert len(series["y"]) == 6


def test_nothing_to_draw_is_said(cli, store):
    with runlore.start("e", capture=False) as run:
        run.log_metric("m", 1, step=INF)
        run.log_metric("m", 1, step=-INF)
    assert "no point of 'm' can be drawn" in cli("plot", "e", "m", code=3).err
    assert cli("plot", "e", "m", "--x", "time").code == 0


def test_a_narrow_terminal_gets_a_narrow_chart(cli, runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "8")
    assert max(map(len, cli("plot", "iris", "loss").lines)) <= 20
