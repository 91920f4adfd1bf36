"""What Aim keeps under a key and as a value: paths of names and numbers, and simple values by a byte for their kind.

Of objects (images, texts) there is a name and their parts, each under a path of its own. Nothing is made of them here
that could do anything.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

Path: TypeAlias = "tuple[str | int, ...]"

_SENTINEL = 0xFE
_MOST_SECONDS = 1 << 33
"""What nanoseconds in 64 bits hold."""
_INT, _FLOAT = struct.Struct("<q"), struct.Struct("<d")


class Kind:
    """A value that stands for what is below its path: `list`, `dict`, or the name of one of Aim's objects."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def read_path(key: bytes) -> Path:
    r"""The parts of a path.

    Raises:
        DamagedFile: it is none.

    Example:
        >>> read_path(b"seqs" + b"\xfe" + b"\xfe" + (3).to_bytes(8, "big") + b"\xfe")
        ('seqs', 3)
    """
    parts: list[str | int] = []
    at = 0
    while at < len(key):
        if key[at] == _SENTINEL:
            end = at + 9
            parts.append(int.from_bytes(key[at + 1 : end], "big", signed=True))
        else:
            end = key.find(_SENTINEL, at)
            parts.append(key[at:end].decode("utf-8", "replace"))
        if end < 0 or end >= len(key) or key[end] != _SENTINEL:
            raise DamagedFile(f"a key that is no path: {key[:60]!r}")
        at = end + 1
    return tuple(parts)


_READERS: dict[int, Callable[[bytes], Any]] = {
    0: lambda _: None,
    1: lambda content: content[0] != 0,
    2: lambda content: _INT.unpack(content)[0],
    3: lambda content: _FLOAT.unpack(content)[0],
    4: lambda content: content.decode("utf-8", "replace"),
    5: lambda content: content,
    6: lambda _: Kind("list"),
    7: lambda _: Kind("dict"),
    15: lambda content: Kind(content.decode("utf-8", "replace")),
}
"""By the byte before a value."""


def read_value(data: bytes) -> Any:
    r"""A value: None, bool, int, float, text, bytes, or a `Kind`. Nothing at all is empty bytes: a blob elsewhere.

    Raises:
        DamagedFile: it is none.

    Example:
        >>> read_value(b"\x02" + (7).to_bytes(8, "little")), read_value(b"\x04text"), read_value(b"\x06").name
        (7, 'text', 'list')
    """
    if not data:
        return b""
    reader = _READERS.get(data[0])
    if reader is None:
        raise DamagedFile(f"a value of the kind {data[0]}, which Aim does not have")
    try:
        return reader(data[1:])
    except (struct.error, IndexError) as error:
        raise DamagedFile(f"a value of the kind {data[0]} is not there as a whole") from error


def ns_of(seconds: Any) -> int:
    """Seconds since 1970 in ns; 0 where it is no time.

    Example:
        >>> ns_of(1.5), ns_of(float("nan")), ns_of("soon")
        (1500000000, 0, 0)
    """
    is_time = isinstance(seconds, (int, float)) and 0 < seconds < _MOST_SECONDS
    return int(seconds * 1e9) if is_time else 0


def nested(found: dict[Path, Any]) -> Any:
    """Values under their paths as objects and lists of JSON.

    Example:
        >>> nested({(): Kind("dict"), ("a",): Kind("list"), ("a", 0): 1, ("a", 1): 2, ("b", "c"): "x"})
        {'a': [1, 2], 'b': {'c': 'x'}}
    """
    root: dict[str | int, Any] = {}
    lists: set[Path] = {path for path, value in found.items() if isinstance(value, Kind) and value.name == "list"}
    parents = {path[:length] for path in found for length in range(len(path))}
    for path, value in found.items():
        if isinstance(value, Kind) and path in parents:
            continue
        node = root
        for part in path[:-1]:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                child = node[part] = {}
            node = child
        if path:
            node[path[-1]] = _plain(value)
    return _listed(root, (), lists)


def _plain(value: Any) -> Any:
    if isinstance(value, Kind):
        return [] if value.name == "list" else {}
    return f"<{len(value):,} bytes>" if isinstance(value, bytes) else value


def _listed(node: Any, path: Path, lists: set[Path]) -> Any:
    if not isinstance(node, dict):
        return node
    inside = {part: _listed(child, (*path, part), lists) for part, child in node.items()}
    if path not in lists:
        return inside
    return [inside[part] for part in sorted(inside, key=lambda part: (isinstance(part, str), part))]
