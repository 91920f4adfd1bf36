"""TensorBoard's `SummaryWriter`, of PyTorch and of tensorboardX: its scalars go to the active run as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.integrations._patches import Unharmed, argument
from runlore.integrations._training import current_run, numbers

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runlore.integrations._patches import Patches


def install(library: ModuleType, patches: Patches) -> None:
    """Record every scalar that is written."""
    patches.wrap(library.SummaryWriter, "add_scalar", _add_scalar)
    patches.wrap(library.SummaryWriter, "add_scalars", _add_scalars)


def _add_scalar(add: Callable[..., Any], writer: Any, *args: Any, **kwargs: Any) -> Any:
    added = add(writer, *args, **kwargs)
    with Unharmed("a scalar of tensorboard"):
        given = (writer, *args)
        _record({argument(add, given, kwargs, "tag"): argument(add, given, kwargs, "scalar_value")}, add, given, kwargs)
    return added


def _add_scalars(add: Callable[..., Any], writer: Any, *args: Any, **kwargs: Any) -> Any:
    added = add(writer, *args, **kwargs)
    with Unharmed("scalars of tensorboard"):
        given = (writer, *args)
        main = argument(add, given, kwargs, "main_tag")
        named = argument(add, given, kwargs, "tag_scalar_dict")
        _record({f"{main}/{tag}": value for tag, value in named.items()}, add, given, kwargs)
    return added


def _record(values: dict[str, Any], add: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    run = current_run()
    found = numbers(values)
    if run is not None and found:
        step, time = (argument(add, args, kwargs, name) for name in ("global_step", "walltime"))
        run.log_metrics(found, step=step, time=time)
