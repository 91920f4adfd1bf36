"""Files below a folder of a source. Links are not followed: they may lead anywhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FILES = 1_000_000
"""Files below one folder that are looked at."""


def files_below(folder: str) -> Iterator[tuple[str, str]]:
    """(relative name with `/`, path) of every regular file, sorted within each folder; none where there is no folder.

    Raises:
        DamagedFile: a folder below cannot be read, or there are more files than `MOST_FILES`.
    """
    waiting, found = [("", folder)], 0
    while waiting:
        prefix, directory = waiting.pop()
        try:
            with os.scandir(directory) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DamagedFile(f"{directory!r} cannot be read: {error.strerror}") from error
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                found += 1
                if found > MOST_FILES:
                    raise DamagedFile(f"{folder!r} has more than {MOST_FILES:,} files; import parts of it")
                yield prefix + entry.name, entry.path
        waiting += [
            (f"{prefix}{entry.name}/", entry.path) for entry in reversed(entries) if entry.is_dir(follow_symlinks=False)
        ]


def folders_in(folder: str) -> list[tuple[str, str]]:
    """(name, path) of the folders in a folder, sorted.

    Raises:
        DamagedFile: it cannot be read.
    """
    try:
        with os.scandir(folder) as listed:
            return sorted((entry.name, entry.path) for entry in listed if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        raise DamagedFile(f"{folder!r} cannot be read: {error.strerror}") from error
