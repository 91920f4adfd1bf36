"""Which library a value is of, told without importing any."""

from __future__ import annotations


def library_of(value: object) -> str:
    """Name of the top-level package that defines the value's type: tells a tensor without importing torch."""
    return type(value).__module__.partition(".")[0]


def is_tensor(value: object) -> bool:
    """Whether this is a torch tensor. Imports nothing."""
    return library_of(value) == "torch" and hasattr(value, "detach") and hasattr(value, "stride")
