"""Passwords, by Argon2id with the library's parameters, which follow RFC 9106."""

from __future__ import annotations

from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def is_right(kept: str | None, password: str) -> bool:
    """Whether it is the password. Where nothing is kept it takes as long, so that no name can be found out by time."""
    try:
        _HASHER.verify(kept or _nobody(), password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@lru_cache(maxsize=1)
def _nobody() -> str:
    return hashed("nobody's")
