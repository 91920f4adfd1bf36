"""The file `format` of a store: which version its layout has.

A store that lost it, or has something else in its place, is read all the same: whatever a store holds says of itself
what it is. Only one of a newer version is refused.
"""

from __future__ import annotations

import os

from runlore.errors import DamagedFile, UnsupportedFormat
from runlore.files import problem_of, read_bytes
from runlore.model import new_uid

FORMAT = "1"
_CONTENT = f"{FORMAT}\n"
_MOST_BYTES = 64


def is_current(root: str) -> bool:
    """Whether a store of this version's layout is there. Opens one file, and says nothing of what is wrong."""
    try:
        return read_bytes(f"{root}/format", _MOST_BYTES) == _CONTENT.encode("ascii")
    except (OSError, DamagedFile):
        return False


def check(root: str) -> None:
    """Refuse a store that a newer version of Runlore made; say on stderr where it cannot be told.

    Raises:
        UnsupportedFormat: its layout is a newer one.
    """
    wrong = problem(root)
    if wrong is not None:
        from runlore.notices import say_once

        say_once(
            f"the file 'format' of the store {root!r} {wrong}; the store is taken for one of version {FORMAT}. "
            "`runlore doctor --repair` writes it anew"
        )


def problem(root: str) -> str | None:
    """What is wrong with the file, in words that follow its name; None: nothing.

    Raises:
        UnsupportedFormat: the layout is a newer one.
    """
    path = os.path.join(root, "format")
    try:
        content = read_bytes(path, _MOST_BYTES)
    except FileNotFoundError:
        return "is missing"
    except DamagedFile as error:
        return problem_of(error, path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    version = content.decode("ascii", "replace").strip()
    if version == FORMAT:
        return None
    if not (version.isascii() and version.isdigit()) or int(version) < int(FORMAT):
        return f"holds {version!r}, which is no version" if version else "is empty"
    raise UnsupportedFormat(
        f"the store {root!r} has layout version {version}; this Runlore knows {FORMAT}. "
        "Nothing was changed. Upgrade Runlore to open it"
    )


def write(root: str) -> None:
    """Write the file, unless something is in its place. Harmless if another process does the same."""
    write_once(os.path.join(root, "format"), _CONTENT)


def repair(root: str) -> None:
    """Write the file anew. What is in its place is moved aside.

    Raises:
        OSError: the store cannot be written to.
    """
    path = os.path.join(root, "format")
    if os.path.lexists(path):
        os.rename(path, f"{path}.damaged-{new_uid()}")
    write(root)


def write_once(path: str, text: str) -> None:
    """Write a small file, all of it at once, unless something is in its place."""
    if os.path.lexists(path):
        return
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="ascii") as file:
        file.write(text)
    os.replace(temporary, path)
