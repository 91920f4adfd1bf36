"""Calls of models and functions as omega-ml's runtime records them, without a broker; and links of models."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

import runlore
import runlore.dialects.omegaml as om

X, Y = [[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0]
CHILD = """
import runlore.dialects.omegaml as om
with om.runtime.experiment("myexp") as exp:
    exp.log_metric("child", 1)
with om.runtime.experiment("other") as exp:
    exp.log_metric("own", 1)
"""


def experiment(name="myexp", **options):
    return om.runtime.experiment(name, **options)


def test_a_call_in_a_block_is_recorded_in_its_run():
    with experiment(autotrack=True) as exp:
        model = exp.watch(LinearRegression())
        assert model.fit(X, Y) is model
        predicted = model.predict(X)
    np.testing.assert_allclose(predicted, Y, atol=1e-9)
    data = exp.data(event=["task_call", "artifact", "predict", "task_success"])
    own = data[data["taskid"] == data["taskid"].iloc[-1]]
    assert own[["event", "key"]].to_numpy().tolist() == [
        ["task_call", "predict"], ["artifact", "related"], ["predict", "X"], ["predict", "Y"],
        ["task_success", "predict"],
    ]  # fmt: skip
    assert data["taskid"].nunique() == 2
    call, success = own["value"].iloc[0], own["value"].iloc[-1]
    assert call == {"args": [X], "kwargs": {}}
    assert success["task_id"] == own["taskid"].iloc[0]
    assert own[["dataset", "kind"]].iloc[2].tolist() == ["predict/X", "list"]
    assert exp.restore_data("X", event="predict") == X
    np.testing.assert_array_equal(exp.restore_data("Y", event="predict"), predicted)
    assert exp.restore_data("Y", event="fit") == Y
    related = exp.restore_artifact("related")
    assert (related.name, related.kind.split(".")[0]) == ("LinearRegression", "sklearn")
    assert related.attributes["fit_intercept"] is True


def test_a_score_outside_of_a_block_is_a_run_of_its_own():
    exp = experiment()
    model = exp.watch(LinearRegression().fit(X, Y))
    model.score(X, Y)
    model.score(X, [0.0, 2.0, 5.0])
    data = exp.data(run=1)
    assert data["event"].tolist() == ["start", "task_call", "artifact", "metric", "task_success", "stop"]
    assert exp.data(run="*", event="metric", key="score")["value"].tolist()[0] == 1
    assert exp.data(run="*")["run"].unique().tolist() == [1, 2]


def test_a_failure_is_recorded_in_the_same_run_and_goes_on():
    with experiment() as exp:
        model = exp.watch(LinearRegression())
        with pytest.raises(ValueError, match="NaN"):
            model.fit([[np.nan]], [1.0])
        exp.log_metric("after", 1)
    data = exp.data()
    assert data["event"].tolist() == ["start", "task_call", "artifact", "task_failure", "metric", "stop"]
    assert data["value"][3]["exception"].startswith("ValueError: ")
    assert runlore.get_run("myexp#1").status == "succeeded"


def test_a_watched_model_is_the_model():
    exp = experiment()
    plain = LinearRegression(fit_intercept=False)
    model = exp.watch(plain)
    assert isinstance(model, LinearRegression)
    assert repr(model) == repr(plain)
    assert exp.watch(model).get_params() == plain.get_params()
    model.fit_intercept = True
    assert plain.fit_intercept is True
    assert type(clone(model)) is LinearRegression
    assert type(pickle.loads(pickle.dumps(model))) is LinearRegression
    with exp:
        exp.log_artifact(model, "model")
    assert type(exp.restore_artifact("model")) is LinearRegression


def test_large_arguments_are_described_and_not_kept():
    with experiment() as exp:
        exp.watch(LinearRegression()).fit(np.zeros((500, 2)), y=np.zeros(500))
    call = exp.data(event="task_call")["value"][0]
    assert call == {
        "args": [{"type": "ndarray", "shape": [500, 2]}], "kwargs": {"y": {"type": "ndarray", "shape": [500]}},
    }  # fmt: skip
    assert exp.data(event="task_success")["value"][0]["result"] == {"type": "LinearRegression"}


def test_tasks_have_names_and_ids():
    exp = experiment()

    @exp.task(name="add")
    def add(a, b=1):
        """Adds."""
        return a + b

    with exp:
        assert [add(1), add(1, b=2)] == [2, 3]
    assert add.__doc__ == "Adds."
    calls = exp.data(event="task_call")
    assert calls["key"].tolist() == ["add", "add"]
    assert calls["value"].tolist() == [{"args": [1], "kwargs": {}}, {"args": [1], "kwargs": {"b": 2}}]
    assert exp.data(taskid=calls["taskid"][0])["event"].tolist() == ["task_call", "task_success"]


def test_a_subprocess_joins_the_open_run_by_its_environment():
    with experiment() as exp:
        exp.log_metric("parent", 1)
        subprocess.run([sys.executable, "-c", CHILD], env={**os.environ, **exp.env()}, check=True)
        assert exp.status() == "STARTED"
    assert exp.data(event="metric")["key"].tolist() == ["parent", "child"]
    assert exp.data()["event"].tolist().count("stop") == 1
    other = experiment("other").data(run="*")
    assert other["key"].tolist() == ["start", "own", "stop"]
    assert not {"RUNLORE_RUN", "RUNLORE_EXPERIMENT"} & set(os.environ)


def test_models_are_linked_to_experiments():
    model = om.runtime.model("mymodel")
    assert model.experiments() == {"_all_": []}
    with model.experiment() as exp:
        exp.log_metric("a", 1)
    assert exp.data()["event"].tolist() == ["start", "metric", "stop"]
    with model.experiment("special", label="prod"):
        pass
    with om.runtime.model(LinearRegression()).experiment():
        pass
    assert model.experiments(raw=True) == {"default": "mymodel", "prod": "special", "_all_": ["mymodel", "special"]}
    assert model.experiments(label="prod", raw=True) == {"prod": "special", "_all_": ["special"]}
    assert model.experiments()["default"].data(event="metric")["value"].tolist() == [1]
    assert model.experiment(label="prod").data(run="*")["experiment"].unique().tolist() == ["special"]
    assert om.runtime.model("LinearRegression").experiments(raw=True)["_all_"] == ["LinearRegression"]
    assert runlore.get_run("special#1").tags == {"omegaml.model.prod": "mymodel"}


def test_track_links_and_watches():
    exp = experiment(autotrack=True)
    exp.track("mymodel")
    with exp:
        exp.track(LinearRegression(), label="line").fit(X, Y)
    with exp:
        pass
    assert om.runtime.model("mymodel").experiments(raw=True)["default"] == "myexp"
    assert om.runtime.model("LinearRegression").experiments(raw=True)["line"] == "myexp"
    monitor = exp.track("mymodel", monitor=True)
    assert monitor.resource == "mymodel"
    assert om.runtime.model("mymodel").monitor().resource == "mymodel"
