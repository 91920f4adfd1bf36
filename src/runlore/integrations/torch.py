"""Plain PyTorch: every optimizer, by the hook that PyTorch has for it. Only where a run is active.

A loop of one's own has no place that knows its losses: those are logged by the loop.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed
from runlore.integrations._training import current_run, simple

if TYPE_CHECKING:
    from types import ModuleType

    from runlore.integrations._patches import Patches


def install(library: ModuleType, patches: Patches) -> None:
    """Record every optimizer that steps."""
    patches.on_undo(library.register_optimizer_step_post_hook(_Steps()).remove)


class _Steps:
    """What is known of each optimizer: its steps, and its learning rates when they were last recorded."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[Any, tuple[int, list[Any]]] = weakref.WeakKeyDictionary()

    def __call__(self, optimizer: Any, *_: Any) -> None:
        steps, before = self._known.get(optimizer, (0, None))
        rates = [group.get("lr") for group in optimizer.param_groups]
        self._known[optimizer] = steps + 1, rates
        if rates != before:
            with Unharmed("an optimizer of torch"):
                self._record(optimizer, steps, rates, first=before is None)

    def _record(self, optimizer: Any, step: int, rates: list[Any], *, first: bool) -> None:
        run = current_run()
        if run is None:
            return
        if first:
            groups = optimizer.param_groups
            count = sum(parameter.numel() for group in groups for parameter in group["params"])
            about = {"optimizer": type(optimizer).__name__, "parameters": count, **optimizer.defaults}
            run.log_params(simple(about, "torch/"))
        names = ["lr"] if len(rates) == 1 else [f"lr/{place}" for place in range(len(rates))]
        numbers = {name: rate for name, rate in zip(names, rates, strict=True) if isinstance(rate, (int, float))}
        if numbers:
            run.log_metrics(numbers, step=step)
