"""LightGBM, recorded."""

from __future__ import annotations

import pytest

import runlore

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
PLAIN, PLAIN_CV = lightgbm.train, lightgbm.cv


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("lightgbm", "sklearn", experiment="auto", silent=True):
        yield


def train(data, *callbacks):
    results = {}
    params = {"objective": "binary", "metric": ["binary_logloss", "auc"], "num_leaves": 4, "verbose": -1, "seed": 0}
    dataset = lightgbm.Dataset(*data)
    booster = lightgbm.train(
        params, dataset, 4, valid_sets=[dataset], valid_names=["train"],
        callbacks=[lightgbm.record_evaluation(results), *callbacks],
    )  # fmt: skip
    return booster, results["train"]


def test_each_round_is_a_point_and_what_is_best_is_known(run, data):
    _, results = train(data)
    view = runlore.get_run(run.uid)
    assert view.metric("train/auc")["value"].tolist() == results["auc"]
    assert view.metric("train/binary_logloss")["value"].tolist() == results["binary_logloss"]
    assert view.definitions == {"train/auc": {"best": "max"}, "train/binary_logloss": {"best": "min"}}
    assert (run.params["lightgbm/num_leaves"], run.params["lightgbm/num_boost_round"]) == (4, 4)


def test_estimators_train_by_it_and_are_recorded_once(store, data):
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, callbacks=None)
    model.fit(*data, eval_X=data[0], eval_y=data[1], callbacks=[lightgbm.early_stopping(2, verbose=False)])
    (found,) = runlore.experiment("auto")
    (series,) = (key for key in found.metrics if key.endswith("/binary_logloss"))
    (results,) = model.evals_result_.values()
    assert found.metric(series)["value"].tolist() == results["binary_logloss"]
    assert found.metrics["best_iteration"] == model.best_iteration_


def test_the_model_is_the_same_and_the_library_as_before(run, data):
    recorded, _ = train(data)
    runlore.autolog("lightgbm", silent=True).off()
    plain, _ = train(data)
    assert recorded.model_to_string() == plain.model_to_string()
    assert lightgbm.train is lightgbm.engine.train is lightgbm.sklearn.train is PLAIN


def test_faults_of_ours_do_not_reach_the_training(run, data, broken, capsys):
    assert len(train(data)[1]["auc"]) == 4
    assert "a round of lightgbm is not recorded: ZeroDivisionError" in capsys.readouterr().err


def test_a_cross_validation_is_recorded_by_mean_and_deviation_and_gives_what_it_gave(run, data):
    def validate():
        params = {"objective": "binary", "metric": "auc", "learning_rate": 1.0, "verbose": -1, "seed": 0,
                  "early_stopping_round": 2, "min_data_in_leaf": 2}  # fmt: skip
        return lightgbm.cv(params, lightgbm.Dataset(*data), 30, nfold=3, seed=0)

    results = validate()
    kept = len(results["valid auc-mean"])
    view = runlore.get_run(run.uid)
    assert view.metric("valid/auc")["value"].tolist()[:kept] == results["valid auc-mean"]
    assert view.metric("valid/auc-std")["value"].tolist()[:kept] == results["valid auc-stdv"]
    assert view.definitions == {"valid/auc": {"best": "max"}}
    assert (run.params["lightgbm/nfold"], run.params["lightgbm/num_boost_round"]) == (3, 30)
    assert view.metrics["best_iteration"] == kept < 30
    runlore.autolog("lightgbm", silent=True).off()
    assert lightgbm.cv is lightgbm.engine.cv is PLAIN_CV
    assert validate() == results
