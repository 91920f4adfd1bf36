"""CatBoost, recorded."""

from __future__ import annotations

import numpy as np
import pytest

import runlore

catboost = pytest.importorskip("catboost", reason="CatBoost is not installed")
PLAIN = catboost.CatBoost._fit


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("catboost", "sklearn", experiment="auto", silent=True):
        yield


def train(data, **options):
    model = catboost.CatBoostClassifier(iterations=4, depth=2, random_seed=0, allow_writing_files=False, thread_count=1)
    return model.fit(*data, eval_set=data, verbose=False, **options)


def test_each_iteration_is_a_point_and_params_are_params(run, data):
    model = train(data)
    view = runlore.get_run(run.uid)
    assert view.metric("learn/Logloss")["value"].tolist() == model.evals_result_["learn"]["Logloss"]
    assert view.metric("validation/Logloss")["value"].tolist() == model.evals_result_["validation"]["Logloss"]
    assert (view.params["catboost/estimator"], view.params["catboost/depth"]) == ("CatBoostClassifier", 2)
    assert view.metrics["best_iteration"] == model.best_iteration_


def test_the_model_is_the_same_and_the_library_as_before(store, data):
    recorded = train(data)
    runlore.autolog("catboost", silent=True).off()
    assert catboost.CatBoost._fit is PLAIN
    np.testing.assert_array_equal(recorded.predict_proba(data[0]), train(data).predict_proba(data[0]))
    assert [run.status for run in runlore.experiment("auto")] == ["succeeded"]


def test_faults_of_ours_do_not_reach_the_training(run, data, broken, capsys):
    assert train(data).tree_count_ > 0
    assert "catboost is not recorded: ZeroDivisionError" in capsys.readouterr().err
