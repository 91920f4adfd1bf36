"""Copying artifacts out of a store: which file a name becomes, so that none leaves the directory and none is lost.

A name may be longer than a file system allows, and one from a stranger's archive may be anything. A component of a name
is the name of a file as it is, wherever it can be one. Else:

- what may not stand in it (`/` at the start or end, `.` and `..`, control characters, bytes that are no text) becomes
  `%XX`, and what is longer than 255 bytes is cut;
- `~` and the first 16 digits of the SHA-256 of the component follow, before its ending: `aaaa…~0123456789abcdef.png`.
  A component that looks like that by itself is encoded as well, so that two names never become one file;
- a path longer than 1,024 bytes keeps its first components, and its last one, encoded with the digest of all of it;
- where one name is a file and another one wants a directory there, the file is encoded.

Names with a backslash or of a device of another system are names like any other on Linux.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import AlreadyExists, InvalidName, RunloreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runlore.reader.artifact import Artifact

MAX_FILE_NAME_BYTES = 255
MAX_PATH_BYTES = 1024

_MAX_ENDING_BYTES = 16
_ENCODED = re.compile(r"~[0-9a-f]{16}(\.[^.]*)?$").search
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/]|[\ud800-\udfff]")


def file_path(name: str) -> str:
    """The path below a directory to which the artifact of this name is copied, with `/` between its components.

    Example:
        >>> file_path("plots/loss curve.png"), file_path("../evil"), file_path("/etc/passwd")
        ('plots/loss curve.png', '%2E%2E~5ec1f7e700f37c3d/evil', '~e3b0c44298fc1c14/etc/passwd')
        >>> len(file_path("n" * 300 + ".png"))
        255
    """
    parts = [_component(part) for part in name.split("/")]
    if sum(_size(part) + 1 for part in parts) - 1 <= MAX_PATH_BYTES:
        return "/".join(parts)
    last = _encode(parts[-1], of=name)
    room = MAX_PATH_BYTES - _size(last)
    kept: list[str] = []
    for part in parts[:-1]:
        room -= _size(part) + 1
        if room < 0:
            break
        kept.append(part)
    return "/".join([*kept, last])


def file_paths(names: Iterable[str]) -> dict[str, str]:
    """As `file_path` for several names at once, none of which stands where another one needs a directory.

    Example:
        >>> file_paths(["a", "a/b"])
        {'a': 'a~022a6979e6dab7aa', 'a/b': 'a/b'}
    """
    found = {name: file_path(name) for name in names}
    directories = {path[:end] for path in found.values() for end in _slashes(path)}
    for name, path in found.items():
        if path in directories:
            head, slash, last = path.rpartition("/")
            found[name] = (
                f"{head}{slash}{_encode(last, of=chr(0) + name)}"  # a component may have the name's own digest
            )
    return found


def save(copy: Callable[[str], object], directory: str | os.PathLike[str], path: str, *, overwrite: bool) -> str:
    """Write a file below a directory, all of it or nothing.

    Args:
        copy: writes the contents into the file that it is given.
        directory: made where there is none.
        path: below it, as `file_path` gives it.
        overwrite: whether a file that is there is replaced.

    Returns:
        The absolute path of the file.

    Raises:
        AlreadyExists: something is there, and is a directory or not to be replaced.
        InvalidName: a link in the directory leads out of it.
    """
    root = os.path.realpath(os.fsencode(directory))
    target = os.path.join(root, *path.encode("utf-8").split(b"/"))  # whatever the locale would make of it
    named = os.fsdecode(target)
    if os.path.isdir(target):
        raise AlreadyExists(f"{named!r} is a directory; copy into another one")
    if os.path.lexists(target) and not overwrite:
        raise AlreadyExists(f"{named!r} exists; pass overwrite=True to replace it")
    parent = os.path.dirname(target)
    _make(root, os.path.relpath(parent, root))
    if os.path.realpath(parent) != parent:
        raise InvalidName(f"{named!r} would be elsewhere: a link in {os.fsdecode(root)!r} leads out of it")
    temporary = os.path.join(parent, b".%s.part" % os.urandom(8).hex().encode())  # short, as the name need not be
    try:
        copy(os.fsdecode(temporary))
        os.replace(temporary, target)
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    return named


class Saved(NamedTuple):
    """What became of several artifacts that were to be copied."""

    paths: dict[str, str]
    """The copies, by the names of the artifacts."""
    renamed: dict[str, str]
    """Where a copy could not have the artifact's name: the path below the directory that it has."""
    failed: dict[str, RunloreError | OSError]
    """Why an artifact could not be copied."""


def save_all(items: Iterable[Artifact], directory: str | os.PathLike[str], *, overwrite: bool) -> Saved:
    """Copy artifacts, each of another name, into a directory. One that cannot be copied costs no other."""
    by_name = {item.name: item for item in items}
    saved = Saved({}, {}, {})
    for name, path in file_paths(by_name).items():
        try:
            saved.paths[name] = by_name[name].save_as(directory, path, overwrite=overwrite)
        except (RunloreError, OSError) as error:
            saved.failed[name] = error
            continue
        if path != name:
            saved.renamed[name] = path
    return saved


def _make(root: bytes, below: bytes) -> None:
    """Make directories without recursion: names may have hundreds of components."""
    os.makedirs(root, exist_ok=True)
    path = root
    for part in [] if below == b"." else below.split(b"/"):
        path = os.path.join(path, part)
        try:
            os.mkdir(path)
        except FileExistsError:
            if not os.path.isdir(path):
                where = os.fsdecode(path)
                raise AlreadyExists(f"{where!r} is a file where a directory is needed; copy into another one") from None


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def _component(part: str) -> str:
    ordinary = part not in ("", ".", "..") and not _UNSAFE.search(part) and not _ENCODED(part)
    if ordinary and _size(part) <= MAX_FILE_NAME_BYTES:
        return part
    return _encode(part, of=part)


def _encode(part: str, of: str) -> str:
    """A component with the digest of a name in it, short enough for a file."""
    digest = hashlib.sha256(of.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    text = _UNSAFE.sub(_escape, part).replace("..", "%2E%2E") if part != "." else "%2E"
    stem, ending = os.path.splitext(text)
    if _size(ending) > _MAX_ENDING_BYTES:
        stem, ending = text, ""
    most = MAX_FILE_NAME_BYTES - _size(ending) - 1 - len(digest)
    cut = stem.encode("utf-8")[:most].decode("utf-8", "ignore")
    return f"{cut}~{digest}{ending}"


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found.group().encode("utf-8", "surrogatepass"))


def _slashes(path: str) -> Iterable[int]:
    return (index for index, character in enumerate(path) if character == "/")
