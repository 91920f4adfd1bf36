"""Names that only one run of a store may have, claimed like run numbers: who comes first has it.

    claims/<namespace>/<encoded name>/about      JSON: what was said with the claim, for a run its uid

A claim is a directory that is made elsewhere and renamed into place, which fails where one is: so of processes that
claim at once exactly one succeeds, and a claim that is there is whole, on every file system. What a run is called
stands in its journal too; losing a claim loses the uniqueness of the name, and nothing that was recorded.
"""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

from runlore.model import new_uid
from runlore.names import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)
_ABOUT = "about"


def claim(root: str, namespace: str, name: str, about: Mapping[str, Any]) -> bool:
    """Claim a name. Returns whether it was free; if not, nothing was changed.

    Args:
        root: the store's directory.
        namespace: names of different namespaces do not meet.
        name: any text.
        about: what to remember of it, anything that can be JSON.

    Example:
        >>> claim(".", "model", "résumé", {"uid": "0" * 32}), claim(".", "model", "résumé", {})
        (True, False)
        >>> claimed(".", "model", "résumé")["uid"][:4]
        '0000'
    """
    folder = _folder(root, namespace)
    temporary = os.path.join(folder, f".{new_uid()}")
    os.makedirs(temporary)
    path = os.path.join(temporary, _ABOUT)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**about, "name": name}, file)
    try:
        os.rename(temporary, os.path.join(folder, encode(name)))
    except OSError as error:
        _remove(temporary)
        if error.errno in _TAKEN:
            return False
        raise
    return True


def claimed(root: str, namespace: str, name: str) -> dict[str, Any] | None:
    """What was said when the name was claimed, or None where it is free."""
    return _read(os.path.join(_folder(root, namespace), encode(name)))


def claims(root: str, namespace: str) -> list[dict[str, Any]]:
    """All claims of a namespace, each with its `name`, sorted by it."""
    folder = _folder(root, namespace)
    if not os.path.isdir(folder):
        return []
    found = [_read(os.path.join(folder, entry)) for entry in os.listdir(folder) if not entry.startswith(".")]
    return sorted((about for about in found if about is not None), key=lambda about: str(about["name"]))


def release(root: str, namespace: str, name: str, about: Mapping[str, Any]) -> bool:
    """Give a name back, if it is still claimed with exactly this. Returns whether it was."""
    folder = _folder(root, namespace)
    place = os.path.join(folder, encode(name))
    aside = os.path.join(folder, f".{new_uid()}")
    if _read(place) != {**about, "name": name}:
        return False
    try:
        os.rename(place, aside)
    except FileNotFoundError:
        return False
    _remove(aside)
    return True


def _folder(root: str, namespace: str) -> str:
    return os.path.join(root, "claims", encode(namespace))


def _read(place: str) -> dict[str, Any] | None:
    try:
        with open(os.path.join(place, _ABOUT), encoding="utf-8") as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return None


def _remove(directory: str) -> None:
    os.unlink(os.path.join(directory, _ABOUT))
    os.rmdir(directory)
