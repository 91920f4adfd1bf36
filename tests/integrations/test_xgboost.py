"""XGBoost, recorded."""

from __future__ import annotations

import pytest

import runlore

xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
PLAIN, PLAIN_CV = xgboost.train, xgboost.cv


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("xgboost", "sklearn", experiment="auto", silent=True):
        yield


def train(data, **options):
    matrix = xgboost.DMatrix(*data)
    results = {}
    params = {"objective": "binary:logistic", "max_depth": 2, "seed": 0}
    booster = xgboost.train(
        params, matrix, 4, evals=[(matrix, "train")], evals_result=results, verbose_eval=False, **options
    )
    return booster, results["train"]["logloss"]


def test_each_round_is_a_point_and_params_are_params(run, data):
    _, losses = train(data)
    assert runlore.get_run(run.uid).metric("train/logloss")["value"].tolist() == losses
    assert (run.params["xgboost/max_depth"], run.params["xgboost/num_boost_round"]) == (2, 4)


def test_estimators_train_by_it_and_are_recorded_once(store, data):
    model = xgboost.XGBClassifier(n_estimators=3, early_stopping_rounds=2)
    model.fit(*data, eval_set=[data], verbose=False)
    (found,) = runlore.experiment("auto")
    losses = model.evals_result()["validation_0"]["logloss"]
    assert found.metric("validation_0/logloss")["value"].tolist() == losses
    assert found.metrics["best_iteration"] == model.best_iteration
    assert found.status == "succeeded"
    assert "sklearn/estimator" not in found.params


def test_the_model_is_the_same_and_the_library_as_before(run, data):
    recorded, _ = train(data)
    runlore.autolog("xgboost", silent=True).off()
    plain, _ = train(data)
    assert recorded.save_raw() == plain.save_raw()
    assert xgboost.train is xgboost.training.train is xgboost.sklearn.train is PLAIN


def test_faults_of_ours_do_not_reach_the_training(run, data, broken, capsys):
    assert len(train(data)[1]) == 4
    assert "a round of xgboost is not recorded: ZeroDivisionError" in capsys.readouterr().err


def test_a_training_that_fails_fails_as_before(store, data):
    with pytest.raises(xgboost.core.XGBoostError):
        xgboost.train({"objective": "no such thing"}, xgboost.DMatrix(*data))
    assert runlore.get_run("auto#1").status == "failed"


@pytest.mark.parametrize("as_pandas", [False, True])
def test_a_cross_validation_is_recorded_by_mean_and_deviation_and_gives_what_it_gave(run, data, as_pandas):
    def validate():
        params = {"objective": "binary:logistic", "max_depth": 2, "seed": 0, "eta": 1.0}
        return dict(
            xgboost.cv(params, xgboost.DMatrix(*data), 30, nfold=3, early_stopping_rounds=2, seed=0,
                       as_pandas=as_pandas)
        )  # fmt: skip

    results = validate()
    kept = len(results["test-logloss-mean"])
    view = runlore.get_run(run.uid)
    assert view.metric("test/logloss")["value"].tolist()[:kept] == list(results["test-logloss-mean"])
    assert view.metric("test/logloss-std")["value"].tolist()[:kept] == list(results["test-logloss-std"])
    assert (run.params["xgboost/nfold"], run.params["xgboost/num_boost_round"]) == (3, 30)
    assert view.metrics["best_iteration"] == kept - 1
    recorded = xgboost.cv
    runlore.autolog("xgboost", silent=True).off()
    assert recorded is not xgboost.cv
    assert xgboost.cv is xgboost.training.cv is PLAIN_CV
    assert {name: list(values) for name, values in validate().items()} == {n: list(v) for n, v in results.items()}
