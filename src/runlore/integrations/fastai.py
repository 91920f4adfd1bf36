"""fastai: `Learner.fit`, which `fit_one_cycle` and the others call, and `fine_tune` as one. The first rank records."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed, argument
from runlore.integrations._training import Training, numbers, settings, simple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run

_NOT_LEARNED = frozenset({"epoch", "time"})
"""Columns of fastai's own table that are no metrics."""


def install(library: ModuleType, patches: Patches) -> None:
    """Record every training of a learner; a search for a learning rate is none."""
    if library.__name__ == "fastai.callback.schedule":
        patches.wrap(library.Learner, "fine_tune", _fine_tune)
        return
    kind: Callable[..., Any] = type("Recording", (_Recording, library.Callback), {"order": library.Recorder.order + 1})
    steps: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def around(fit: Callable[..., Any], learner: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_search(argument(fit, (learner, *args), kwargs, "cbs")) or library.rank_distrib():
            return fit(learner, *args, **kwargs)
        with Training("fastai") as training:
            run = training.run
            if run is None:
                return fit(learner, *args, **kwargs)
            recording = kind(run, 0 if training.is_own else steps.get(learner, 0))
            with Unharmed("params of fastai"):
                given = {name: argument(fit, (learner, *args), kwargs, name) for name in ("n_epoch", "lr", "wd")}
                _record_params(run, learner, given)
            learner.add_cb(recording)
            try:
                found = fit(learner, *args, **kwargs)
            finally:
                learner.remove_cb(recording)
                steps[learner] = recording.step
            with Unharmed("the model of fastai"):
                if settings.models:
                    run.log_model(learner.model, "model")
            return found

    patches.wrap(library.Learner, "fit", around)


def _fine_tune(tune: Callable[..., Any], learner: Any, *args: Any, **kwargs: Any) -> Any:
    """Both of its fits go into one run."""
    with Training("fastai"):
        return tune(learner, *args, **kwargs)


def _is_search(callbacks: Any) -> bool:
    given = callbacks if hasattr(callbacks, "__iter__") else [callbacks]
    return any(type(callback).__name__ == "LRFinder" for callback in given)


def _record_params(run: Run, learner: Any, given: dict[str, Any]) -> None:
    about = {
        "model": type(learner.model).__name__, "loss": getattr(learner.loss_func, "func", learner.loss_func),
        "optimizer": learner.opt_func, "batch_size": learner.dls.bs,
        "parameters": sum(parameter.numel() for parameter in learner.model.parameters()),
        **{name: value for name, value in given.items() if value is not None},
    }  # fmt: skip
    run.log_params(simple(about, "fastai/"))


class _Recording:
    """A callback that records what the learner's own `Recorder` found: losses of batches, and the table of epochs.

    Args:
        run: where.
        step: batches that the learner trained before, in the same run.
    """

    def __init__(self, run: Run, step: int) -> None:
        super().__init__()
        self._run = run
        self.step = step

    def after_batch(self) -> None:
        """Record the smoothed loss, which the recorder has fetched, and learning rates."""
        learner: Any = self.learn  # type: ignore[attr-defined]
        if not learner.training:
            return
        with Unharmed("a batch of fastai"):
            rates = [group["lr"] for group in learner.opt.hypers]
            names = ["lr"] if len(rates) == 1 else [f"lr/{place}" for place in range(len(rates))]
            self._run.log_metrics(
                numbers({"loss": learner.smooth_loss, **dict(zip(names, rates, strict=True))}), step=self.step
            )
        self.step += 1

    def after_epoch(self) -> None:
        """Record the line of the table that fastai prints."""
        with Unharmed("an epoch of fastai"):
            recorder: Any = self.learn.recorder  # type: ignore[attr-defined]
            line = dict(zip(recorder.metric_names, recorder.log, strict=False))
            found = numbers({name: value for name, value in line.items() if name not in _NOT_LEARNED})
            if found:
                self._run.log_metrics(found, step=self.step)
