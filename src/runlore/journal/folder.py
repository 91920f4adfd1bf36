"""The journals in a directory: how their files are named, which there are, and copying one that may be growing."""

from __future__ import annotations

import os

from runlore.errors import DamagedFile
from runlore.files import irregularity, is_directory
from runlore.journal.format import JOURNAL, SUFFIX

__all__ = ["JOURNAL", "is_journal", "journal_path", "journals_in", "writer_of"]


def journals_in(folder: str) -> list[tuple[str, str]]:
    """(writer, path) of each journal in a directory, in the order of their writers; none where there is no directory.

    What is named like one is one: that it cannot be read is for who reads it to say.

    Raises:
        DamagedFile: something else than a directory is there. A link to one is none.
        OSError: it cannot be listed.
    """
    if not is_directory(folder):
        problem = irregularity(folder, "a directory")
        if problem:
            raise DamagedFile(
                f"{folder!r} {problem}. It was left alone; put the directory back from a copy of the store"
            )
        return []
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []  # removed meanwhile
    writers = sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return [(writer, journal_path(folder, writer)) for writer in writers]


def journal_path(folder: str, writer: str) -> str:
    """Where a writer's journal is."""
    return os.path.join(folder, writer + SUFFIX)


def writer_of(path: str) -> str:
    """Whose journal a file is, by its name."""
    return os.path.basename(path).removesuffix(SUFFIX)


def is_journal(name: str) -> bool:
    """Whether a file of this name is a journal."""
    return name.endswith(SUFFIX)
