"""Attributes of other libraries that are replaced for a while, and put back exactly as they were."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from runlore.failures import reason_of
from runlore.notices import say_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_INHERITED = object()


class Unharmed:
    """A block of ours within a training: an exception in it is said once, and never reaches the training.

    Args:
        what: what is not recorded then, in words.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        say_once(f"autolog: {self._what} is not recorded: {type(error).__name__}: {reason_of(error)}")
        return True


class Patches:
    """What one integration changed. `undo` takes all of it back, the last first."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def on_undo(self, action: Callable[[], object]) -> None:
        """Have something done when the integration is turned off."""
        self._undo.append(action)

    def wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """Have a function, or a method of a class, called through another.

        Args:
            owner: a module or a class.
            name: of the function. A class that inherits it gets one of its own for as long.
            around: called as `around(original, *args, **kwargs)`; a function of a module, as what it wraps may be
                pickled. When somebody else has wrapped ours since, it stays where it is, and only calls the original.
        """
        before = vars(owner).get(name, _INHERITED)
        original = getattr(owner, name)
        switch = [True]

        @functools.wraps(original)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            return around(original, *args, **kwargs) if switch[0] else original(*args, **kwargs)

        setattr(owner, name, recorded)
        self._undo.append(lambda: _put_back(owner, name, recorded, before, switch))

    def undo(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


def _put_back(owner: Any, name: str, ours: Any, before: Any, switch: list[bool]) -> None:
    switch[0] = False
    if vars(owner).get(name) is not ours:
        return
    if before is _INHERITED:
        delattr(owner, name)
    else:
        setattr(owner, name, before)


def with_callback(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], callback: Any, name: str = "callbacks"
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with one more callback; what the caller gave is not changed."""
    bound = inspect.signature(function).bind_partial(*args, **kwargs)
    given = bound.arguments.get(name)
    before = [] if given is None else list(given) if isinstance(given, (list, tuple, set)) else [given]
    bound.arguments[name] = [*before, callback]
    return bound.args, bound.kwargs


def argument(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    """What a call gives for one argument, or its default."""
    bound = inspect.signature(function).bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments.get(name)
