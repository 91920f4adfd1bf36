"""Hugging Face Transformers: what `Trainer.train`, also of trainers built on it, logs. The first rank records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed
from runlore.integrations._training import Training, numbers, simple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches
    from runlore.run.handle import Run


def install(library: ModuleType, patches: Patches) -> None:
    """Record every training."""
    kind = _callback_kind(library.TrainerCallback)

    def around(train: Callable[..., Any], trainer: Any, *args: Any, **kwargs: Any) -> Any:
        if not trainer.is_world_process_zero():
            return train(trainer, *args, **kwargs)
        with Training("transformers") as training:
            run = training.run
            if run is None:
                return train(trainer, *args, **kwargs)
            callback = kind(run)
            with Unharmed("params of transformers"):
                run.log_params(simple(trainer.args.to_sanitized_dict(), "transformers/"))
                run.log_param("transformers/parameters", sum(item.numel() for item in trainer.model.parameters()))
            trainer.add_callback(callback)
            try:
                return train(trainer, *args, **kwargs)
            finally:
                trainer.remove_callback(callback)

    patches.wrap(library.Trainer, "train", around)


def _callback_kind(base: Any) -> Callable[[Run], Any]:
    class Recording(base):  # type: ignore[misc]
        """Records what the trainer logs."""

        def __init__(self, run: Run) -> None:
            self._run = run

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002 - as it is called
            with Unharmed("metrics of transformers"):
                found = numbers({key: value for key, value in (logs or {}).items() if key != "total_flos"})
                if found:
                    self._run.log_metrics(found, step=state.global_step)

    return Recording
