"""scikit-learn, recorded."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest

import runlore

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("sklearn", experiment="auto", silent=True):
        yield


def view(run):
    return runlore.get_run(run.uid)


def test_a_fit_goes_into_the_active_run_and_a_score_too(run, data):
    model = LogisticRegression(C=0.5).fit(*data)
    score = model.score(*data)
    assert {key: run.params[f"sklearn/{key}"] for key in ("estimator", "C", "n_samples", "n_features")} == {
        "estimator": "LogisticRegression", "C": 0.5, "n_samples": 60, "n_features": 3,
    }  # fmt: skip
    metrics = view(run).metrics
    assert metrics["score"] == score
    assert metrics["fit_seconds"] > 0


def test_without_a_run_each_fit_gets_one_and_what_fails_is_failed(store, data):
    LogisticRegression().fit(*data)
    with pytest.raises(ValueError, match="inconsistent"):
        LogisticRegression().fit(data[0], data[1][:5])
    found = runlore.experiment("auto").runs(order_by="number")
    assert found["status"].tolist() == ["succeeded", "failed"]
    assert "inconsistent" in runlore.get_run("auto#2").exit["message"]


def test_of_what_trains_others_the_outermost_is_recorded(store, data):
    make_pipeline(StandardScaler(), LogisticRegression()).fit(*data)
    RandomForestClassifier(3, n_jobs=2).fit(*data)
    VotingClassifier([("a", LogisticRegression()), ("b", LogisticRegression())], n_jobs=2).fit(*data)
    found = runlore.experiment("auto").runs(order_by="number")
    assert found["params.sklearn/estimator"].tolist() == ["Pipeline", "RandomForestClassifier", "VotingClassifier"]
    assert found["params.sklearn/logisticregression__C"].iloc[0] == 1.0


def test_a_search_has_its_results(run, data):
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=3).fit(*data)
    assert (run.params["sklearn/estimator"], run.params["sklearn/inner_estimator"]) == (
        "GridSearchCV", "LogisticRegression",
    )  # fmt: skip
    assert run.params["sklearn/best/C"] == search.best_params_["C"]
    assert view(run).metrics["best_score"] == search.best_score_
    table = view(run).artifact("cv_results").load()
    np.testing.assert_allclose(table["mean_test_score"], search.cv_results_["mean_test_score"])
    assert "score" not in view(run).metrics


def test_loss_curves_are_series(run, data):
    model = MLPClassifier((4,), max_iter=5, random_state=0)
    with pytest.warns(Warning, match="Maximum iterations"):
        model.fit(*data)
    assert view(run).metric("loss")["value"].tolist() == model.loss_curve_


def test_classes_that_come_later_are_recorded_and_are_what_they_were(run, data):
    class Majority(ClassifierMixin, BaseEstimator):
        def __init__(self, bias=0):
            self.bias = bias

        def fit(self, X, y, sample_weight=None):
            self.classes_ = np.unique(y)
            return self

    assert list(inspect.signature(Majority.fit).parameters) == ["self", "X", "y", "sample_weight"]
    clone(Majority(bias=3)).fit(*data)
    assert run.params["sklearn/bias"] == 3
    runlore.autolog("sklearn", silent=True).off()
    assert not hasattr(Majority.fit, "__wrapped__")
    assert "__init_subclass__" not in vars(BaseEstimator)


def test_everything_is_as_before_when_it_is_off(data):
    runlore.autolog("sklearn", silent=True).off()
    kinds = (LogisticRegression, GridSearchCV, RandomForestClassifier, BaseEstimator)
    before = [dict(vars(kind)) for kind in kinds]
    with runlore.autolog("sklearn", silent=True):
        assert vars(LogisticRegression)["fit"] is not before[0]["fit"]
    assert [dict(vars(kind)) for kind in kinds] == before


def test_models_are_the_same_and_travel(run, data):
    recorded = LogisticRegression().fit(*data)
    runlore.autolog("sklearn", silent=True).off()
    np.testing.assert_array_equal(recorded.coef_, LogisticRegression().fit(*data).coef_)
    assert pickle.loads(pickle.dumps(recorded)).C == 1.0


def test_a_model_is_kept_where_that_was_asked_for(run, data):
    pytest.importorskip("skops")
    with runlore.autolog("sklearn", models=True, silent=True):
        model = LogisticRegression().fit(*data)
    np.testing.assert_array_equal(view(run).artifact("model").load().coef_, model.coef_)


def test_faults_of_ours_do_not_reach_the_training(run, data, broken, capsys):
    assert LogisticRegression().fit(*data).score(*data) > 0.5
    assert "autolog: params of scikit-learn is not recorded: ZeroDivisionError" in capsys.readouterr().err
