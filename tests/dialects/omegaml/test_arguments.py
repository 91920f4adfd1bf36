"""Arguments that omega-ml has, or that its users may give, in every call: they count, or are refused by name."""

from __future__ import annotations

import os

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import runlore
import runlore.dialects.omegaml as om
from runlore.errors import InvalidArgument, UnsafeLoad


class Own(BaseEstimator):
    """An estimator that nobody trusts yet."""

    def __init__(self, size=1):
        self.size = size

    def predict(self, X):
        return X


def untrusted() -> str:
    return f"{Own.__module__}.Own"


@pytest.fixture(autouse=True)
def own_module(monkeypatch):
    """Test modules are not in `sys.modules` by their name; what is loaded by name has to be."""
    import sys

    monkeypatch.setitem(sys.modules, Own.__module__, sys.modules.get(Own.__module__) or _module())


def _module():
    import types

    module = types.ModuleType(Own.__module__)
    module.Own = Own
    return module


def logged(**options):
    exp = om.runtime.experiment("iris", **options)
    with exp:
        exp.log_artifact(Own(3), "own")
    return exp


# -- what an error advises, its call takes --------------------------------------------------------------------------


def test_restoring_takes_the_types_that_its_error_names():
    exp = logged()
    with pytest.raises(UnsafeLoad, match=r"'own'.*trusted=\['.*Own'\]"):
        exp.restore_artifacts("own")
    for name in (untrusted(), [untrusted()], True):
        assert exp.restore_artifacts("own", trusted=name)[0].size == 3
        assert exp.restore_artifact("own", trusted=name).size == 3
    for name in (untrusted(), [untrusted()], True):
        assert om.runtime.experiment("iris", trusted=name).restore_artifact("own").size == 3
    [cell] = exp.data(event="artifact")["value"]
    assert exp.restore_artifacts(value=cell, trusted=[untrusted()])[0].size == 3


def test_pickles_are_stored_and_restored_where_the_call_allows_them():
    exp = om.runtime.experiment("iris")
    value = complex  # a class: no form but a pickle
    with exp:
        with pytest.raises(UnsafeLoad, match="allow_pickle=True"):
            exp.log_artifact(value, "c")
        exp.log_artifact(value, "c", allow_pickle=True)
        exp.log_data("d", value, allow_pickle=True)
    with pytest.raises(UnsafeLoad, match="allow_pickle=True"):
        exp.restore_artifacts("c")
    assert exp.restore_artifacts("c", allow_pickle=True) == [complex]
    assert exp.restore_artifact("c", allow_pickle=True) is complex
    assert exp.restore_data("d", allow_pickle=True) == [complex]
    generous = om.runtime.experiment("iris", allow_pickle=True)
    assert generous.restore_artifacts("c") == [complex]
    with pytest.raises(UnsafeLoad):
        generous.restore_artifacts("c", allow_pickle=False)


def test_a_grid_search_comes_back():
    X, Y = [[0.0], [1.0], [2.0], [3.0]] * 5, [0, 0, 1, 1] * 5
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(X, Y)
    with om.runtime.experiment("iris") as exp:
        exp.log_artifact(search, "grid")
    for options in ({}, {"trusted": ["sklearn.tree._tree.Tree"]}, {"allow_pickle": True}):
        assert exp.restore_artifacts("grid", **options)[0].predict([[3.0]]).tolist() == [1]


def test_an_artifact_that_cannot_be_restored_does_not_hide_the_others(store):
    exp = om.runtime.experiment("iris")
    with exp:
        exp.log_artifact(Own(3), "own")
        exp.log_artifact({"a": 1}, "first")
        exp.log_artifact([1, 2], "second")
    with pytest.warns(RuntimeWarning, match=r"2 of 3 artifacts were restored: .*'own'.*trusted="):
        assert exp.restore_artifacts() == [{"a": 1}, [1, 2]]
    with pytest.warns(RuntimeWarning, match="'own'"):
        assert exp.restore_artifact() == [1, 2]
    gone = runlore.get_run("iris#1").artifact("first").path
    os.unlink(gone)
    with pytest.warns(RuntimeWarning, match="1 of 3 artifacts.*missing from the store"):
        assert exp.restore_artifacts() == [[1, 2]]
    with pytest.raises(FileNotFoundError, match="nothing was restored"):
        exp.restore_artifacts("first")


@pytest.mark.parametrize("argument", ["perf_stats", "raw", "lazy", "nothing"])
def test_restoring_refuses_what_it_does_not_have(argument):
    exp = logged()
    for call in (exp.restore_artifacts, exp.restore_artifact, lambda **options: exp.restore_data("x", **options)):
        with pytest.raises(TypeError, match=argument):
            call(**{argument: True})


# -- columns and keys -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["runs", "experiment_id", "frame", "filters", "extra", "kinds", "since_ns", "columns"])
def test_any_extra_column_can_be_logged_and_asked_for(name):
    exp = om.runtime.experiment("iris")
    with exp:
        exp.log_metric("x", 1, **{name: 2})
        exp.log_metric("x", 3)
        exp.log_system(value={"a": 1}, **{name: 2})
        exp.log_artifact([1], "a", **{name: 2})
    assert exp.data(event="metric", **{name: 2})["value"].tolist() == [1]
    assert exp.data(**{name: 2})["event"].tolist() == ["metric", "system", "artifact"]


def test_system_rows_take_step_time_and_columns():
    exp = om.runtime.experiment("iris")
    with exp:
        exp.log_system(step=3, dt="2026-01-02T03:04:05", fold=1)
        exp.log_system("gpu", {"memory": 8})
    rows = exp.data(event="system").set_index("key")
    assert rows.loc["system", "step"] == 3
    assert rows.loc["system", "fold"] == 1
    assert str(rows.loc["system", "dt"]) == "2026-01-02 03:04:05"
    assert rows.loc["system", "value"]["python"]
    assert rows.loc["gpu", "value"] == {"memory": 8}


def test_keys_may_be_numbers():
    exp = om.runtime.experiment("iris")
    with exp:
        exp.log_metric(5, "accuracy")
        exp.log_metric(5, 0.5)
        exp.log_param(1, "x")
        exp.log_data(2, [1])
        exp.log_artifact([2], 3)
    assert exp.data(event="metric", key=5)["value"].tolist() == ["accuracy", 0.5]
    assert exp.data(key=[1, "5"])["key"].tolist() == ["5", "5", "1"]
    assert exp.restore_data(2) == [1]
    assert exp.restore_artifacts(3) == [[2]]


# -- after the end --------------------------------------------------------------------------------------------------


def test_the_run_of_a_handle_stays_current_after_its_end():
    exp = om.runtime.experiment("iris")
    with exp:
        exp.log_metric("a", 1)
    exp.log_metric("a", 2)
    exp.log_param("p", 1)
    exp.log_artifact([1], "x")
    exp.log_system(value={})
    exp.log_extra(tag="late")
    exp.log_metric("a", 3)
    assert exp.data(event="metric")[["run", "value"]].to_numpy().tolist() == [[1, 1], [1, 2], [1, 3]]
    assert exp.data(tag="late")["value"].tolist() == [3]
    assert exp.restore_artifacts() == [[1]]
    assert exp.status() == "STOPPED"
    view = runlore.get_run("iris#1")
    assert (view.status, view.metrics, view.params) == ("succeeded", {"a": 3}, {"p": 1})


def test_the_next_run_of_a_handle_takes_over():
    exp = om.runtime.experiment("iris")
    exp.start()
    exp.stop()
    exp.log_metric("a", 1)
    with exp:
        exp.log_metric("a", 2)
    exp.log_metric("a", 3)
    exp.stop()
    exp.log_metric("a", 4)
    assert exp.data(event="metric", run="*")[["run", "value"]].to_numpy().tolist() == [[1, 1], [2, 2], [2, 3], [2, 4]]
    assert exp.data(event="stop", run="*")["run"].tolist() == [1, 2]


def test_a_failed_run_stays_failed_when_rows_are_added():
    exp = om.runtime.experiment("iris")
    with pytest.raises(RuntimeError), exp:
        raise RuntimeError
    exp.log_metric("a", 1)
    assert runlore.get_run("iris#1").status == "failed"
    assert [status for _, status, _ in runlore.get_run("iris#1").statuses][-1] == "failed"


def test_selecting_a_run_that_is_over_adds_to_it_and_starting_it_goes_on_with_it():
    exp = om.runtime.experiment("iris")
    for _ in range(2):
        with exp:
            pass
    exp.use(1)
    exp.log_metric("a", 1)
    assert exp.status() == "STOPPED"
    assert exp.data(event="metric", run=1)["value"].tolist() == [1]
    again = om.runtime.experiment("iris")
    again.start(run=1)
    again.log_metric("a", 2)
    assert again.status() == "STARTED"
    again.stop()
    assert exp.data(event="metric", run=1)["value"].tolist() == [1, 2]


def test_another_experiment_has_no_current_run():
    exp = om.runtime.experiment("iris").experiment
    exp.start()
    exp.stop()
    assert exp.experiment("iris") is exp
    exp.log_metric("a", 1)
    exp.experiment("other")
    with pytest.raises(ValueError, match="no active run"):
        exp.log_metric("a", 2)


# -- what is not there, and what to use -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["models", "datasets", "jobs", "scripts", "logger", "setup"])
def test_the_stores_of_omegaml_are_absent_and_say_what_to_use(name):
    with pytest.raises(AttributeError, match=rf"{name} of 'om' is not part.*exp"):
        getattr(om, name)
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = om.nothing


@pytest.mark.parametrize("name", ["fit", "predict", "score", "transform", "partial_fit", "predict_proba"])
def test_models_run_in_this_process(name):
    with pytest.raises(AttributeError, match=rf"exp\.watch\(model\)\.{name}"):
        getattr(om.runtime.model("mymodel"), name)


def test_events_of_the_run_itself_are_refused():
    with om.runtime.experiment("iris") as exp, pytest.raises(InvalidArgument, match="event='stop'"):
        exp.log_event("stop", "stop", None)
