"""The last finding of this process, which holds for the next run as long as no file says otherwise.

A process that makes a thousand short runs asks git once, and then looks at the times of the files: of each that git
tracks, of each directory where a new one could appear, and of what configures git. A change leaves a time that is later
than the moment at which git began to look.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from runlore.capture._files import are_settled, marks_of
from runlore.capture._gitcommand import Command
from runlore.journal.liveness import trusts_locks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runlore.capture import _gitfiles
    from runlore.capture._files import Mark
    from runlore.capture._gitstate import Finding, Setting

MAX_FILES = 2000
"""Asking git is as quick as looking at more files than this."""
MAX_NEW_DIRECTORIES = 200
IGNORED_SECONDS = 1.0
GIT_FILES = (
    "HEAD", "index", "config", "config.worktree", "info/exclude", "info/attributes", "info/sparse-checkout",
)  # fmt: skip
NESTED_FILES = (".gitignore", ".gitattributes")


class Known:
    """A finding, and what it was made from.

    Args:
        finding: complete, without problems.
        exclude: as for `examine`.
    """

    def __init__(self, finding: Finding, exclude: Sequence[str]) -> None:
        self.finding = finding
        self._exclude = frozenset(exclude)
        self._paths: list[str] | None = None
        self._marks: list[Mark] | None = None

    def holds(self) -> bool:
        """Whether git would say the same now."""
        for repository, head in self.finding.repositories:
            if repository.head() != head:
                return False
        if self._paths is None:
            self._paths = self._watched()
        marks = marks_of(self._paths)
        if self._marks is None:
            self._marks = marks if self._paths and are_settled(marks, self.finding.began_ns) else []
        return bool(marks) and marks == self._marks

    def _watched(self) -> list[str]:
        """Every path whose change could change what git says; none where that cannot be told by times."""
        finding = self.finding
        if sum(listing.count(b"\0") for listing in finding.listings) > MAX_FILES:
            return []
        paths = set(configuration_files(finding.settings, finding.repositories[0][0].root))
        for (repository, _), listing in zip(finding.repositories, finding.listings, strict=True):
            found = self._of_a_repository(repository, listing)
            if found is None or not trusts_locks(repository.root):
                return []  # too many files, or a network mount, whose times are another machine's
            paths |= found
        return sorted(paths)

    def _of_a_repository(self, repository: _gitfiles.Repository, listing: bytes) -> set[str] | None:
        root = repository.root
        tracked = {os.path.join(root, os.fsdecode(entry.partition(b"\t")[2])) for entry in listing.split(b"\0")[:-1]}
        directories = {root}
        for path in tracked:
            parent = os.path.dirname(path)
            while parent not in directories:
                directories.add(parent)
                parent = os.path.dirname(parent)
        files = {os.path.join(repository.git_directory, name) for name in GIT_FILES}
        files |= {os.path.join(repository.common_directory, name) for name in GIT_FILES}
        new = {path for directory in directories for path in self._subdirectories(directory)} - directories - tracked
        new -= ignored(root, sorted(new))
        seen: set[str] = set()
        while new:
            seen |= new
            if len(seen) > MAX_NEW_DIRECTORIES:
                return None
            new = {path for directory in new for path in self._subdirectories(directory)}
        directories |= seen
        files |= {
            path for directory in directories for name in NESTED_FILES if os.path.exists(path := f"{directory}/{name}")
        }
        return tracked | directories | files

    def _subdirectories(self, directory: str) -> list[str]:
        try:
            with os.scandir(directory) as entries:
                return [
                    entry.path for entry in entries
                    if entry.is_dir(follow_symlinks=False) and entry.name not in (".git", ".runlore")
                    and entry.path not in self._exclude
                ]  # fmt: skip
        except OSError:
            return []  # removed, which its parent's time tells, or not ours to read, as for git


def ignored(root: str, paths: Sequence[str]) -> set[str]:
    """Those of the directories that git ignores; none if git does not tell."""
    if not paths:
        return set()
    command = Command("git check-ignore", ["check-ignore", "--", *paths], root, 1 << 20)
    command.finish(monotonic() + IGNORED_SECONDS, f"{IGNORED_SECONDS:g} s")
    return {os.fsdecode(line) for line in bytes(command.output).split(b"\n") if line}


def configuration_files(settings: Sequence[Setting], root: str) -> Iterable[str]:
    """The files that settings come from, could come from, or name."""
    home = os.path.expanduser("~")
    personal = os.path.join(os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config", "git")
    yield from (
        f"{home}/.gitconfig",
        "/etc/gitconfig",
        *(f"{personal}/{name}" for name in ("config", "ignore", "attributes")),
    )
    for setting in settings:
        if setting.origin.startswith("file:"):
            yield os.path.join(root, setting.origin.removeprefix("file:"))
        if setting.key in ("core.excludesfile", "core.attributesfile"):
            yield os.path.join(root, os.path.expanduser(setting.value))
