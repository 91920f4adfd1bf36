"""Optuna: a study as a run, and each of its trials as a child run, in which the objective may record what it likes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed
from runlore.integrations._training import Training, simple
from runlore.model import STOPPED
from runlore.run.ends import status_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run

_trial = threading.local()
"""`run`: that of the trial which this thread works on."""


def install(library: ModuleType, patches: Patches) -> None:
    """Record every study."""

    def optimize(original: Callable[..., Any], study: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        with Training("optuna") as training:
            if training.run is None:
                return original(study, func, *args, **kwargs)
            with Unharmed("a study of optuna"):
                func = _Objective(func, study, training.run, library.TrialPruned)
                _record_study(training.run, study)
            try:
                return original(study, func, *args, **kwargs)
            finally:
                with Unharmed("the best trial of optuna"):
                    _record_best(training.run, study, library.trial.TrialState.COMPLETE)

    patches.wrap(library.study.Study, "optimize", optimize)
    patches.wrap(library.trial.Trial, "report", _report)


class _Objective:
    """An objective that runs within a child run of the study's."""

    def __init__(self, func: Callable[[Any], Any], study: Any, parent: Run, pruned: type[Exception]) -> None:
        self._func = func
        self._study = study
        self._parent = parent
        self._pruned = pruned

    def __call__(self, trial: Any) -> Any:
        run = None
        with Unharmed("a trial of optuna"):
            run = self._parent.child(f"trial {trial.number}", capture=False)
            for name, goal in zip(_names(self._study), self._study.directions, strict=True):
                run.define_metric(name, best="max" if goal.name == "MAXIMIZE" else "min")
        _trial.run = run
        error: BaseException | None = None
        values: Any = None
        try:
            values = self._func(trial)
        except BaseException as raised:
            error = raised
            raise
        finally:
            _trial.run = None
            if run is not None:
                with Unharmed("what came of a trial of optuna"):
                    self._end(run, trial, values, error)
        return values

    def _end(self, run: Run, trial: Any, values: Any, error: BaseException | None) -> None:
        try:
            run.log_params(simple(trial.params, ""))
            if values is not None:
                given = values if isinstance(values, (list, tuple)) else [values]
                run.log_metrics(dict(zip(_names(self._study), map(float, given), strict=True)))
        finally:
            if isinstance(error, self._pruned):
                run.end(STOPPED, {"message": "pruned"})
            else:
                run.end(*status_of(error))


def _names(study: Any) -> list[str]:
    """What the values of the study's trials are called."""
    count = len(study.directions)
    return list(study.metric_names or (["value"] if count == 1 else [f"value_{place}" for place in range(count)]))


def _report(report: Callable[..., Any], trial: Any, value: float, step: int) -> Any:
    result = report(trial, value, step)
    run: Run | None = getattr(_trial, "run", None)
    if run is not None:
        with Unharmed("an intermediate value of optuna"):
            run.log_metric("intermediate_value", float(value), step=step)
    return result


def _record_study(run: Run, study: Any) -> None:
    about = {
        "study": study.study_name, "directions": [direction.name.lower() for direction in study.directions],
        "sampler": type(study.sampler).__name__, "pruner": type(study.pruner).__name__,
    }  # fmt: skip
    run.log_params(simple(about, "optuna/"))


def _record_best(run: Run, study: Any, complete: Any) -> None:
    done = study.get_trials(deepcopy=False, states=(complete,))
    run.log_metric("trials", len(study.get_trials(deepcopy=False)))
    if done and len(study.directions) == 1:
        run.log_metric("best_value", study.best_value)
        run.log_params(simple(study.best_params, "optuna/best/"))
