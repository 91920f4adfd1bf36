"""Which code this was: commit, branch, remote, what was changed, and the difference as a patch.

At the start the repository's files are read (less than a millisecond), so even a run that is killed at once knows its
commit. A twentieth of a second later, or at the end of a shorter run, git looks at the working tree while training goes
on (`_gitstate`), unless it did for the run before and no file has changed since (`_gitknown`). What it says is recorded
by the shared thread when it comes, or at the end of the run, which waits at most two seconds.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.capture import _gitfiles, _worker, secrets
from runlore.capture._failures import report_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.capture import Sink
    from runlore.capture._gitcommand import Question
    from runlore.capture._gitknown import Known
    from runlore.capture._gitstate import Finding

DIFF_NAME = "git/diff.patch"
MAX_LISTED_FILES = 200
TIMEOUT_SECONDS = 60.0
STOP_SECONDS = 2.0
RECORD_SECONDS = 30.0
"""How long the end of a run waits for the shared thread while that records what git said."""
GRACE_SECONDS = 0.05
"""So that git does not compete for the processor with a program that is just starting."""

_known: tuple[tuple[object, ...], Known] | None = None


class GitCapture:
    """Records the state of the repository that holds the script, or the working directory.

    Recorded as `capture` events with the key `git`, each adding to the one before: at the start `root`, `commit`,
    `branch`, `remote` and `dirty` as None; then `dirty`, `staged`, `unstaged`, `untracked` (paths, at most 200 each,
    and `*_count`), `sparse` if files were left out of the working tree, and the artifact `git/diff.patch` when tracked
    files differ from the commit. Outside a repository nothing is recorded.

    `dirty` is True where anything differs, in submodules too; False where nothing does; None where not everything could
    be looked at, because git is not installed, refuses or takes longer than a minute: `error` then says why.

    Args:
        sink: where it is recorded.
        directory: where to look; None: the script's directory, then the working directory.
        exclude: absolute paths that do not count as changes: the store.
    """

    def __init__(self, sink: Sink, directory: str | None = None, exclude: Sequence[str] = ()) -> None:
        self._sink = sink
        self._directory = directory
        self._exclude = tuple(exclude)
        self._question: Question[Finding] | None = None
        self._first: _worker.Task | None = None
        self._timer: _worker.Task | None = None
        self._recorded = False
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self.repository: _gitfiles.Repository | None = None

    def start(self) -> None:
        """Record what the repository's files tell, and arrange for git to tell the rest."""
        self.repository = repository = find_repository(self._directory)
        if repository is None:
            return
        commit, branch = repository.head()
        remote = repository.remote(branch)
        about = {"root": repository.root, "commit": commit, "branch": branch, "dirty": None}
        self._sink.event("capture", "git", {**about, "remote": secrets.redact_url(remote) if remote else None})
        self._first = call_later(GRACE_SECONDS, self._look)

    def stop(self) -> None:
        """Wait at most two seconds for git, and record what it said. Idempotent; nothing in a forked child."""
        if self.repository is None or self._pid != os.getpid():
            return
        if self._first is not None:
            self._first.cancel(0)
        self._finish(STOP_SECONDS, f"{STOP_SECONDS:g} s at the end of the run")
        if self._timer is not None:
            self._timer.cancel(0)

    def _finish(self, seconds: float, why: str) -> None:
        self._look()
        question = self._question
        through = question is None or question.finish(monotonic() + seconds, why, patience_s=RECORD_SECONDS)
        if not through and not self._recorded:
            self._sink.event("capture", "git", {"error": "what git said could not be recorded in time"})

    def _look(self) -> None:
        """Record what is known from the run before, or ask git; once."""
        with self._lock:
            if self._question is not None or self._recorded:
                return
            report_failure(self._sink, "git", self._begin)

    def _begin(self) -> None:
        repository = self.repository
        if repository is None:
            return
        known = recall(self._key(repository))
        if known is not None:
            self._record(known)
            return
        from runlore.capture._gitcommand import Question
        from runlore.capture._gitstate import examine

        self._question = Question(examine(repository, self._exclude), self._answered, self._failed)
        self._question.go_on()
        self._timer = call_later(TIMEOUT_SECONDS, lambda: self._finish(0, f"{TIMEOUT_SECONDS:g} s"))

    def _key(self, repository: _gitfiles.Repository) -> tuple[object, ...]:
        """What a finding is about, besides the files."""
        variables = [os.environ.get(name) for name in ("PATH", "HOME", "XDG_CONFIG_HOME")]
        return repository.root, repository.git_directory, self._exclude, *variables

    def _answered(self, finding: Finding) -> None:
        if self.repository is not None:
            remember(self._key(self.repository), finding, self._exclude)
        self._record(finding)

    def _failed(self, error: Exception) -> None:
        self._recorded = True
        self._sink.event("capture", "git", {"dirty": None, "error": f"{type(error).__name__}: {error}"})

    def _record(self, finding: Finding) -> None:
        facts: dict[str, Any] = {**finding.facts, "dirty": finding.dirty}
        for name, paths in finding.changes.items():
            facts[name] = paths[:MAX_LISTED_FILES]
            facts[f"{name}_count"] = len(paths)
        if finding.sparse:
            facts["sparse"] = True
        if finding.problems:
            known = "changes are unknown" if finding.dirty is None else "not all changes are known"
            facts["error"] = secrets.redact_forms(f"{known}: {'; '.join(dict.fromkeys(finding.problems))}")
        if finding.patch:
            facts |= self._store_patch(finding)
        self._sink.event("capture", "git", facts)
        self._recorded = True

    def _store_patch(self, finding: Finding) -> dict[str, Any]:
        if finding.cleaned is None:
            if finding.cut:
                sys.stderr.write(
                    f"runlore: the git diff was cut: {finding.cut}. Its beginning was kept as {DIFF_NAME}\n"
                )
            text = finding.patch.decode("utf-8", "surrogateescape")
            finding.cleaned = secrets.redact_lines(text).encode("utf-8", "surrogateescape")
        about = {"truncated": finding.cut is not None, "redacted": finding.cleaned != finding.patch}
        self._sink.artifact(finding.cleaned, DIFF_NAME, kind="diff", media_type="text/x-diff", metadata=about)
        facts: dict[str, Any] = {"diff": DIFF_NAME, **{f"diff_{name}": value for name, value in about.items()}}
        return facts | ({"diff_cut": finding.cut} if finding.cut else {})


def call_later(delay_s: float, function: Callable[[], None]) -> _worker.Task | None:
    """As `call_after`; None where there is no thread to be had: then all is done at the end of the run."""
    try:
        return _worker.call_after(delay_s, function)
    except (OSError, RuntimeError):
        return None


def recall(key: tuple[object, ...]) -> Finding | None:
    """What was found for the run before, if it was about the same and still holds."""
    if _known is None or _known[0] != key or not _known[1].holds():
        return None
    return _known[1].finding


def remember(key: tuple[object, ...], finding: Finding, exclude: Sequence[str]) -> None:
    """Keep a finding for the next run, if it is complete."""
    global _known  # noqa: PLW0603 - one for the process
    from runlore.capture._gitknown import Known

    complete = not finding.problems and finding.cut is None and len(finding.listings) == len(finding.repositories)
    _known = (key, Known(finding, exclude)) if complete else None


def find_repository(directory: str | None = None) -> _gitfiles.Repository | None:
    """The repository of the directory; without one, of the script (unless installed), else of the working directory."""
    if directory is not None:
        return _gitfiles.find(directory)
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    home = _directory_of(script, sys.prefix, sys.base_prefix) if script else None
    found = _gitfiles.find(home) if home else None
    try:
        return found or _gitfiles.find(os.getcwd())
    except FileNotFoundError:
        return None  # the working directory was removed


@lru_cache(4)
def _directory_of(script: str, *installations: str) -> str | None:
    """The directory of a script, unless it was installed."""
    path = os.path.realpath(script)
    if path.startswith(tuple(os.path.realpath(installation) + os.sep for installation in installations)):
        return None
    return os.path.dirname(path)
