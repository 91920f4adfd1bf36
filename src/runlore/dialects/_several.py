"""Doing something with many artifacts of which some may be gone, or not loadable: one does not hide the others."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, TypeVar

from runlore.errors import RunloreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")


def do_each(action: Callable[[T], R], items: Iterable[T], done: str, *, depth: int) -> list[R]:
    """What the action gives for each item. A `RuntimeWarning` says which ones it failed for, and why.

    Args:
        action: what to do with one.
        items: which.
        done: what was done, for the warning: `copied`.
        depth: how many calls up the user's code is, for the warning.

    Raises:
        RunloreError: it failed for all of them; the first error.
    """
    results, problems = [], []
    for item in items:
        try:
            results.append(action(item))
        except RunloreError as error:  # noqa: PERF203 - one must not keep the others from being done
            problems.append(error)
    text = "; ".join(map(str, problems))
    if problems and not results:
        problems[0].args = (f"nothing was {done}: {text}",)
        raise problems[0]
    if problems:
        total = len(results) + len(problems)
        warnings.warn(f"{len(results)} of {total} artifacts were {done}: {text}", RuntimeWarning, stacklevel=depth + 1)
    return results
