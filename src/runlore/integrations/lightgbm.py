"""LightGBM: `lightgbm.train`, all estimators that train by it, and `lightgbm.cv`."""

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
    """Record every training of the library, and every cross-validation."""
    for owner in (library, library.engine, library.sklearn):
        patches.wrap(owner, "train", _train)
    for owner in (library, library.engine):
        patches.wrap(owner, "cv", _cross_validate)


class _Rounds:
    """A callback that records the results of each round, and once what is best of each."""

    order = 15
    """Before the callback that stops early, which ends a round by an exception (30)."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._defined = False

    def __call__(self, state: Any) -> None:
        with Unharmed("a round of lightgbm"):
            found: dict[str, float] = {}
            for data, name, value, upwards, *deviation in state.evaluation_result_list or ():
                key = f"{data}/{name}"
                found[key] = float(value)
                if deviation:  # of a cross-validation, over its folds
                    found[f"{key}-std"] = float(deviation[0])
                if not self._defined:
                    self._run.define_metric(key, best="max" if upwards else "min")
            self._defined = True
            if found:
                self._run.log_metrics(found, step=state.iteration)


def _train(train: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return _recorded(train, args, kwargs, ("num_boost_round",), _record_booster)


def _cross_validate(cv: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return _recorded(cv, args, kwargs, ("num_boost_round", "nfold"), _record_folds)


def _recorded(
    original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], arguments: tuple[str, ...],
    record: Callable[[Run, Any, Any], None],
) -> Any:  # fmt: skip
    """What the library's function gives, with its params, rounds and outcome recorded."""
    with Training("lightgbm") as training:
        run = training.run
        if run is None:
            return original(*args, **kwargs)
        rounds = None
        with Unharmed("params of lightgbm"):
            params = argument(original, args, kwargs, "params") or {}
            about = {name: argument(original, args, kwargs, name) for name in arguments}
            rounds = about["num_boost_round"]
            run.log_params(simple({**params, **about}, "lightgbm/"))
        with Unharmed("each round of lightgbm"):
            args, kwargs = with_callback(original, args, kwargs, _Rounds(run))
        found = original(*args, **kwargs)
        with Unharmed("what came of a training of lightgbm"):
            record(run, found, rounds)
        return found


def _record_booster(run: Run, booster: Any, _: Any) -> None:
    if booster.best_iteration > 0:
        run.log_metric("best_iteration", booster.best_iteration)
    if settings.models:
        run.log_model(booster, "model")


def _record_folds(run: Run, results: dict[str, Any], rounds: Any) -> None:
    """Where it was stopped early, the results end with the best round; the library counts rounds from 1."""
    kept = min((len(values) for values in results.values() if isinstance(values, list)), default=0)
    if rounds is not None and 0 < kept < rounds:
        run.log_metric("best_iteration", kept)
