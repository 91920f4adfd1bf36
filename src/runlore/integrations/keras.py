"""Keras 3, on any of its backends: `fit` of every model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed, argument, with_callback
from runlore.integrations._training import Training, numbers, settings, simple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run

_ARGUMENTS = ("batch_size", "epochs", "validation_split", "steps_per_epoch", "initial_epoch")


def install(library: ModuleType, patches: Patches) -> None:
    """Record every fit."""
    kind = _callback_kind(library.callbacks.Callback)

    def around(fit: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
        with Training("keras") as training:
            run = training.run
            if run is None:
                return fit(model, *args, **kwargs)
            with Unharmed("params of keras"):
                _record_params(run, model, {name: argument(fit, (model, *args), kwargs, name) for name in _ARGUMENTS})
            with Unharmed("each epoch of keras"):
                bound, kwargs = with_callback(fit, (model, *args), kwargs, kind(run))
                args = bound[1:]
            history = fit(model, *args, **kwargs)
            with Unharmed("the model of keras"):
                if settings.models:
                    run.log_model(model, "model")
            return history

    patches.wrap(library.Model, "fit", around)


def _record_params(run: Run, model: Any, given: dict[str, Any]) -> None:
    about = {"model": model.name, **given, "loss": model.loss}
    if model.built:
        about["parameters"] = model.count_params()
    if model.optimizer is not None:
        run.log_params(simple(model.optimizer.get_config(), "keras/optimizer/"))
    run.log_params(simple(about, "keras/"))


def _callback_kind(base: Any) -> Callable[[Run], Any]:
    class Epochs(base):  # type: ignore[misc]
        """Records the logs of each epoch."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self._run = run

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            with Unharmed("an epoch of keras"):
                found = numbers(logs or {})
                if found:
                    self._run.log_metrics(found, step=epoch)

    return Epochs
