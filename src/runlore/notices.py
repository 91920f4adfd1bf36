"""Saying something on stderr, once: what people should know who look at a store, and what no answer has room for."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

_said: set[str] = set()


def say_once(message: str) -> None:
    """Print `runlore: message` on stderr, unless this process said so before.

    Args:
        message: one line; bytes of file names that are no text are escaped.
    """
    if message in _said:
        return
    _said.add(message)
    text = os.fsencode(message).decode("utf-8", "backslashreplace")
    with suppress(OSError, ValueError, AttributeError):  # stderr is closed, or there is none: nobody is there to tell
        sys.stderr.write(f"runlore: {' '.join(text.splitlines())}\n")
        sys.stderr.flush()
