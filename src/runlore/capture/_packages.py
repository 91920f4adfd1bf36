"""The installed distributions, found as quickly as `pip freeze` should be: one directory listing per import path entry.

`importlib.metadata` would import 109 modules for this. The version stands in the name of a `.dist-info` directory, the
true spelling of the name in the first lines of its METADATA.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from runlore.capture._files import Remembered, is_shortage

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD_BYTES = 512

_known: Remembered[list[str]] = Remembered()


def installed_packages(search_path: Iterable[str] | None = None) -> list[str]:
    """`Name==version` of every installed distribution, sorted without regard to case; the first on the path wins.

    Args:
        search_path: where to look; None: `sys.path`.

    Example:
        >>> all("==" in package for package in installed_packages())
        True
    """
    directories = tuple(path or os.curdir for path in (sys.path if search_path is None else search_path))
    return list(_known.get(directories, directories, lambda: _list(dict.fromkeys(directories))))


def _list(directories: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for directory in directories:
        try:
            names = os.listdir(directory)
        except OSError as error:
            if is_shortage(error):
                raise
            continue  # a zip file, or an entry that does not exist: both are usual on sys.path
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                package = _describe(os.path.join(directory, name), name)
                if package:
                    found.setdefault(re.sub(r"[-_.]+", "-", package[0]).lower(), "==".join(package))
    return sorted(found.values(), key=str.lower)


def _describe(path: str, name: str) -> tuple[str, str] | None:
    stem, _, _ = name.rpartition(".")
    headers = {}
    for file in ("METADATA", "PKG-INFO", ""):
        try:
            with open(os.path.join(path, file) if file else path, "rb") as metadata:
                head = metadata.read(_HEAD_BYTES).decode("utf-8", "replace")
        except OSError as error:
            if is_shortage(error):
                raise
            continue  # the other spelling, or no metadata at all: then the directory's name has to do
        headers = dict(re.findall(r"(?m)^(Name|Version): *(\S+)", head))
        break
    parts = stem.split("-")
    package = headers.get("Name") or parts[0]
    version = headers.get("Version") or (parts[1] if len(parts) > 1 else "")
    return (package, version) if package and version and not package.startswith("~") else None
