"""`Experiment.plot`: what real figures of Matplotlib and Plotly hold."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.reader.made_runs import make_run

import runlore
from runlore.errors import InvalidArgument, NotFound
from runlore.testing import MemoryStore


@pytest.fixture
def store():
    store = MemoryStore()
    for lr in (0.1, 0.2):
        for seed in range(2):
            loss = [lr * 10 + seed, lr + seed, float(seed)]
            make_run(store, params={"lr": lr, "seed": seed}, metrics={"loss": loss, "epoch": [0.0, 0.5, 1.0]})
    return store


@pytest.fixture
def experiment(store):
    return runlore.experiment("iris", store=store)


def lines_of(figure):
    return {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].lines}


def test_each_run_is_a_line_that_says_how_it_differs(experiment):
    figure = experiment.plot("loss")
    lines = lines_of(figure)
    assert list(lines) == [f"#{place + 1} lr={lr}, seed={seed}" for place, (lr, seed) in enumerate(
        [(0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1)])]  # fmt: skip
    assert lines["#2 lr=0.1, seed=1"] == [[0, 2], [1, 1.1], [2, 1]]
    axes = figure.axes[0]
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("iris", "step", "loss")


def test_groups_are_means_with_a_band(experiment):
    figure = experiment.plot("loss", group_by="params.lr")
    assert lines_of(figure) == {
        "lr=0.1 (2 runs)": [[0, 1.5], [1, pytest.approx(0.6)], [2, 0.5]],
        "lr=0.2 (2 runs)": [[0, 2.5], [1, pytest.approx(0.7)], [2, 0.5]],
    }
    assert len(figure.axes[0].collections) == 2


def test_smoothing_is_the_moving_average_and_shows_what_was_smoothed(experiment):
    lines = figure_lines = experiment.plot("loss", runs=[1], smooth=0.5).axes[0].lines
    assert len(figure_lines) == 2
    # 1, then (0.5·1 + 0.1) / 1.5, then (0.25·1 + 0.5·0.1 + 0) / 1.75
    np.testing.assert_allclose(lines[0].get_ydata(), [1, 0.4, 0.3 / 1.75])
    np.testing.assert_allclose(lines[1].get_ydata(), [1, 0.1, 0])


def test_the_axis_is_another_metric_where_the_runs_say_so_or_time(store, experiment):
    with runlore.start("iris", store=store, capture=False) as run:
        run.define_metric("loss", x="epoch")
    defined = experiment.plot("loss", runs=[1])
    assert next(iter(lines_of(defined).values())) == [[0, 1], [0.5, 0.1], [1, 0]]
    assert defined.axes[0].get_xlabel() == "epoch"
    assert next(iter(lines_of(experiment.plot("loss", runs=[1], x="step")).values()))[1] == [1, 0.1]
    timed = experiment.plot("loss", runs=[1], x="time")
    assert next(iter(lines_of(timed).values())) == [[0, 1], [1, 0.1], [2, 0]]


def test_points_without_steps_are_counted(store, experiment):
    with runlore.start("iris", store=store, capture=False) as run:
        for value in (5.0, 6.0):
            run.log_metric("plain", value)
    assert list(lines_of(experiment.plot("plain")).values()) == [[[0, 5], [1, 6]]]


def test_it_draws_on_axes_that_are_given(experiment):
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert experiment.plot("loss", axes=axes[1]) is figure
    assert (len(axes[0].lines), len(axes[1].lines)) == (0, 4)


def test_plotly_has_the_same_lines(experiment):
    plotly = pytest.importorskip("plotly.graph_objects")
    figure = experiment.plot("loss", group_by="params.lr", backend="plotly")
    assert isinstance(figure, plotly.Figure)
    shown = [trace for trace in figure.data if trace.showlegend is None]
    assert [trace.name for trace in shown] == ["lr=0.1 (2 runs)", "lr=0.2 (2 runs)"]
    np.testing.assert_allclose(shown[0].y, [1.5, 0.6, 0.5])
    assert len(figure.data) == 6
    assert len(experiment.plot("loss", smooth=0.5, backend="plotly").data) == 8


@pytest.mark.parametrize(
    ("key", "options", "kind", "match"),
    [
        ("los", {}, NotFound, "did you mean 'loss'"),
        ("loss", {"smooth": 1}, InvalidArgument, "smooth=1 must be from 0"),
        ("loss", {"backend": "bokeh"}, InvalidArgument, "backend='bokeh' must be one of matplotlib, plotly"),
        ("loss", {"group_by": "params.lrr"}, InvalidArgument, "did you mean 'lr'"),
        ("loss", {"x": "epochs"}, NotFound, "did you mean 'epoch'"),
    ],
)
def test_wrong_arguments_are_named(experiment, key, options, kind, match):
    with pytest.raises(kind, match=match):
        experiment.plot(key, **options)
