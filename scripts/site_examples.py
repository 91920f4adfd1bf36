"""For the site of the documents: examples of docstrings become code.

The docstrings say `Example:` where there is one; what reads them for the site knows `Examples:` alone. `mkdocs.yml`
names this file as an extension.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^( *)Example:$", re.MULTILINE)


class ExamplesExtension(griffe.Extension):  # type: ignore[misc]  # griffe comes with the extra docs alone
    """Renames the section while the sources are read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Look at one object: a module, a class, a function or an attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(r"\1Examples:", obj.docstring.value)
