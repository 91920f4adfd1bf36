"""Names of the originals that dialects do not have: asking for one says what to use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import RunloreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class AbsentAttribute(RunloreError, AttributeError):
    """The original has this attribute, and the dialect has not."""


class AbsentName(RunloreError, ImportError):
    """The original's module has this name, and the dialect's has not."""


class UnsupportedArgument(RunloreError, TypeError):
    """The original's call has this argument, and the dialect's has not."""


def refuse(call: str, given: Mapping[str, Any], instead: Mapping[str, str]) -> None:
    """Raise `UnsupportedArgument` for the first argument that is given: it says what to use, where that is known.

    Args:
        call: what was called.
        given: arguments that the call has no use for, by name. None is the original's default, and says nothing.
        instead: what to use instead of those that the original has.

    Example:
        >>> refuse("load", {"path": "x"}, {"path": "use download()"})
        Traceback (most recent call last):
            ...
        runlore.dialects._absent.UnsupportedArgument: load(path=…) is not part of Runlore's dialect: use download()
    """
    for name, value in given.items():
        if name in instead and value is None:
            continue
        if name in instead:
            raise UnsupportedArgument(f"{call}({name}=…) is not part of Runlore's dialect: {instead[name]}")
        raise UnsupportedArgument(f"{call}() has no argument {name!r}")


class Absent:
    """Stands in a class for a method or attribute that the original has: it is not there, and says what to use.

    Example:
        >>> class Tracker:
        ...     report = Absent("use plot()")
        >>> Tracker().report
        Traceback (most recent call last):
            ...
        runlore.dialects._absent.AbsentAttribute: Tracker.report is not part of Runlore's dialect: use plot()
    """

    def __init__(self, instead: str) -> None:
        self._instead = instead
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = " or ".join(filter(None, (self._name, name)))

    def __get__(self, instance: object, owner: type) -> Any:
        raise AbsentAttribute(f"{owner.__name__}.{self._name} is not part of Runlore's dialect: {self._instead}")


def absent_names(
    module: str, names: Mapping[str, str], error: type[RunloreError] = AbsentName
) -> Callable[[str], Any]:  # fmt: skip
    """The `__getattr__` of a module that does not have these names of the original.

    Args:
        module: its name.
        names: what to use instead of each.
        error: what asking for one raises. `from … import …` shows the message of an `AbsentName` alone; an
            `AbsentAttribute` fits names that are asked of the module itself, as in `om.models`.
    """

    def find(name: str) -> Any:
        if name in names:
            raise error(f"{name} of {module!r} is not part of Runlore's dialect: {names[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find
