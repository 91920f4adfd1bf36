"""Regular expressions that take time linear in the text, by RE2: a pattern cannot be made to run forever.

RE2 has no look-around and no back-references; everything else is as in Python. See docs/adr for why not `re`.
"""

from __future__ import annotations

import functools
from typing import Any

from runlore.errors import InvalidArgument

MAX_PATTERN_LENGTH = 1_000
"""Characters of a regular expression, and of a pattern of `like` and `contains`."""

_MEMORY_BYTES = 2 << 20


@functools.lru_cache(maxsize=64)
def compile_pattern(pattern: str) -> Any:
    """The compiled pattern; its `search(text)` finds it anywhere in a text.

    Raises:
        InvalidArgument: not a regular expression in RE2's syntax, or too long or too large.

    Example:
        >>> compile_pattern("^resnet[0-9]+").search("resnet50") is not None
        True
        >>> compile_pattern("(a")
        Traceback (most recent call last):
        ...
        runlore.errors.InvalidArgument: '(a' is not a regular expression: missing ): (a
    """
    import re2

    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidArgument(f"a pattern of {len(pattern):,} characters; at most {MAX_PATTERN_LENGTH:,} are possible")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args else ""
        hint = " (look-around and back-references are not possible)" if "perl operator" in reason else ""
        raise InvalidArgument(f"{pattern!r} is not a regular expression: {reason}{hint}") from error


def quote(text: str) -> str:
    """The text as a pattern that matches it alone.

    Example:
        >>> compile_pattern("^" + quote("a.b*") + "$").search("a.b*") is not None
        True
    """
    return "".join(c if c.isalnum() or c == "_" or not c.isascii() else f"\\x{ord(c):02x}" for c in text)


def like_to_regex(pattern: str) -> str:
    """SQL's LIKE pattern, without regard to case, as a regular expression for a whole text."""
    parts = []
    for kind, text in like_parts(pattern):
        parts.append({"any": ".*", "one": "."}.get(kind) or quote(text))
    return f"(?is)^{''.join(parts)}$"


def like_parts(pattern: str) -> list[tuple[str, str]]:
    r"""A LIKE pattern in its parts: ("any", ""), ("one", "") or ("text", character). A last lone backslash is itself.

    Example:
        >>> like_parts("5\\%_%")
        [('text', '5'), ('text', '%'), ('one', ''), ('any', '')]
    """
    parts: list[tuple[str, str]] = []
    index = 0
    while index < len(pattern):
        character = pattern[index]
        if character == "\\" and index + 1 < len(pattern):
            index += 1
            parts.append(("text", pattern[index]))
        elif character in "%_":
            parts.append(("any", "") if character == "%" else ("one", ""))
        else:
            parts.append(("text", character))
        index += 1
    return parts
