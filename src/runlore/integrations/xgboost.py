"""XGBoost: `xgboost.train`, and all estimators that train by it."""

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
    kind = _callback_kind(library.callback.TrainingCallback)

    def around(train: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return _train(kind, train, args, kwargs)

    for owner in (library, library.training, library.sklearn):
        patches.wrap(owner, "train", around)


def _train(
    kind: Callable[[Run], Any], train: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:  # fmt: skip
    with Training("xgboost") as training:
        run = training.run
        if run is None:
            return train(*args, **kwargs)
        with Unharmed("params of xgboost"):
            run.log_params(simple(argument(train, args, kwargs, "params") or {}, "xgboost/"))
            run.log_param("xgboost/num_boost_round", argument(train, args, kwargs, "num_boost_round"))
        with Unharmed("each round of xgboost"):
            args, kwargs = with_callback(train, args, kwargs, kind(run))
        booster = train(*args, **kwargs)
        with Unharmed("what came of a training of xgboost"):
            best = booster.attributes()
            if "best_iteration" in best:
                run.log_metrics({name: float(best[name]) for name in ("best_iteration", "best_score")})
            if settings.models:
                run.log_model(booster, "model")
        return booster


def _callback_kind(base: Any) -> Callable[[Run], Any]:
    class Rounds(base):  # type: ignore[misc]
        """Records the evaluation of each round."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self._run = run

        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:  # noqa: ARG002 - as the library calls it
            """Never ends the training."""
            with Unharmed("a round of xgboost"):
                self._run.log_metrics(
                    {
                        f"{data}/{name}": _last(found)
                        for data, named in evals_log.items()
                        for name, found in named.items()
                    },
                    step=epoch,
                )
            return False

    return Rounds


def _last(values: list[Any]) -> float:
    """The latest value; of a cross-validation its mean."""
    return float(values[-1][0] if isinstance(values[-1], tuple) else values[-1])
