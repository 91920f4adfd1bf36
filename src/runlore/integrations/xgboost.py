"""XGBoost: `xgboost.train`, all estimators that train by it, and `xgboost.cv`."""

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
    kind = _callback_kind(library.callback.TrainingCallback)

    def train(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return _recorded(kind, original, args, kwargs, ("num_boost_round",), _record_booster)

    def cross_validate(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return _recorded(kind, original, args, kwargs, ("num_boost_round", "nfold"), _record_folds)

    for owner in (library, library.training, library.sklearn):
        patches.wrap(owner, "train", train)
    for owner in (library, library.training):
        patches.wrap(owner, "cv", cross_validate)


def _recorded(
    kind: Callable[[Run], Any], original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
    arguments: tuple[str, ...], record: Callable[[Run, Any, Any], None],
) -> Any:  # fmt: skip
    """What the library's function gives, with its params, rounds and outcome recorded."""
    with Training("xgboost") as training:
        run = training.run
        if run is None:
            return original(*args, **kwargs)
        rounds = None
        with Unharmed("params of xgboost"):
            params = argument(original, args, kwargs, "params")
            about = {name: argument(original, args, kwargs, name) for name in arguments}
            rounds = about["num_boost_round"]
            run.log_params(simple({**dict(params or {}), **about}, "xgboost/"))
        with Unharmed("each round of xgboost"):
            args, kwargs = with_callback(original, args, kwargs, kind(run))
        found = original(*args, **kwargs)
        with Unharmed("what came of a training of xgboost"):
            record(run, found, rounds)
        return found


def _record_booster(run: Run, booster: Any, _: Any) -> None:
    best = booster.attributes()
    if "best_iteration" in best:
        run.log_metrics({name: float(best[name]) for name in ("best_iteration", "best_score")})
    if settings.models:
        run.log_model(booster, "model")


def _record_folds(run: Run, results: Any, rounds: Any) -> None:
    """Where it was stopped early, the results end with the best round."""
    kept = min((len(values) for values in dict(results).values()), default=0)
    if rounds is not None and 0 < kept < rounds:
        run.log_metric("best_iteration", kept - 1)


def _callback_kind(base: Any) -> Callable[[Run], Any]:
    class Rounds(base):  # type: ignore[misc]
        """Records the evaluation of each round."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self._run = run

        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:  # noqa: ARG002 - as the library calls it
            """Never ends the training."""
            with Unharmed("a round of xgboost"):
                found: dict[str, float] = {}
                for data, named in evals_log.items():
                    for name, values in named.items():
                        found |= _latest(f"{data}/{name}", values[-1])
                self._run.log_metrics(found, step=epoch)
            return False

    return Rounds


def _latest(key: str, value: Any) -> dict[str, float]:
    """The latest value; of a cross-validation its mean over the folds, and their standard deviation."""
    if isinstance(value, tuple):
        return {key: float(value[0]), f"{key}-std": float(value[1])}
    return {key: float(value)}
