"""Text as a database and RE2 can hold it: without NUL, which PostgreSQL refuses, and without lone surrogates.

Each such character becomes one of a block of Unicode's private use that nobody draws, and characters of that block are
marked by a sign before them, so that every text comes back exactly. To a query each is one character, after all others.
"""

from __future__ import annotations

import re

_FIRST = 0x10F000
"""The block: 2,048 surrogates, NUL, and the sign."""
_NUL = chr(_FIRST + 0x800)
_SIGN = chr(_FIRST + 0x801)

_HARD = re.compile(f"[\0\ud800-\udfff{chr(_FIRST)}-{_SIGN}]")
_STORED = re.compile(f"{_SIGN}(.)|[{chr(_FIRST)}-{_NUL}]")


def to_stored(text: str) -> str:
    r"""The text as it stands in a database.

    Example:
        >>> to_stored("größe") == "größe", from_stored(to_stored("a\0b\ud800")) == "a\0b\ud800"
        (True, True)
    """
    if text.isascii() and "\0" not in text:
        return text
    return _HARD.sub(_store, text)


def from_stored(text: str) -> str:
    """What `to_stored` was given."""
    return text if text.isascii() else _STORED.sub(_restore, text)


def _store(found: re.Match[str]) -> str:
    character = found.group()
    if character == "\0":
        return _NUL
    code = ord(character)
    return chr(_FIRST + code - 0xD800) if code < 0xE000 else _SIGN + character


def _restore(found: re.Match[str]) -> str:
    if found.group(1):
        return found.group(1)
    return "\0" if found.group() == _NUL else chr(0xD800 + ord(found.group()) - _FIRST)
