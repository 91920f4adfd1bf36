"""Optuna, recorded."""

from __future__ import annotations

import pytest

import runlore

optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
PLAIN = optuna.Study.optimize, optuna.Trial.report


@pytest.fixture(autouse=True)
def recorded():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with runlore.autolog("optuna", experiment="auto", silent=True):
        yield


def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    runlore.active_run().log_metric("inside", x)
    for step in range(2):
        trial.report(x + step, step)
        if trial.number == 1:
            raise optuna.TrialPruned
    if trial.number == 2:
        raise ArithmeticError("diverged")
    return x * x + (kind == "b")


def study(trials=4):
    made = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), study_name="s")
    made.optimize(objective, n_trials=trials, catch=(ArithmeticError,))
    return made


def test_each_trial_is_a_child_run_in_which_the_objective_records(store):
    made = study()
    parent = runlore.get_run("auto#1")
    children = parent.children()
    assert [child.name for child in children] == [f"trial {number}" for number in range(4)]
    assert [child.status for child in children] == ["succeeded", "stopped", "failed", "succeeded"]
    assert [child.params for child in children] == [trial.params for trial in made.trials]
    done = [made.trials[0].value, None, None, made.trials[3].value]
    assert [child.metrics.get("value") for child in children] == done
    assert children[1].metric("intermediate_value")["value"].tolist() == list(
        made.trials[1].intermediate_values.values()
    )
    assert [child.metrics["inside"] for child in children] == [trial.params["x"] for trial in made.trials]
    assert "diverged" in children[2].exit["message"]


def test_the_study_has_the_best(run):
    made = study()
    view = runlore.get_run(run.uid)
    assert view.metrics == {"best_value": made.best_value, "trials": 4}
    assert {key: view.params[f"optuna/best/{key}"] for key in made.best_params} == made.best_params
    assert (view.params["optuna/sampler"], view.params["optuna/directions"]) == ("RandomSampler", ["minimize"])
    found = runlore.experiment("e").runs(f"parent = '{run.uid}'", order_by="best(metrics.value)", limit=1)
    assert found["metrics.value"].tolist() == [made.best_value]


def test_several_values_have_names(run):
    made = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        made.set_metric_names(["loss", "acc"])
    made.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 2.0), n_trials=1)
    (child,) = runlore.get_run(run.uid).children()
    assert child.metrics == {"loss": made.trials[0].values[0], "acc": 2.0}
    assert child.definitions == {"loss": {"best": "min"}, "acc": {"best": "max"}}


def test_the_study_goes_as_without_and_the_library_is_as_before(run):
    recorded = study()
    runlore.autolog("optuna", silent=True).off()
    with runlore.start("inside", capture=False):
        plain = study()
    assert [trial.params for trial in recorded.trials] == [trial.params for trial in plain.trials]
    assert [trial.state for trial in recorded.trials] == [trial.state for trial in plain.trials]
    assert runlore.experiment("inside").run(1).children() == []
    assert (optuna.Study.optimize, optuna.Trial.report) == PLAIN


def test_an_error_that_ends_the_study_passes(store):
    made = optuna.create_study()
    with pytest.raises(KeyError):
        made.optimize(lambda trial: {}[trial.number], n_trials=2)
    assert runlore.get_run("auto#1").status == "failed"
    assert [child.status for child in runlore.get_run("auto#1").children()] == ["failed"]


def test_faults_of_ours_do_not_reach_the_study(run, broken, capsys):
    assert len(study().trials) == 4
    assert "a trial of optuna is not recorded: ZeroDivisionError" in capsys.readouterr().err
