"""Names as OpsML cleans them, names of two words, and defaults from pyproject.toml."""

from __future__ import annotations

import os
import re
import secrets
from typing import Any

from runlore.dialects.opsml._errors import OpsmlError
from runlore.dialects.opsml._words import ADJECTIVES, NOUNS
from runlore.errors import InvalidName, WrongType

MAX_NAME_LENGTH = 53
_DROPPED = str.maketrans(dict.fromkeys("!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~") | {"_": "-"})
_SPACE = re.compile(r"[a-z0-9][-a-z0-9]*", re.ASCII).fullmatch
_NAME = re.compile(r"[-a-z0-9]+", re.ASCII).fullmatch


def clean(text: object, argument: str) -> str:
    """Trimmed, in lower case, without punctuation, `_` as `-`.

    Raises:
        WrongType: it is no text.
    """
    if not isinstance(text, str):
        raise WrongType(f"{argument}={text!r} must be text, not {type(text).__name__}")
    return text.strip().lower().translate(_DROPPED)


def clean_names(space: object, name: object) -> tuple[str, str]:
    """Space and name of a v2 card.

    Raises:
        InvalidName: nothing is left of one, it has blanks or foreign letters inside, or the name is too long.
    """
    found = (clean(space, "space"), clean(name, "name"))
    for argument, given, text, matches in zip(("space", "name"), (space, name), found, (_SPACE, _NAME), strict=True):
        if not matches(text):
            raise InvalidName(
                f"{argument}={given!r} becomes {text!r}; letters a-z, digits and hyphens are possible, and no blanks"
            )
    if len(found[1]) > MAX_NAME_LENGTH:
        raise InvalidName(f"name={name!r} has {len(found[1])} characters; at most {MAX_NAME_LENGTH} are possible")
    return found


def two_words() -> str:
    """A random name such as `calm-otter`."""
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}"


def default(field: str, registry: str) -> str | None:
    """What the nearest pyproject.toml says: `[tool.opsml.registry.<registry>]`, then `[tool.opsml.default]`.

    Raises:
        OpsmlError: the file is no TOML.
    """
    tool = _pyproject().get("tool", {}).get("opsml", {})
    for table in (tool.get("registry", {}).get(registry, {}), tool.get("registry", {}), tool.get("default", {})):
        value = table.get(field) if isinstance(table, dict) else None
        if isinstance(value, str):
            return value
    return None


def _pyproject() -> dict[str, Any]:
    from runlore.dialects.opsml import _toml

    directory = os.getcwd()
    while True:
        path = os.path.join(directory, "pyproject.toml")
        if os.path.isfile(path):
            try:
                return _toml.read(path)
            except ValueError as error:
                raise OpsmlError(f"{path!r} cannot be read as TOML: {error}") from error
        parent = os.path.dirname(directory)
        if parent == directory:
            return {}
        directory = parent
