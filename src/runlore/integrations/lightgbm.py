"""LightGBM: `lightgbm.train`, and all estimators that train by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed, argument, with_callback
from runlore.integrations._training import Training, settings, simple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run


def install(library: ModuleType, patches: Patches) -> None:
    """Record every training of the library."""
    for owner in (library, library.engine, library.sklearn):
        patches.wrap(owner, "train", _train)


class _Rounds:
    """A callback that records the results of each round, and once what is best of each."""

    order = 15
    """Before the callback that stops early, which ends a round by an exception (30)."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._defined = False

    def __call__(self, state: Any) -> None:
        with Unharmed("a round of lightgbm"):
            results = [(f"{data}/{name}", float(value), upwards) for data, name, value, upwards, *_ in
                       state.evaluation_result_list or ()]  # fmt: skip
            if not self._defined:
                self._defined = True
                for key, _, upwards in results:
                    self._run.define_metric(key, best="max" if upwards else "min")
            if results:
                self._run.log_metrics({key: value for key, value, _ in results}, step=state.iteration)


def _train(train: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with Training("lightgbm") as training:
        run = training.run
        if run is None:
            return train(*args, **kwargs)
        with Unharmed("params of lightgbm"):
            run.log_params(simple(argument(train, args, kwargs, "params") or {}, "lightgbm/"))
            run.log_param("lightgbm/num_boost_round", argument(train, args, kwargs, "num_boost_round"))
        with Unharmed("each round of lightgbm"):
            args, kwargs = with_callback(train, args, kwargs, _Rounds(run))
        booster = train(*args, **kwargs)
        with Unharmed("what came of a training of lightgbm"):
            if booster.best_iteration > 0:
                run.log_metric("best_iteration", booster.best_iteration)
            if settings.models:
                run.log_model(booster, "model")
        return booster
