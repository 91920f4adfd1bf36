"""TOML: from the standard library, or from tomli where Python is older than 3.11."""

from __future__ import annotations

import sys
from typing import Any


def read(path: str) -> dict[str, Any]:
    """The contents of a TOML file.

    Raises:
        ValueError: it is none.
    """
    if sys.version_info >= (3, 11):
        import tomllib as reader
    else:
        import tomli as reader
    with open(path, "rb") as file:
        return reader.load(file)
