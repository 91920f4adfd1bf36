"""A Keras callback that logs into an experiment. It has what Keras asks of a callback, and imports no TensorFlow."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

from runlore.errors import WrongType

if TYPE_CHECKING:
    from collections.abc import Mapping


class TensorflowCallback:
    """Logs the parameters of fit, the logs of every batch and epoch, and the trained model.

    Keys: `loss` for epochs (step: the epoch), `batch/loss` for batches of training (step: counted over all epochs),
    `test/loss` and `test_batch/loss`, `predict_batch/…` likewise: they are series of their own. The model is kept as a
    `.keras` file, which `restore_artifacts` gives back as bytes.

    Args:
        tracker: with an active run, by the time when training begins.
        model: by default the one that is trained.

    Raises:
        WrongType: the model is none of Keras's.
    """

    async_safe = False
    _supports_tf_logs = False

    def __init__(self, tracker: Any, model: Any = None) -> None:
        if model is not None and not hasattr(model, "fit"):
            raise WrongType(f"model={model!r} of type {type(model).__name__} is no Keras model: it has no fit")
        self.tracker = tracker
        self.model = model
        self.params: dict[str, Any] = {}
        self._steps: dict[str, int] = {}

    def set_params(self, params: Mapping[str, Any] | None) -> None:
        """Called by Keras with what fit was called with."""
        self.params = dict(params or {})

    def set_model(self, model: Any) -> None:
        """Called by Keras with the model."""
        self.model = model

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the parameters."""
        self._log("train", logs, 0)
        for key, value in self.params.items():
            self.tracker.log_param(key, value)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the model."""
        del logs  # those of the last epoch, again
        save = getattr(self.model, "save", None)
        if not callable(save):
            return
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "model.keras")
            save(path)
            if os.path.isfile(path):
                run = self.tracker.open_run()
                if run is not None:
                    run.log_artifact(path, "model.keras", kind="keras", metadata=_origin())

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs an epoch."""
        self._log("", logs, epoch)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs a batch."""
        del batch  # begins anew with each epoch
        self._log("batch", logs, self._next("batch"))

    on_batch_end = on_train_batch_end

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs a batch of evaluation."""
        del batch
        self._log("test_batch", logs, self._next("test_batch"))

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs what is a number of a batch of prediction."""
        del batch
        self._log("predict_batch", logs, self._next("predict_batch"))

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the evaluation."""
        self._log("test", logs, self._next("test"))

    def _ignored(self, *args: Any, **kwargs: Any) -> None:
        """What Keras calls too, and nothing is logged of."""

    on_epoch_begin = on_train_batch_begin = on_batch_begin = on_test_begin = on_test_batch_begin = _ignored
    on_predict_begin = on_predict_end = on_predict_batch_begin = _ignored

    def _implements(self) -> bool:
        """Keras asks whether batches are of interest."""
        return True

    _implements_train_batch_hooks = _implements_test_batch_hooks = _implements_predict_batch_hooks = _implements

    def _next(self, what: str) -> int:
        step = self._steps.get(what, 0)
        self._steps[what] = step + 1
        return step

    def _log(self, prefix: str, logs: Mapping[str, Any] | None, step: int) -> None:
        for key, value in (logs or {}).items():
            if getattr(value, "shape", ()) in ((), (1,)) and not isinstance(value, (str, list, tuple, dict)):
                self.tracker.log_metric(f"{prefix}/{key}" if prefix else key, float(value), step=step)


def _origin() -> dict[str, Any]:
    from runlore.dialects.omegaml.objects import ORIGIN

    return {ORIGIN: {"event": "artifact", "key": "model", "format": "keras"}}
