"""What a card.json says, checked: whoever reads one did not write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.versions import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
_MOST_INT = (1 << 63) - 1
_REQUIRED = ("uid", "kind", "space", "name", "version")
_OPTIONAL: dict[str, type] = {
    "metadata": dict, "tags": dict, "inputs": list, "artifacts": list, "run": str, "run_role": str, "user": str,
    "host": str, "description": str,
}  # fmt: skip
"""Fields that may be absent or null, and what they are else."""
_OF_ARTIFACTS: dict[str, type] = {"digest": str, "media_type": str, "kind": str, "metadata": dict}


def check_about(about: Any) -> None:
    """Raise `ValueError`, `KeyError` or `TypeError` where something is no content of a card.json."""
    if not isinstance(about, dict):
        raise TypeError(f"it is a {type(about).__name__}, and no object")
    for field in _REQUIRED:
        if not isinstance(about[field], str):
            raise TypeError(f"{field} is {about[field]!r}")
    Version.parse(about["version"])
    if not isinstance(about["format"], int) or about["format"] > FORMAT:
        raise ValueError(f"format {about['format']!r} is not known to this Runlore; upgrade it")
    if not isinstance(about["created_ns"], int) or abs(about["created_ns"]) > _MOST_INT:
        raise TypeError(f"created_ns is {about['created_ns']!r}")
    _check_kinds(about, _OPTIONAL, "it")
    for item in about.get("inputs") or ():
        if not isinstance(item["uid"], str):
            raise TypeError(f"an input has the uid {item['uid']!r}")
    for item in about.get("artifacts") or ():
        _check_artifact(item)


def _check_kinds(values: Mapping[str, Any], kinds: Mapping[str, type], of: str) -> None:
    for field, kind in kinds.items():
        if values.get(field) is not None and not isinstance(values[field], kind):
            raise TypeError(f"{field} of {of} is {values[field]!r}")


def _check_artifact(item: Any) -> None:
    if not isinstance(item["name"], str):
        raise TypeError(f"an artifact is named {item['name']!r}")
    _check_kinds(item, _OF_ARTIFACTS, f"the artifact {item['name']!r}")
    size = item.get("size")
    if size is not None and (not isinstance(size, int) or not 0 <= size <= _MOST_INT):
        raise TypeError(f"size of the artifact {item['name']!r} is {size!r}")
