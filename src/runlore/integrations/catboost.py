"""CatBoost: `fit` of every model, on the CPU; its callbacks are not called on GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed, with_callback
from runlore.integrations._training import Training, settings, simple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run

_GPU = "GPU"


def install(library: ModuleType, patches: Patches) -> None:
    """Record every training of the library."""
    patches.wrap(library.CatBoost, "_fit", _fit)  # what `fit` of each kind of model, and `train`, call


class _Rounds:
    """A callback that records the metrics of each iteration."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def after_iteration(self, info: Any) -> bool:
        """Always goes on."""
        with Unharmed("an iteration of catboost"):
            named = {f"{data}/{name}": found[-1] for data, of in info.metrics.items() for name, found in of.items()}
            self._run.log_metrics(named, step=info.iteration - 1)
        return True


def _fit(fit: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    with Training("catboost") as training:
        run = training.run
        if run is None:
            return fit(model, *args, **kwargs)
        with Unharmed("params of catboost"):
            params = model.get_params()
            run.log_params(simple({"estimator": type(model).__name__, **params}, "catboost/"))
            if params.get("task_type") != _GPU:
                bound, kwargs = with_callback(fit, (model, *args), kwargs, _Rounds(run))
                args = bound[1:]
        fitted = fit(model, *args, **kwargs)
        with Unharmed("what came of a training of catboost"):
            if model.best_iteration_ is not None:
                run.log_metric("best_iteration", model.best_iteration_)
            if settings.models:
                run.log_model(model, "model")
        return fitted
