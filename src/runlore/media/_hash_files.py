"""Content hashes of files and directories, streamed: memory does not grow with their size."""

from __future__ import annotations

import hashlib
import os
import stat

from runlore.errors import InvalidArgument

_CHUNK_BYTES = 1 << 20


def file_digest(path: str) -> tuple[bytes, int]:
    """SHA-256 of a file's bytes, as `sha256sum` prints it, and the size in bytes.

    Raises:
        InvalidArgument: neither a file nor a link to one (a device, a pipe).
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise InvalidArgument(
            f"path={path!r} is no regular file (a device, a pipe or a socket); its content has no end"
        )
    digest = hashlib.sha256()
    size_bytes = 0
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
    return digest.digest(), size_bytes


def directory_digest(path: str) -> tuple[bytes, int, int]:
    """SHA-256 over the sorted relative names and contents below a directory, the size in bytes and the number of files.

    Names use `/` on every system. Empty directories count. A link to a file counts as that file; a link to a directory
    is not followed (it could lead in a circle): its target's text counts. Times, owners and permissions do not count.

    Raises:
        InvalidArgument: something below is neither file, link nor directory.
        OSError: something cannot be read.
    """
    digest = hashlib.sha256(b"runlore-directory-1\0")
    total_bytes, files = 0, 0
    for name, kind in _entries(path):
        full = os.path.join(path, *name.split("/"))
        if kind == b"F":
            content, size_bytes = file_digest(full)
            total_bytes += size_bytes
            files += 1
        else:
            content = hashlib.sha256(os.fsencode(os.readlink(full)) if kind == b"L" else b"").digest()
        raw = os.fsencode(name)
        digest.update(kind + len(raw).to_bytes(8, "little") + raw + content)
    return digest.digest(), total_bytes, files


def _entries(path: str) -> list[tuple[str, bytes]]:
    """Relative name and kind (file, link to a directory, empty directory) of everything below, sorted by name."""
    found: list[tuple[str, bytes]] = []
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with os.scandir(os.path.join(path, prefix)) as entries:
            children = list(entries)
        if not children and prefix:
            found.append((prefix, b"E"))
        for entry in children:
            name = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            else:
                found.append((name, b"L" if entry.is_dir() or not os.path.exists(entry.path) else b"F"))
    return sorted(found, key=lambda item: os.fsencode(item[0]))
