"""The code that ran: the calling script, or a directory, as artifacts under `code/`, one artifact a file.

One artifact a file, and no archive: files can be looked at and compared on the page, and a file that did not change
between a thousand runs is stored once. Read by the shared thread right after the start, before the user edits on.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from runlore.capture import _gitfiles, secrets
from runlore.capture._job import Job
from runlore.capture.environment import script

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runlore.capture import Sink
    from runlore.capture._ignore import Ignored

MAX_TOTAL_BYTES = 32 * 1024 * 1024
MAX_FILE_BYTES = 2 * 1024 * 1024
MAX_FILES = 2000
MAX_LEFT_OUT = 10_000
STOP_SECONDS = 5.0

SKIPPED_DIRECTORIES = frozenset(
    {
        ".git", ".hg", ".svn", ".runlore", "__pycache__", "node_modules", ".venv", "venv", ".tox", ".nox",
        ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".eggs", "site-packages",
    }
)  # fmt: skip
SECRET_FILES = (".env", ".netrc", ".pypirc", ".pgpass", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "credentials")
SECRET_SUFFIXES = (".pem", ".key", ".p12", ".pfx", ".keystore", ".jks")
COMPILED_SUFFIXES = (".pyc", ".pyo", ".so", ".o", ".a", ".dll", ".dylib", ".exe")


class CodeCapture:
    """Stores the calling script or a directory.

    Left out: what git ignores, version control, virtual environments, caches, compiled files, files that usually hold
    secrets, links that lead out of the tree, and the store. Secrets in text are masked, and the metadata says so.

    At most 2,000 files of 2 MiB each and 32 MiB together; what did not fit is listed in the `capture` event `code` and
    said once on stderr.

    Args:
        sink: where it is recorded.
        path: a file or directory; None: the calling script.
        exclude: absolute paths to leave out: the store.
    """

    def __init__(self, sink: Sink, path: str | os.PathLike[str] | None = None, exclude: Sequence[str] = ()) -> None:
        self._sink = sink
        self._path = None if path is None else os.path.abspath(os.fspath(path))
        self._exclude = frozenset(os.path.abspath(path) for path in exclude)
        self._files_kept = Job(sink, "code", self._collect, "the code")
        self._pid = os.getpid()

    def start(self) -> None:
        """Have the files stored by the shared thread."""
        if self._path is None:
            self._path = script()["script"]
        self._files_kept.start(0)

    def stop(self) -> None:
        """Wait, at most five seconds, until the files are stored. Idempotent; nothing in a forked child."""
        if self._pid == os.getpid():
            self._files_kept.finish(STOP_SECONDS)

    def _collect(self) -> None:
        if self._path is None:
            self._sink.event("capture", "code", {"files": 0, "error": "there is no script: an interactive session"})
            return
        left_out: list[str] = []
        count = total = 0
        for path, name in self._files(self._path):
            fits = count < MAX_FILES and total < MAX_TOTAL_BYTES
            size = self._store(path, f"code/{name}", min(MAX_FILE_BYTES, MAX_TOTAL_BYTES - total)) if fits else None
            if size is None:
                left_out.append(name)
                if len(left_out) >= MAX_LEFT_OUT:
                    break
            else:
                count += 1
                total += size
        facts: dict[str, Any] = {"root": self._path, "files": count, "bytes": total}
        if left_out:
            facts |= {"left_out": left_out[:100], "left_out_count": len(left_out)}
            sys.stderr.write(
                f"runlore: {len(left_out):,} files of {self._path} were not stored as code: unreadable, or more than "
                f"{MAX_FILES:,} files, {MAX_FILE_BYTES >> 20} MiB a file or {MAX_TOTAL_BYTES >> 20} MiB together. "
                "The run lists them; add data to .gitignore\n"
            )
        self._sink.event("capture", "code", facts)

    def _files(self, path: str) -> Iterator[tuple[str, str]]:
        """Each file to store: its path, and its name below `code/`."""
        if os.path.isfile(path):
            yield path, os.path.basename(path)
            return
        root = os.path.realpath(path)
        repository = _gitfiles.find(root)
        from runlore.capture._ignore import Ignored

        yield from self._walk(root, root, Ignored(repository.root if repository else root))

    def _walk(self, root: str, directory: str, ignored: Ignored) -> Iterator[tuple[str, str]]:
        try:
            with os.scandir(directory) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield directory, os.path.relpath(directory, root)  # not ours to read: it will be listed as left out
            return
        for entry in ordered:
            real = os.path.realpath(entry.path)
            if real in self._exclude or not (real + os.sep).startswith(root + os.sep):
                continue
            if entry.is_dir(follow_symlinks=False):
                skipped = entry.name in SKIPPED_DIRECTORIES or is_environment(entry.path)
                if not skipped and not ignored(entry.path, is_directory=True):
                    yield from self._walk(root, entry.path, ignored)
            elif entry.is_file() and is_code(entry.name) and not ignored(entry.path, is_directory=False):
                yield entry.path, os.path.relpath(entry.path, root).replace(os.sep, "/")

    def _store(self, path: str, name: str, limit_bytes: int) -> int | None:
        """Store one file; its size in bytes, or None when it is too large or cannot be read."""
        try:
            with open(path, "rb") as file:
                content = file.read(limit_bytes + 1)
        except OSError:
            return None
        size = len(content)
        if size > limit_bytes:
            return None
        redacted = False
        if b"\0" not in content:
            text = content.decode("utf-8", "surrogateescape")
            cleaned = secrets.redact_lines(text)
            redacted = cleaned != text
            content = cleaned.encode("utf-8", "surrogateescape")
        is_text = b"\0" not in content
        media_type = ("text/x-python" if name.endswith(".py") else "text/plain") if is_text else None
        self._sink.artifact(content, name, kind="code", media_type=media_type, metadata={"redacted": redacted})
        return size


def is_environment(directory: str) -> bool:
    """Whether this is a virtual or conda environment, whatever it is called."""
    return any(os.path.exists(os.path.join(directory, mark)) for mark in ("pyvenv.cfg", "conda-meta"))


def is_code(name: str) -> bool:
    """Whether a file of this name is stored: neither compiled nor one that usually holds secrets.

    Example:
        >>> [name for name in ("train.py", ".env.local", "server.pem", "a.pyc", "conf.yaml") if is_code(name)]
        ['train.py', 'conf.yaml']
    """
    lower = name.lower()
    if lower.endswith(SECRET_SUFFIXES + COMPILED_SUFFIXES):
        return False
    return lower not in SECRET_FILES and not lower.startswith(".env.")
