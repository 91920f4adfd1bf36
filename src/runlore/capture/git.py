"""Which code this was: commit, branch, remote, what was changed, and the difference as a patch.

At the start the repository's files are read (less than a millisecond), so even a run that is killed at once knows its
commit. A twentieth of a second later, or at the end of a shorter run, two git processes are sent off, which look at the
working tree while training goes on. Their answers are recorded by the shared thread when they come, or at the end of
the run, which waits at most two seconds.

The repository is not trusted. Git runs with file-system monitors, hooks, external differences, text conversions,
prompts, network and the repository's own filters off: looking at a repository never executes what it brought.
"""

from __future__ import annotations

import os
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture import _gitfiles, _poll, _worker, report_failure, secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.capture import Sink

DIFF_NAME = "git/diff.patch"
MAX_DIFF_BYTES = 4 * 1024 * 1024
MAX_STATUS_BYTES = 4 * 1024 * 1024
MAX_LISTED_FILES = 200
TIMEOUT_SECONDS = 60.0
STOP_SECONDS = 2.0
GRACE_SECONDS = 0.05
"""So that git does not compete for the processor with a program that is just starting."""

_EMPTY_TREES = {
    False: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    True: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""Git's name of the tree without files, in SHA-1 and (True) SHA-256 repositories."""
_SAFE_OPTIONS = (
    "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "diff.external=",
    "-c", "core.untrackedCache=false", "-c", "submodule.recurse=false", "-c", "color.ui=false",
)  # fmt: skip
_LFS_VALUES = frozenset({"git-lfs clean -- %f", "git-lfs smudge -- %f", "git-lfs filter-process", "true"})


class GitCapture:
    """Records the state of the repository that holds the script, or the working directory.

    Recorded as `capture` events with the key `git`, each adding to the one before: at the start `root`, `commit`,
    `branch` and `remote`; then `dirty`, `staged`, `unstaged`, `untracked` (paths, at most 200 each, and `*_count`), and
    the artifact `git/diff.patch` when tracked files differ from the commit. Outside a repository nothing is recorded.
    `dirty` is None when git is not installed, refuses or takes longer than a minute; `error` then says why.

    Args:
        sink: where it is recorded.
        directory: where to look; None: the script's directory, then the working directory.
        exclude: absolute paths that do not count as changes: the store.
    """

    def __init__(self, sink: Sink, directory: str | None = None, exclude: Sequence[str] = ()) -> None:
        self._sink = sink
        self._directory = directory
        self._exclude = exclude
        self._status: Command | None = None
        self._diff: Command | None = None
        self._first: _worker.Task | None = None
        self._timer: _worker.Task | None = None
        self._done = False
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self.repository: _gitfiles.Repository | None = None

    def start(self) -> None:
        """Record what the repository's files tell, and arrange for git to tell the rest."""
        self.repository = repository = find_repository(self._directory)
        if repository is None:
            self._done = True
            return
        commit, branch = repository.head()
        remote = repository.remote(branch)
        self._sink.event(
            "capture",
            "git",
            {
                "root": repository.root,
                "commit": commit,
                "branch": branch,
                "remote": secrets.redact_url(remote) if remote else None,
            },
        )
        self._first = _worker.call_after(GRACE_SECONDS, self._try_to_send_off)

    def stop(self) -> None:
        """Wait at most two seconds for git, and record what it said. Idempotent; nothing in a forked child."""
        if self._done or self._pid != os.getpid():
            return
        if self._first is not None:
            self._first.cancel(STOP_SECONDS)
            report_failure(self._sink, "git", self._send_off)
        if self._status is not None and self._diff is not None:
            deadline = monotonic() + STOP_SECONDS
            for command in (self._status, self._diff):
                command.finish(deadline)
            self._collect()

    def _try_to_send_off(self) -> None:
        report_failure(self._sink, "git", self._send_off)

    def _send_off(self) -> None:
        """Start both commands, once."""
        repository = self.repository
        if self._status is not None or self._done or repository is None:
            return
        try:
            self._start_commands(repository, repository.head()[0])
        except FileNotFoundError:
            self._end({"dirty": None, "error": "git is not installed: changes are unknown"})

    def _start_commands(self, repository: _gitfiles.Repository, commit: str | None) -> None:
        options = [*_SAFE_OPTIONS, *filter_overrides(repository), "-C", repository.root]
        paths = ["--", ":/", ":(top,exclude,glob)**/.runlore/**", *self._excluded(repository.root)]
        tree = commit or _EMPTY_TREES["objectformat = sha256" in repository.config.lower()]
        self._status = Command(
            ["git", *options, "status", "--porcelain=v2", "-z", "--branch", "--untracked-files=normal",
             "--ignore-submodules=dirty", "--no-renames", *paths],
            MAX_STATUS_BYTES, self._collect,
        )  # fmt: skip
        self._diff = Command(
            ["git", *options, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty",
             "--no-relative", "--src-prefix=a/", "--dst-prefix=b/", tree, *paths],
            MAX_DIFF_BYTES, self._collect,
        )  # fmt: skip
        for command in (self._status, self._diff):
            command.watch()
        self._timer = _worker.call_after(TIMEOUT_SECONDS, self.stop)

    def _excluded(self, root: str) -> list[str]:
        inside = [os.path.relpath(path, root) for path in self._exclude if path.startswith(root + os.sep)]
        return [f":(top,exclude,literal){path}" for path in inside]

    def _collect(self) -> None:
        """Record both answers once both are there. Called by whoever sees a command end."""
        status, diff = self._status, self._diff
        with self._lock:
            if self._done or status is None or diff is None or not (status.ended and diff.ended):
                return
            self._done = True
        facts: dict[str, Any] = parse_status(bytes(status.output)) if status.succeeded else {"dirty": None}
        for name, command in (("status", status), ("diff", diff)):
            if not command.succeeded and not command.truncated:
                facts["error"] = f"git {name} {command.outcome}; changes are not fully known"
        if diff.output:
            facts |= self._store_diff(diff)
        self._end(facts)

    def _store_diff(self, diff: Command) -> dict[str, Any]:
        text = diff.output.decode("utf-8", "surrogateescape")
        facts: dict[str, Any] = {"dirty": True, "diff": DIFF_NAME, "diff_truncated": diff.truncated}
        if diff.truncated:
            text = text[: text.rfind("\n") + 1]
            sys.stderr.write(
                f"runlore: the git diff is larger than {MAX_DIFF_BYTES / 2**20:.0f} MiB; its beginning was kept as "
                f"{DIFF_NAME}. Commit or ignore large files to have all of it\n"
            )
        cleaned = secrets.redact_lines(text)
        facts["diff_redacted"] = cleaned != text
        metadata = {"truncated": diff.truncated, "redacted": facts["diff_redacted"]}
        content = cleaned.encode("utf-8", "surrogateescape")
        self._sink.artifact(content, DIFF_NAME, kind="diff", media_type="text/x-diff", metadata=metadata)
        return facts

    def _end(self, facts: dict[str, Any]) -> None:
        self._done = True
        if self._timer is not None:
            self._timer.cancel(0)
        self._sink.event("capture", "git", facts)


class Command:
    """A git process whose output is collected as it comes, by the shared thread or by `finish`.

    Attributes:
        output: what it wrote, at most `limit_bytes`.
        truncated: whether there was more; it was ended then.
        ended: whether it ended, by itself or by us.
        outcome: how it ended, in words.
    """

    def __init__(self, arguments: list[str], limit_bytes: int, when_ended: Any) -> None:
        self.output = bytearray()
        self.truncated = False
        self.ended = False
        self.outcome = "is running"
        self._limit_bytes = limit_bytes
        self._when_ended = when_ended
        self._read_end, write_end = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, write_end, 1),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        try:
            self._process = os.posix_spawnp(arguments[0], arguments, environment(), file_actions=actions, setpgroup=0)
        except OSError:
            os.close(self._read_end)
            raise
        finally:
            os.close(write_end)
        os.set_blocking(self._read_end, False)
        self._task = _worker.Task(self._read, fd=self._read_end)

    def watch(self) -> None:
        """Let the shared thread collect the output."""
        _worker.watch(self._task)

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself and without an error."""
        return self.outcome == "succeeded"

    def finish(self, deadline: float) -> None:
        """Read to the end in this thread, or end the process at the deadline (`time.monotonic()` seconds)."""
        if not self._task.cancel(max(0.0, deadline - monotonic())):
            return  # the shared thread is still at it, and will record the answer
        while not self.ended:
            left = deadline - monotonic()
            if left <= 0:
                self._end("took too long and was ended", kill=True)
            elif _poll.readable(self._read_end, left):
                self._read()

    def _read(self) -> None:
        try:
            data = os.read(self._read_end, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            self._end(None)
        elif len(self.output) + len(data) > self._limit_bytes:
            self.output += data[: self._limit_bytes - len(self.output)]
            self.truncated = True
            self._end(f"wrote more than {self._limit_bytes:,} bytes", kill=True)
        else:
            self.output += data

    def _end(self, outcome: str | None, *, kill: bool = False) -> None:
        self._task.cancel(0)
        os.close(self._read_end)
        if kill:
            from signal import SIGKILL

            os.killpg(self._process, SIGKILL)
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        except ChildProcessError:
            code = 0  # the program collects every child itself, so the exit code is gone; the output is here
        self.outcome = outcome or ("succeeded" if code == 0 else f"ended with code {code}")
        self.ended = True
        self._when_ended()


def find_repository(directory: str | None = None) -> _gitfiles.Repository | None:
    """The repository of the directory; without one, of the script (unless installed), else of the working directory."""
    if directory is not None:
        return _gitfiles.find(directory)
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script:
        path = os.path.realpath(script)
        if not path.startswith((os.path.realpath(sys.prefix) + os.sep, os.path.realpath(sys.base_prefix) + os.sep)):
            found = _gitfiles.find(os.path.dirname(path))
            if found is not None:
                return found
    return _gitfiles.find(os.getcwd())


def environment() -> dict[str, str]:
    """The environment that git gets: the user's, without what would lead it elsewhere, let it ask or let it fetch."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_ASKPASS": "true",
        "LC_ALL": "C",
    }


def filter_overrides(repository: _gitfiles.Repository) -> list[str]:
    """Options that switch off the filters that the repository's own configuration brings (git-lfs may stay).

    The user's own filters, from the user's configuration, are trusted.
    """
    if not repository.has_filters():
        return []
    command = Command(
        ["git", "-C", repository.root, "config", "--includes", "--show-scope", "-z", "--get-regexp", r"^filter\..*"],
        MAX_STATUS_BYTES, lambda: None,
    )  # fmt: skip
    command.finish(monotonic() + STOP_SECONDS)
    fields = command.output.decode("utf-8", "replace").split("\0")
    options: list[str] = []
    for scope, entry in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = entry.partition("\n")
        name = key.removeprefix("filter.").rpartition(".")[0]
        if scope in ("local", "worktree") and name and not (name == "lfs" and value in _LFS_VALUES):
            for setting in ("clean=", "process=", "smudge=", "required=false"):
                options += ["-c", f"filter.{name}.{setting}"]
    return options


def parse_status(output: bytes) -> dict[str, Any]:
    """The facts in `git status --porcelain=v2 -z --branch`: commit, branch, and the paths that changed."""
    facts: dict[str, Any] = {}
    changed: dict[str, list[str]] = {"staged": [], "unstaged": [], "untracked": []}
    for entry in output.decode("utf-8", "replace").split("\0"):
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
    facts["dirty"] = any(changed.values())
    for name, paths in changed.items():
        facts[name] = paths[:MAX_LISTED_FILES]
        facts[f"{name}_count"] = len(paths)
    return facts
