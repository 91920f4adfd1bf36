"""scikit-learn: `fit` of every estimator, also of classes that are defined later, and `score` of those.

Of a training that trains others (a search, an ensemble, a pipeline) the outermost is recorded. Functions are wrapped
by functions of this module alone, so that estimators that travel to other processes carry nothing of a run.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed
from runlore.integrations._training import Suspended, Training, current_run, settings, simple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run

_OTHERS = frozenset({"xgboost", "lightgbm", "catboost"})
"""Libraries whose estimators are recorded by an integration of their own."""

_CURVES = {
    "loss_curve_": "loss",
    "validation_scores_": "validation_score",
    "train_score_": "train_score",
    "validation_score_": "validation_score",
}
"""Attributes of fitted estimators that hold a number for each iteration, and what their series are called."""

_fitting = threading.Lock()
"""Held by the one fit that is recorded; those that begin meanwhile, in any thread, are parts of it."""


def install(library: ModuleType, patches: Patches) -> None:
    """Record every fit, and scores."""
    base: Any = library.BaseEstimator
    mixins = [kind for name, kind in vars(library).items() if name.endswith("Mixin") and isinstance(kind, type)]
    for kind in (*_kinds(base), *mixins):  # most estimators have their score from a mixin
        _wrap(kind, patches)

    def init_subclass(kind: Any, /, **options: Any) -> None:
        super(base, kind).__init_subclass__(**options)
        with Unharmed(f"{kind.__name__} of scikit-learn"):
            _wrap(kind, patches)

    before = vars(base).get("__init_subclass__")
    base.__init_subclass__ = classmethod(init_subclass)

    def put_back() -> None:
        if before is None:
            del base.__init_subclass__
        else:
            base.__init_subclass__ = before

    patches.on_undo(put_back)


def _kinds(base: type) -> Iterator[type]:
    """All classes below one, each once."""
    seen = {base}
    waiting = [base]
    while waiting:
        kind = waiting.pop()
        yield kind
        new: set[type] = set(type.__subclasses__(kind)) - seen
        seen.update(new)
        waiting += new


def _wrap(kind: type, patches: Patches) -> None:
    is_other = kind.__module__.partition(".")[0] in _OTHERS
    for name, around in (("fit", _apart if is_other else _fit), ("score", _score)):
        if callable(vars(kind).get(name)):
            patches.wrap(kind, name, around)


def _apart(fit: Callable[..., Any], estimator: Any, *args: Any, **kwargs: Any) -> Any:
    """A fit that another integration records: what it fits of scikit-learn meanwhile is a part of it."""
    if not _fitting.acquire(blocking=False):
        return fit(estimator, *args, **kwargs)
    try:
        return fit(estimator, *args, **kwargs)
    finally:
        _fitting.release()


def _fit(fit: Callable[..., Any], estimator: Any, *args: Any, **kwargs: Any) -> Any:
    if not _fitting.acquire(blocking=False):
        return fit(estimator, *args, **kwargs)
    try:
        with Training("sklearn") as training:
            run = training.run
            if run is None:
                return fit(estimator, *args, **kwargs)
            with Unharmed("params of scikit-learn"):
                _record_params(run, estimator, args[0] if args else kwargs.get("X"))
            began = time.perf_counter()
            fitted = _call(fit, estimator, args, kwargs)
            with Unharmed("what came of a fit of scikit-learn"):
                run.log_metric("fit_seconds", time.perf_counter() - began)
                _record_outcome(run, estimator)
                if settings.models:
                    run.log_model(estimator, "model")
            return fitted
    finally:
        _fitting.release()


def _call(fit: Callable[..., Any], estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The fit. What other libraries train within it is recorded where it is the last step of a pipeline alone."""
    if type(estimator).__name__ == "Pipeline":
        return fit(estimator, *args, **kwargs)
    with Suspended():
        return fit(estimator, *args, **kwargs)


def _record_params(run: Run, estimator: Any, data: Any) -> None:
    params = dict(estimator.get_params(deep=True))
    if "estimator" in params:  # of a search or an ensemble
        params["inner_estimator"] = params["estimator"]
    params["estimator"] = type(estimator).__name__
    shape = getattr(data, "shape", None) or ((len(data),) if hasattr(data, "__len__") else ())
    params |= dict(zip(("n_samples", "n_features"), shape, strict=False))
    run.log_params(simple(params, "sklearn/"))


def _record_outcome(run: Run, estimator: Any) -> None:
    for attribute, name in _CURVES.items():
        curve = vars(estimator).get(attribute)
        if curve is not None and getattr(curve, "ndim", 1) == 1:
            for step, value in enumerate(curve):
                run.log_metric(name, float(value), step=step)
    found = vars(estimator)
    if "best_params_" in found:
        run.log_params(simple(found["best_params_"], "sklearn/best/"))
    if "best_score_" in found:
        run.log_metric("best_score", float(found["best_score_"]))
    if "cv_results_" in found:
        import pandas as pd

        table = pd.DataFrame(found["cv_results_"]).drop(columns="params", errors="ignore")
        run.log_table(table.astype({name: str for name in table if table[name].dtype == object}), "cv_results")


def _score(score: Callable[..., Any], estimator: Any, *args: Any, **kwargs: Any) -> Any:
    found = score(estimator, *args, **kwargs)
    if not _fitting.locked():
        with Unharmed("a score of scikit-learn"):
            run = current_run()
            if run is not None and not run.ended:
                run.log_metric("score", float(found))
    return found
