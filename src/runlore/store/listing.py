"""What lies below a directory of a store, found by listing it: what is there, whatever a catalog says.

Experiments, runs and cards are directories. What else is where one is expected (a file, a link, a FIFO, a name that is
no text) is a *stranger*: it is named, left out and left alone, and costs what lies beside it nothing. No link is ever
followed: it would lead out of the store, or round in circles.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from runlore.files import check_directory, directory_problem, is_directory, kind_of
from runlore.names import is_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_NS = (1 << 63) - 1
_CARD_LEVELS = 4
"""Kind, space, name, version."""


class Stranger(NamedTuple):
    """An entry of a store that is left out, because it is not what belongs there.

    Attributes:
        where: its path relative to the store; bytes that are no text are escaped.
        problem: what is wrong with it, in words that follow its name.
    """

    where: str
    problem: str


class Entries(NamedTuple):
    """What lies directly below a directory.

    Attributes:
        directories: name → when it was changed, in ns; 0 for a time that is none to remember.
        strangers: name, as it can be printed → what is wrong with it.
    """

    directories: dict[str, int]
    strangers: dict[str, str]


def list_entries(path: str) -> Entries:
    """The directories below a directory, and what is there and is none.

    Hidden files are nobody's: file managers and network mounts leave them.

    Args:
        path: the directory: see `change_time`.

    Raises:
        FileNotFoundError, NotADirectoryError: it was removed meanwhile.
        OSError: it cannot be read.
    """
    found = Entries({}, {})
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # removed meanwhile
            if not is_text(entry.name):
                found.strangers[_printable(entry.name)] = "has a name that is no text; rename it"
            elif stat.S_ISDIR(status.st_mode):
                found.directories[entry.name] = _time(status)
            elif not (entry.name.startswith(".") and stat.S_ISREG(status.st_mode)):
                found.strangers[entry.name] = f"is {kind_of(status.st_mode)} where a directory should be"
    return found


def change_time(path: str) -> int | None:
    """When a directory was changed, in ns, 0 for a time that is none to remember; None: there is no such directory.

    Raises:
        OSError: one above it cannot be read.
    """
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _time(status) if stat.S_ISDIR(status.st_mode) else None


class Survey(NamedTuple):
    """All runs of a store.

    Attributes:
        directories: those of the runs, experiment by experiment, the oldest run first.
        strangers: what may be in the way of others.
    """

    directories: list[str]
    strangers: list[Stranger]


def survey_runs(runs_root: str) -> Survey:
    """All that lies below the store's runs/ directory.

    Raises:
        DamagedFile: runs/ itself is no directory.
    """
    check_directory(runs_root)
    found = Survey([], [])
    for path, entries in _walk(runs_root, found.strangers):
        names = [name for name in entries.directories if is_uid(name)] if path else []
        found.directories.extend(os.path.join(runs_root, path, name) for name in sorted(names))
        found.strangers.extend(
            Stranger(_where("runs", path, name), problem) for name, problem in entries.strangers.items()
        )
    return found


def survey_cards(cards_root: str) -> Survey:
    """All that lies below the store's cards/ directory: versions are four levels below."""
    found = Survey([], [])
    problem = directory_problem(cards_root)
    if problem is not None:
        found.strangers.append(Stranger("cards", problem))
        return found
    level = [""]
    for _ in range(_CARD_LEVELS):
        below = []
        for path in level:
            entries = _entries_or_stranger(cards_root, "cards", path, found.strangers)
            if entries is not None:
                below += [f"{path}/{name}" if path else name for name in sorted(entries.directories)]
                found.strangers.extend(Stranger(_where("cards", path, n), p) for n, p in entries.strangers.items())
        level = below
    found.directories.extend(os.path.join(cards_root, path) for path in level)
    return found


def run_directories(runs_root: str) -> list[str]:
    """The directories of all runs below the store's runs/ directory, experiment by experiment, oldest run first."""
    return survey_runs(runs_root).directories


def find_directory(runs_root: str, uid: str, unread: list[str]) -> str | None:
    """The directory of the run with this uid, whatever its experiment; None: there is none. Runs are not listed.

    Args:
        runs_root: the store's runs/ directory.
        uid: of the run.
        unread: gets the directories that cannot be read: it may be in one of them.
    """
    pending = [runs_root]
    while pending:
        directory = pending.pop()
        candidate = os.path.join(directory, uid)
        if directory != runs_root and is_directory(candidate):
            return candidate
        try:
            with os.scandir(directory) as entries:
                pending += [e.path for e in entries if not is_uid(e.name) and e.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed meanwhile
        except OSError:
            unread.append(directory)
    return None


def _walk(runs_root: str, unread: list[Stranger]) -> Iterator[tuple[str, Entries]]:
    """(path below runs/, what is there) of every experiment's directory and of runs/ itself; adds those unread."""
    pending = [""]
    while pending:
        path = pending.pop()
        entries = _entries_or_stranger(runs_root, "runs", path, unread)
        if entries is None:
            continue
        yield path, entries
        folders = sorted(name for name in entries.directories if not (path and is_uid(name)))
        pending.extend(os.path.join(path, name) for name in reversed(folders))


def _entries_or_stranger(root: str, room: str, path: str, strangers: list[Stranger]) -> Entries | None:
    """What is there; None where it was removed meanwhile, or cannot be read, which is added to the strangers."""
    try:
        return list_entries(os.path.join(root, path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        strangers.append(Stranger(_where(room, path, ""), unreadable(error)))
        return None


def unreadable(error: OSError) -> str:
    """What is wrong with a directory that could not be listed."""
    return f"cannot be read: {error.strerror or error}"


def _where(room: str, path: str, name: str) -> str:
    return "/".join(part for part in (room, path, name) if part)


def _time(status: os.stat_result) -> int:
    return status.st_mtime_ns if -_MOST_NS <= status.st_mtime_ns <= _MOST_NS else 0


def is_text(name: str) -> bool:
    """Whether the name of a file is text, and no other bytes."""
    return name.isascii() or _printable(name) == name


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
