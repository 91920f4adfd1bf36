"""Ultralytics: every training of a YOLO or another of its models, in this process.

With several GPUs Ultralytics trains in processes of its own: those record where their program calls `autolog`.
"""

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
    """Record every training of a trainer."""
    patches.wrap(library.BaseTrainer, "train", _train)


def _train(train: Callable[..., Any], trainer: Any, *args: Any, **kwargs: Any) -> Any:
    with Training("ultralytics") as training:
        run = training.run
        if run is None:
            return train(trainer, *args, **kwargs)
        recording = _Recording(run)
        with Unharmed("params of ultralytics"):
            run.log_params(simple(dict(vars(trainer.args)), "ultralytics/"))
        given = {event: trainer.callbacks.get(event) for event in recording.callbacks}
        trainer.callbacks.update(
            {event: [*(given[event] or ()), callback] for event, callback in recording.callbacks.items()}
        )
        try:
            found = train(trainer, *args, **kwargs)
        finally:
            trainer.callbacks.update({event: before for event, before in given.items() if before is not None})
        with Unharmed("the model of ultralytics"):
            if settings.models and trainer.best.exists():
                run.log_artifact(str(trainer.best), "weights/best.pt", kind="model")
        return found


class _Recording:
    """Callbacks that record each epoch, and in the end what the best weights reach on the validation set.

    Args:
        run: where.

    Attributes:
        callbacks: by the event at which the trainer calls them.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._trained = -1
        self.callbacks = {"on_train_epoch_end": self._epoch_trained, "on_fit_epoch_end": self._epoch_validated}

    def _epoch_trained(self, trainer: Any) -> None:
        with Unharmed("an epoch of ultralytics"):
            self._trained = trainer.epoch
            losses = trainer.label_loss_items(trainer.tloss, prefix="train")
            self._run.log_metrics(numbers({**losses, **trainer.lr}), step=trainer.epoch)

    def _epoch_validated(self, trainer: Any) -> None:
        """After the last epoch it is called once more, with the metrics of the best weights."""
        with Unharmed("a validation of ultralytics"):
            is_last = trainer.epoch != self._trained
            found = numbers(trainer.metrics, "best/" if is_last else "")
            if found:
                self._run.log_metrics(found, step=None if is_last else trainer.epoch)
