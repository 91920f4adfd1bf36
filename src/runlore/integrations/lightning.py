"""PyTorch Lightning: what a module logs while `Trainer.fit` runs. The first rank records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed
from runlore.integrations._training import Training, numbers, settings, simple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run


def install(library: ModuleType, patches: Patches) -> None:
    """Record every fit of a trainer."""
    kind: Callable[[Run], Any] = type("Recording", (_Recording, library.Callback), {})

    def around(fit: Callable[..., Any], trainer: Any, *args: Any, **kwargs: Any) -> Any:
        if not trainer.is_global_zero:
            return fit(trainer, *args, **kwargs)
        with Training("lightning") as training:
            run = training.run
            if run is None:
                return fit(trainer, *args, **kwargs)
            callback = kind(run)
            trainer.callbacks.append(callback)
            try:
                return fit(trainer, *args, **kwargs)
            finally:
                trainer.callbacks.remove(callback)

    patches.wrap(library.Trainer, "fit", around)


class _Recording:
    """A callback that records what the module logs: each so many batches, as the trainer logs, and after each epoch.

    Args:
        run: where.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._of_batches: set[str] = set()
        self._of_epochs: dict[str, float] = {}

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Record what is known beforehand."""
        with Unharmed("params of lightning"):
            about = {"module": type(pl_module).__name__, "max_epochs": trainer.max_epochs,
                     "precision": trainer.precision}  # fmt: skip
            self._run.log_params(simple({**about, **dict(pl_module.hparams)}, "lightning/"))

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Record what the batch logged; what an epoch logged stays there meanwhile, and is none of it."""
        if trainer.global_step % trainer.log_every_n_steps == 0:
            with Unharmed("metrics of lightning"):
                found = {
                    key: value for key, value in numbers(trainer.logged_metrics).items() if key not in self._of_epochs
                }
                self._of_batches |= found.keys()
                self._log(found, trainer)

    def on_validation_end(self, trainer: Any, *_: Any) -> None:
        """Record what a validation in the midst of an epoch changed."""
        if not trainer.sanity_checking and not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            with Unharmed("metrics of lightning"):
                self._log(self._changed(trainer), trainer)

    def on_train_epoch_end(self, trainer: Any, *_: Any) -> None:
        """Record what the epoch and its last validation logged."""
        with Unharmed("metrics of lightning"):
            self._changed(trainer)
            self._log({**self._of_epochs, "epoch": trainer.current_epoch}, trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Record what was logged after that, and the model."""
        with Unharmed("metrics of lightning"):
            self._log(self._changed(trainer), trainer)
        with Unharmed("the model of lightning"):
            if settings.models:
                self._run.log_model(pl_module, "model")

    def _changed(self, trainer: Any) -> dict[str, float]:
        """Those metrics of epochs and validations that are not what they were."""
        found = {key: value for key, value in numbers(trainer.callback_metrics).items() if key not in self._of_batches}
        changed = {key: value for key, value in found.items() if self._of_epochs.get(key) != value}
        self._of_epochs = found
        return changed

    def _log(self, found: dict[str, float], trainer: Any) -> None:
        if found:
            self._run.log_metrics(found, step=trainer.global_step)
