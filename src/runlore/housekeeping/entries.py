"""Whatever is in a store and is neither a file nor a directory, or is the one where the other should be.

Every entry is looked at, by its kind alone. What is said of it here is that nobody reads it, or what is behind it.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from runlore.files import kind_of
from runlore.store.listing import is_text, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_UID = "[0-9a-f]{32}"
_FILES = re.compile(
    rf"runs/.*/{_UID}/((journal|damaged)/[^/]*\.(rlj|lock)|[^/]*\.parquet|seal\.lock)"
    r"|claims/[^/]+/[^/]+/about|cards/.*/card\.json|cards(/[^/]+){4}/journal/[^/]*\.(rlj|lock)"
    r"|blobs/[0-9a-f]{2}/[0-9a-f]{64}|catalog\.sqlite(-wal|-shm|-journal)?|[^/]*\.lock|\.gitignore"
).fullmatch
_DIRECTORIES = re.compile(
    rf"(runs|numbers|claims|cards|blobs|removed|trash|incoming)|runs/.*/{_UID}(/(journal|damaged|segments))?"
    rf"|runs/(?!.*/{_UID}/)[^.][^/]*(/[^.][^/]*)*|numbers/([^/]*/)*[^/0-9.][^/]*|claims/[^/]+(/[^./][^/]*)?"
    r"|cards(/[^.][^/]*){1,4}|cards(/[^/]+){4}/journal|blobs/[0-9a-f]{2}"
).fullmatch
_LEFT_ALONE = re.compile(r"(trash|removed|incoming)/.*").fullmatch
"""What is on its way in or out."""


def strange_entries(root: str) -> Iterator[tuple[str, str]]:
    """(path relative to the store, problem) of every entry that is not what it should be. `format` is left out."""
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(os.path.join(root, folder) if folder else root) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue  # removed meanwhile
        except OSError as error:
            yield folder or ".", unreadable(error)
            continue
        for entry in found:
            where = f"{folder}/{entry.name}" if folder else entry.name
            problem, is_folder = _look(entry, where)
            if problem:
                yield os.fsencode(where).decode("utf-8", "backslashreplace"), problem
            elif is_folder:
                pending.append(where)


def _look(entry: os.DirEntry[str], where: str) -> tuple[str, bool]:
    """What is wrong with an entry, and whether it is a directory to look into."""
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except FileNotFoundError:
        return "", False  # removed meanwhile
    if where == "format" or _LEFT_ALONE(where):
        return "", False
    if not is_text(entry.name):
        return "has a name that is no text", False
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        return f"is {kind_of(mode)}", False
    if stat.S_ISDIR(mode) and _FILES(where):
        return "is a directory where a file should be", False
    if stat.S_ISREG(mode) and _DIRECTORIES(where):
        return "is a file where a directory should be", False
    return "", stat.S_ISDIR(mode)
