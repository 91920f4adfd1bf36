"""Errors of the dialect. v2 raises `RuntimeError` for all but wrong types; v1 raises `ValueError`s of its own."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from runlore.errors import InvalidArgument, RunloreError, WrongType

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec

    P = ParamSpec("P")
R = TypeVar("R")


class OpsmlError(RunloreError, RuntimeError):
    """What Runlore refused, as the error that users of OpsML v2 expect."""


class ValidationError(InvalidArgument):
    """A card, a project or a data split was described by values that cannot be."""


class NotANumber(WrongType, ValidationError):
    """The value of a metric is no number: a `TypeError`, and a `ValueError` as in v1."""


class VersionError(InvalidArgument):
    """A version is taken, or cannot follow those that are there."""


class ActiveRunException(RunloreError, RuntimeError):
    """The project has a run that has not ended."""


def runtime_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Raise Runlore's errors as `OpsmlError`, with the original as their cause; `TypeError`s stay what they are."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except RunloreError as error:
            if isinstance(error, (RuntimeError, TypeError)):
                raise
            raise OpsmlError(str(error)) from error

    return wrapped
