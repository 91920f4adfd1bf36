"""What a program says once of all cards that it makes, as v1 has it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

ENVIRONMENT = "OPSML_RUNTIME_"
"""Variables with it before their names say the same."""


@dataclass
class CardInfo:
    """What cards are called that are made later (v1).

    Example:
        >>> CardInfo(name="linear-reg", repository="opsml", contact="user@email.com").name
        'linear-reg'
    """

    name: str | None = None
    repository: str | None = None
    contact: str | None = None
    uid: str | None = None
    version: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def set_env(self) -> CardInfo:
        """Make it the default of this process and its children: `OPSML_RUNTIME_NAME`, `_REPOSITORY`, `_CONTACT`."""
        for part in ("name", "repository", "contact"):
            value = getattr(self, part)
            if value is not None:
                os.environ[ENVIRONMENT + part.upper()] = str(value)
        return self
