"""Model files: uncompressed tars, written whole or not at all.

A member is added by writing a copy of the file beside it and renaming that into its place: whoever reads the file, and
whatever interrupts the writing, sees the old one or the new one. Writers of one file wait for each other.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import tarfile
from contextlib import contextmanager
from time import time
from typing import TYPE_CHECKING

from runlore.errors import ArtifactNotFound, DamagedFile
from runlore.model import new_uid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def write_archive(path: str, members: Mapping[str, bytes | str]) -> None:
    """Make an archive, in place of what may be there.

    Args:
        path: where.
        members: names to contents, or to the paths of files that hold them.
    """
    with _beside(path) as temporary, tarfile.open(temporary, "w") as archive:
        _add(archive, members)


def append(path: str, members: Mapping[str, bytes | str]) -> None:
    """Add members to an archive; those that it has stay as they are, byte by byte.

    Raises:
        ArtifactNotFound: there is no such file.
        DamagedFile: it is no tar. It was not changed.
    """
    real = os.path.realpath(path)
    with _alone(real), _beside(real) as temporary:
        shutil.copyfile(real, temporary)
        shutil.copymode(real, temporary)
        try:
            with tarfile.open(temporary, "a:") as archive:
                _add(archive, members)
        except tarfile.TarError as error:
            raise DamagedFile(f"the model file {path!r} is no uncompressed tar: {error}. It was not changed") from error


def _add(archive: tarfile.TarFile, members: Mapping[str, bytes | str]) -> None:
    for name, content in members.items():
        about = tarfile.TarInfo(name)
        about.mtime = int(time())
        if isinstance(content, bytes):
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
        else:
            with open(content, "rb") as file:
                about.size = os.fstat(file.fileno()).st_size
                archive.addfile(about, file)


@contextmanager
def _beside(path: str) -> Iterator[str]:
    """The path of a file that takes the place of `path` when the block ends well, and is gone otherwise."""
    folder, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(folder, f".{name[:100]}.{new_uid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Hold the file as its only writer. Where another one replaced it meanwhile, the new file is what is held."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise ArtifactNotFound(f"there is no model file at {path!r}; save the model first") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                yield
                return
        finally:
            os.close(descriptor)
