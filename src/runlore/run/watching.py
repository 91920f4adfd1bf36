"""`Run.watch`: histograms of a PyTorch model's gradients and weights, from hooks on its parameters.

PyTorch is not imported here: whoever has a module has it. Hooks run in the backward pass, on the thread of autograd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, RunEnded, WrongType
from runlore.failures import reason_of
from runlore.notices import say_once

if TYPE_CHECKING:
    from types import TracebackType

KINDS = {"gradients": (True, False), "parameters": (False, True), "all": (True, True)}


class Watch:
    """What is watched of one module, until it is closed or the run ends.

    Args:
        run: where the histograms go.
        parameters: those that are trained, by name.
        gradients, weights: of which of them.
        every: backward passes between two histograms.
        prefix: before the names.
        bins: of a histogram.
    """

    def __init__(
        self, run: Any, parameters: dict[str, Any], *, gradients: bool, weights: bool, every: int, prefix: str,
        bins: int,
    ) -> None:  # fmt: skip
        self._run = run
        self._gradients = gradients
        self._weights = weights
        self._every = every
        self._prefix = prefix
        self._bins = bins
        self._passes = dict.fromkeys(parameters, 0)
        self._handles = [
            parameter.register_post_accumulate_grad_hook(self._hook(name)) for name, parameter in parameters.items()
        ]

    def close(self) -> None:
        """Take the hooks off the module. A second call does nothing."""
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.remove()

    def __enter__(self) -> Watch:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        self.close()

    def _hook(self, name: str) -> Any:
        def backward(parameter: Any) -> None:
            step = self._passes[name]
            self._passes[name] = step + 1
            if step % self._every:
                return
            try:
                self._keep(name, parameter, step)
            except Exception as error:  # noqa: BLE001 - a training must not end because it is watched
                self.close()
                if not isinstance(error, RunEnded):
                    say_once(f"{name!r} is no longer watched: {type(error).__name__}: {reason_of(error)}")

        return backward

    def _keep(self, name: str, parameter: Any, step: int) -> None:
        for wanted, word, tensor in (
            (self._gradients, "gradients", parameter.grad), (self._weights, "parameters", parameter),
        ):  # fmt: skip
            if wanted and tensor is not None:
                values = tensor.detach().coalesce().values() if tensor.is_sparse else tensor.detach()
                self._run.log_histogram(
                    values.float().cpu().numpy(), f"{self._prefix}{word}/{name}", step=step, bins=self._bins
                )


def watch(run: Any, module: Any, *, log: str, every: int, prefix: str, bins: int) -> Watch:
    """See `Run.watch`."""
    if run.ended:
        raise RunEnded("watch() was called on a run that was finished; start or resume one")
    if not hasattr(module, "named_parameters"):
        raise WrongType(f"module={type(module).__name__} must be a torch.nn.Module")
    if log not in KINDS:
        raise InvalidArgument(f"log={log!r} must be one of {', '.join(KINDS)}")
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise InvalidArgument(f"every={every!r} must be a whole number of backward passes, 1 or more")
    parameters = {name: found for name, found in module.named_parameters() if found.requires_grad}
    if not parameters:
        raise InvalidArgument("module: none of its parameters is trained (requires_grad), so there is nothing to watch")
    gradients, weights = KINDS[log]
    return Watch(
        run, parameters, gradients=gradients, weights=weights, every=every, prefix=prefix, bins=bins
    )  # fmt: skip
