"""What differs from the commit, in every part of a working tree, as git finds it.

What git does not look at by itself is looked at all the same: the files of submodules and of repositories inside the
repository, files that `update-index` marked as `assume-unchanged` or `skip-worktree`, and what lies in the directory of
a submodule that was never checked out. What git ignores (`.gitignore` and the like) is no change. Files that a sparse
checkout leaves out are none either; that it is sparse is said.
"""

from __future__ import annotations

import os
import re
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.capture import _gitfiles
from runlore.capture._gitcommand import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runlore.capture._gitcommand import Steps

MAX_DIFF_BYTES = 4 * 1024 * 1024
MAX_STATUS_BYTES = 4 * 1024 * 1024
MAX_LISTING_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 10

_EMPTY_TREES = {
    False: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    True: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""Git's name of the tree without files, in SHA-1 and (True) SHA-256 repositories."""
_LFS_VALUES = frozenset({"git-lfs clean -- %f", "git-lfs smudge -- %f", "git-lfs filter-process", "true"})
_UNUSUAL = re.compile(rb"(?:\A|\0)(?:(?P<tag>[^H]) \d{6}|H (?P<module>160000)) [0-9a-f]+ \d\t(?P<path>[^\0]+)")
"""An entry of `git ls-files -v -s -z` that is not a plain file which git compares: by its letter or its mode."""


class Setting(NamedTuple):
    """One setting of git's configuration."""

    scope: str
    """`local` and `worktree` are the repository's own."""
    origin: str
    key: str
    value: str


class Finding:
    """What was found out about a working tree and the repositories in it.

    Attributes:
        began_ns: when git began to look, in ns since 1970. What is told is at least as new.
        repositories: every repository that was looked at, with the commit and branch that it was at.
        settings: the configuration, in every repository.
        listings: per repository, what `git ls-files` told.
        facts: of the outermost repository: `commit` and `branch`, if git told.
        changes: `staged`, `unstaged` and `untracked` paths, from the root of the outermost repository.
        patch: the differences of tracked files, at most 4 MiB of them.
        cut: why the patch is not whole; None if it is.
        problems: why something is not known.
        cleaned: the patch without secrets, once somebody made it.
        sparse: whether files were left out of the working tree on purpose.
    """

    def __init__(self) -> None:
        self.began_ns = time_ns()
        self.repositories: list[tuple[_gitfiles.Repository, tuple[str | None, str | None]]] = []
        self.settings: list[Setting] = []
        self.listings: list[bytes] = []
        self.facts: dict[str, Any] = {}
        self.changes: dict[str, list[str]] = {"staged": [], "unstaged": [], "untracked": []}
        self.patch = b""
        self.cut: str | None = None
        self.problems: list[str] = []
        self.sparse = False
        self.cleaned: bytes | None = None

    @property
    def dirty(self) -> bool | None:
        """Whether anything differs; None: nothing was found, but not everything could be looked at."""
        if any(self.changes.values()) or self.patch:
            return True
        return None if self.problems else False


def examine(repository: _gitfiles.Repository, exclude: Sequence[str]) -> Steps[Finding]:
    """Ask git about a working tree.

    Args:
        repository: where.
        exclude: absolute paths that do not count as changes: the store.
    """
    finding = Finding()
    yield from _examine(repository, "", exclude, finding, MAX_DEPTH)
    return finding


def _examine(
    repository: _gitfiles.Repository, prefix: str, exclude: Sequence[str], finding: Finding, depth: int
) -> Steps[bool]:
    """Add what is found in one working tree, below `prefix`. Returns whether there is time for more."""
    finding.repositories.append((repository, repository.head()))
    listing = Command("git ls-files", ["ls-files", "-v", "-s", "-z"], repository.root, MAX_LISTING_BYTES)
    config = Command(
        "git config", ["config", "--includes", "--show-scope", "--show-origin", "-z", "--list"], repository.root,
        MAX_STATUS_BYTES,
    )  # fmt: skip
    yield listing, config
    for command in (listing, config):
        if command.problem or command.truncated:
            return _note(finding, command, prefix)
    settings = parse_config(bytes(config.output))
    finding.settings += settings
    finding.listings.append(bytes(listing.output))
    hidden, modules = _unusual(bytes(listing.output))
    with _Index(repository, settings, hidden) as index:
        finding.sparse |= index.sparse
        for command in index.commands():
            yield (command,)
            if command.problem:
                return _note(finding, command, prefix)
        status, diff = _ask(repository, prefix, exclude, settings, index.variables, finding)
        yield status, diff
    _add_status(finding, parse_status(bytes(status.output)), prefix)
    _add_patch(finding, diff)
    in_time = _note(finding, status, prefix) and _note(finding, diff, prefix)
    for path in modules:
        if not in_time:
            break
        in_time = yield from _examine_module(repository, path, prefix, exclude, finding, depth)
    return in_time


def _examine_module(
    outer: _gitfiles.Repository, path: str, prefix: str, exclude: Sequence[str], finding: Finding, depth: int
) -> Steps[bool]:
    """Look into a repository inside the repository: a submodule, in most cases."""
    directory = os.path.join(outer.root, path)
    if os.path.islink(directory) or not os.path.isdir(directory):
        return True  # git has said what became of it
    inner = _gitfiles.open_repository(directory)
    if inner is None:
        finding.changes["untracked"] += [f"{prefix}{path}/{name}" for name in sorted(os.listdir(directory))]
        return True
    if depth == 0:
        finding.problems.append(f"{prefix}{path} is a repository in more than {MAX_DEPTH} others and was not looked at")
        return True
    return (yield from _examine(inner, f"{prefix}{path}/", exclude, finding, depth - 1))


def _ask(
    repository: _gitfiles.Repository, prefix: str, exclude: Sequence[str], settings: Sequence[Setting],
    variables: dict[str, str], finding: Finding,
) -> tuple[Command, Command]:  # fmt: skip
    """Start the two commands that find changes."""
    inside = [os.path.relpath(path, repository.root) for path in exclude if path.startswith(repository.root + os.sep)]
    paths = ["--", ":/", ":(top,exclude,glob)**/.runlore/**", *(f":(top,exclude,literal){path}" for path in inside)]
    tree = repository.head()[0] or _EMPTY_TREES["objectformat = sha256" in repository.config.lower()]
    overrides = filter_overrides(settings)
    status = Command(
        "git status",
        [*overrides, "status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--untracked-files=normal",
         "--ignore-submodules=dirty", "--no-renames", *paths],
        repository.root, MAX_STATUS_BYTES, variables=variables,
    )  # fmt: skip
    quoted = prefix.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    diff = Command(
        "git diff",
        [*overrides, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty",
         "--no-relative", f"--src-prefix=a/{quoted}", f"--dst-prefix=b/{quoted}", tree, *paths],
        repository.root, MAX_DIFF_BYTES - len(finding.patch), variables=variables,
    )  # fmt: skip
    return status, diff


def _add_status(finding: Finding, told: dict[str, Any], prefix: str) -> None:
    for name, paths in finding.changes.items():
        paths += [f"{prefix}{path}" for path in told.pop(name)]
    if not prefix:
        finding.facts |= told


def _add_patch(finding: Finding, diff: Command) -> None:
    patch = bytes(diff.output)
    if diff.truncated or diff.problem:
        patch = patch[: patch.rfind(b"\n") + 1]
        if diff.output:
            finding.cut = diff.problem or f"it is larger than {MAX_DIFF_BYTES / 2**20:g} MiB"
    finding.patch += patch


def _note(finding: Finding, command: Command, prefix: str) -> bool:
    """Note what went wrong with a command. Returns whether there is time for more."""
    where = f" (in {prefix.rstrip('/')})" if prefix else ""
    if command.problem:
        finding.problems.append(f"{command.problem}{where}")
    elif command.truncated and command.name != "git diff":
        finding.problems.append(f"{command.name} wrote more than {len(command.output):,} bytes{where}")
    return not command.late


def parse_status(output: bytes) -> dict[str, Any]:
    """The facts in `git status --porcelain=v2 -z --branch`: commit, branch, and the paths that changed."""
    facts: dict[str, Any] = {}
    changed: dict[str, list[str]] = {"staged": [], "unstaged": [], "untracked": []}
    for entry in output[: output.rfind(b"\0") + 1].decode("utf-8", "replace").split("\0"):
        mark, _, rest = entry.partition(" ")
        if mark == "#":
            name, _, value = rest.partition(" ")
            if name == "branch.oid":
                facts["commit"] = None if value == "(initial)" else value
            elif name == "branch.head":
                facts["branch"] = None if value == "(detached)" else value
        elif mark == "?":
            changed["untracked"].append(rest)
        elif mark in ("1", "u"):
            path = rest.split(" ", 7 if mark == "1" else 9)[-1]
            if rest[0] != ".":
                changed["staged"].append(path)
            if rest[1] != ".":
                changed["unstaged"].append(path)
    return facts | changed


def parse_config(output: bytes) -> list[Setting]:
    """The settings in `git config --show-scope --show-origin -z --list`."""
    fields = output.decode("utf-8", "surrogateescape").split("\0")
    settings = []
    for scope, origin, entry in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        key, _, value = entry.partition("\n")
        settings.append(Setting(scope, origin, key, value))
    return settings


def filter_overrides(settings: Sequence[Setting]) -> list[str]:
    """Options that switch off the filters that the repository's own configuration brings (git-lfs may stay).

    The user's own filters, from the user's configuration, are trusted.
    """
    options: list[str] = []
    for setting in settings:
        if not setting.key.startswith("filter.") or setting.scope not in ("local", "worktree"):
            continue
        name = setting.key.removeprefix("filter.").rpartition(".")[0]
        if name and not (name == "lfs" and setting.value in _LFS_VALUES):
            for switch in ("clean=", "process=", "smudge=", "required=false"):
                options += ["-c", f"filter.{name}.{switch}"]
    return options


def _unusual(listing: bytes) -> tuple[list[tuple[str, str]], list[str]]:
    """The entries that git does not compare, as (letter, path), and the repositories inside this one."""
    hidden, modules = [], []
    for entry in _UNUSUAL.finditer(listing):
        path = os.fsdecode(entry["path"])
        if entry["module"]:
            modules.append(path)
        elif entry["tag"] == b"S" or entry["tag"].islower():
            hidden.append((entry["tag"].decode(), path))
    return hidden, modules


class _Index:
    """A copy of the index in which files that git was told not to look at are looked at; without such files, nothing.

    Attributes:
        sparse: whether there are files that a sparse checkout left out. They are let alone.
        variables: what has git use the copy.
    """

    def __init__(
        self, repository: _gitfiles.Repository, settings: Sequence[Setting], hidden: Sequence[tuple[str, str]]
    ) -> None:
        latest = {setting.key: setting.value.lower() for setting in settings}
        is_sparse = latest.get("core.sparsecheckout") in ("true", "yes", "on", "1", "")
        self._repository = repository
        self._directory: str | None = None
        self.variables: dict[str, str] = {}
        self._paths = [path for letter, path in hidden if not (is_sparse and letter == "S" and self._is_absent(path))]
        self.sparse = len(self._paths) < len(hidden)

    def _is_absent(self, path: str) -> bool:
        return not os.path.lexists(os.path.join(self._repository.root, path))

    def __enter__(self) -> _Index:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """Make the copy."""
        if self._paths:
            import shutil
            import tempfile

            self._directory = tempfile.mkdtemp(prefix="runlore-index-")
            copy = os.path.join(self._directory, "index")
            shutil.copy2(os.path.join(self._repository.git_directory, "index"), copy)  # with its time, which git needs
            with open(os.path.join(self._directory, "paths"), "wb") as file:
                file.write(b"".join(os.fsencode(path) + b"\0" for path in self._paths))
            self.variables["GIT_INDEX_FILE"] = copy
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the copy."""
        if self._directory is not None:
            import shutil

            shutil.rmtree(self._directory, ignore_errors=True)

    def commands(self) -> Iterator[Command]:
        """Commands that prepare the copy, one after the other."""
        for option in ("--no-assume-unchanged", "--no-skip-worktree") if self._directory else ():
            yield Command(
                "git update-index", ["update-index", "-z", option, "--stdin"], self._repository.root, MAX_STATUS_BYTES,
                variables=self.variables, input_path=os.path.join(self._directory or "", "paths"),
            )  # fmt: skip
