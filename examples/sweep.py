"""An Optuna study: the study is a run, each trial a child of it. What a trial suggests are its params."""

from __future__ import annotations

import optuna

import runlore

EXPERIMENT = "examples/sweep"


def main(trials: int = 10) -> None:
    """Minimise a function of two numbers."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with runlore.start(EXPERIMENT, "study", params={"trials": trials}, capture=False) as study_run:

        def objective(trial: optuna.Trial) -> float:
            x, y = trial.suggest_float("x", -2, 2), trial.suggest_float("y", -2, 2)
            with study_run.child(f"trial {trial.number}", params=trial.params, capture=False) as run:
                value = (x - 1) ** 2 + (y + 0.5) ** 2
                run.log_metric("value", value)
                return value

        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
        study.optimize(objective, n_trials=trials)
        study_run.log_metric("best", study.best_value)
    children = runlore.runs(f"parent = '{study_run.uid}'")
    print(
        f"{len(children)} trials, the best {children['metrics.value'].min():.4f} as Optuna says {study.best_value:.4f}"
    )


if __name__ == "__main__":
    main()
