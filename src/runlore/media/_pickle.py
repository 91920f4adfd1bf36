"""Pickle: written and read only where the user asked for it, in so many words."""

from __future__ import annotations

import pickle
from typing import Any

from runlore.errors import InvalidArgument, UnsafeLoad, WrongType
from runlore.media._content import Content, Spool, open_content


def dump(value: Any, out: Spool, what: str) -> None:
    """Pickle a value.

    Raises:
        WrongType: it cannot be pickled.
    """
    try:
        pickle.dump(value, out, protocol=5)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise WrongType(f"{what} of type {type(value).__name__} cannot be pickled: {error}") from error


def load(content: Content, what: str, *, allow_pickle: bool) -> Any:
    """Unpickle, if the caller allowed it. This runs whatever code the pickle brings.

    Raises:
        UnsafeLoad: it was not allowed.
        InvalidArgument: damaged.
    """
    if not allow_pickle:
        raise UnsafeLoad(
            f"{what} is a pickle: loading it runs code that it brings. Nothing was loaded. "
            "If you trust whoever logged it, pass allow_pickle=True"
        )
    with open_content(content) as file:
        try:
            return pickle.load(file)  # noqa: S301 - the caller asked for it by name
        except (pickle.UnpicklingError, EOFError) as error:
            raise InvalidArgument(f"{what} is not a readable pickle: {error}") from error
