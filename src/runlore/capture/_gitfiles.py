"""What a repository's own files tell without git: its root, commit, branch and remote, in less than a millisecond.

This is what a run that is killed at once still knows. Everything read here may be hostile, so a name is followed only
if it is a plain reference name, and a value counts only if it is an object name.
"""

from __future__ import annotations

import os
import re
import stat
from functools import lru_cache

from runlore.capture._files import Remembered, is_shortage

_OBJECT_NAME = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?").fullmatch
_REFERENCE = re.compile(r"refs/(?!.*\.\.)[^\x00-\x20~^:?*\[\\\x7f]+").fullmatch
_MAX_FILE_BYTES = 16 * 1024 * 1024
_PAGE_BYTES = 4096
_MAX_SYMBOLIC_DEPTH = 5

_config: Remembered[str] = Remembered()


class Repository:
    """A working tree and its git directory.

    Attributes:
        root: the working tree's top directory, absolute.
        git_directory: of this working tree (of a linked one too).
        common_directory: shared by all working trees of the repository: its branches and its configuration.
        config: the text of the repository's own configuration.
    """

    __slots__ = ("common_directory", "config", "git_directory", "root")

    def __init__(self, root: str, git_directory: str) -> None:
        self.root = root
        self.git_directory = git_directory
        common = _read(os.path.join(git_directory, "commondir"))
        self.common_directory = (
            os.path.normpath(os.path.join(git_directory, common.strip())) if common else git_directory
        )
        paths = (os.path.join(self.common_directory, "config"), os.path.join(git_directory, "config.worktree"))
        self.config = _config.get(paths, paths, lambda: "".join(_read(path) or "" for path in paths))

    def head(self) -> tuple[str | None, str | None]:
        """The commit and the branch that are checked out; None for no commit yet, and for a detached head."""
        text = (_read(os.path.join(self.git_directory, "HEAD")) or "").strip()
        if _OBJECT_NAME(text):
            return text, None
        reference = text.removeprefix("ref:").strip()
        branch = reference.removeprefix("refs/heads/") if _REFERENCE(reference) else None
        return self._resolve(reference), None if branch == ".invalid" else branch

    def remote(self, branch: str | None) -> str | None:
        """The address that the branch follows, else `origin`'s, else the first; as written, with credentials."""
        return _remote(self.config, branch)

    def _resolve(self, reference: str) -> str | None:
        for _ in range(_MAX_SYMBOLIC_DEPTH):
            if not _REFERENCE(reference):
                return None
            for directory in (self.git_directory, self.common_directory):
                text = (_read(os.path.join(directory, reference)) or "").strip()
                if text:
                    break
            else:
                return self._packed(reference)
            if _OBJECT_NAME(text):
                return text
            reference = text.removeprefix("ref:").strip()
        return None

    def _packed(self, reference: str) -> str | None:
        ending = f" {reference}"
        for line in (_read(os.path.join(self.common_directory, "packed-refs")) or "").splitlines():
            if line.endswith(ending):
                name = line.partition(" ")[0]
                return name if _OBJECT_NAME(name) else None
        return None


@lru_cache(4)
def _remote(config: str, branch: str | None) -> str | None:
    urls: dict[str, str] = {}
    followed = None
    section = ""
    for line in config.splitlines():
        text = line.strip()
        if text.startswith("["):
            section = text.partition("]")[0][1:]
        name, equals, value = text.partition("=")
        if not equals:
            continue
        if section.startswith('remote "') and name.strip().lower() == "url":
            urls.setdefault(section[8:-1], value.strip().strip('"'))
        elif branch is not None and section == f'branch "{branch}"' and name.strip().lower() == "remote":
            followed = value.strip()
    if followed in urls:
        return urls[followed]
    return urls.get("origin") or (next(iter(urls.values())) if urls else None)


def find(directory: str) -> Repository | None:
    """The repository whose working tree holds the directory, or None."""
    here = os.path.abspath(directory)
    while (found := open_repository(here)) is None:
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent
    return found


def open_repository(root: str) -> Repository | None:
    """The repository whose working tree begins at this directory, or None."""
    candidate = os.path.join(root, ".git")
    if os.path.exists(os.path.join(candidate, "HEAD")):
        return Repository(root, candidate)
    link = _read(candidate)
    if link and link.startswith("gitdir:"):
        target = os.path.normpath(os.path.join(root, link[7:].strip()))
        if os.path.exists(os.path.join(target, "HEAD")):
            return Repository(root, target)
    return None


def _read(path: str) -> str | None:
    """A file's text, or None when there is no such file or it cannot be read: then that fact is simply unknown.

    Raises:
        OSError: there is no descriptor left.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # of a pipe, nobody may ever write
    except ValueError:
        return None
    except OSError as error:
        if is_shortage(error):
            raise
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return _read_all(descriptor).decode("utf-8", "replace")
    except OSError as error:
        if is_shortage(error):
            raise
        return None
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    content = os.read(descriptor, _PAGE_BYTES)
    if len(content) < _PAGE_BYTES:
        return content
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return content + file.read(_MAX_FILE_BYTES - _PAGE_BYTES)
