"""Keeping files and bytes with a run."""

from __future__ import annotations

import errno
import os
import stat

from runlore import model
from runlore.errors import ArtifactNotFound, InvalidArgument, InvalidName, NotStored, WrongType
from runlore.failures import is_environmental, reason_of
from runlore.names import check_file_name, check_path_name
from runlore.run.arguments import as_mapping, check_artifact, check_columns, optional_time_ns
from runlore.store.blobs import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from runlore.run.losses import Keeping
    from runlore.store.base import RecordedRun, Store

_MOST_NAMED = 10
_NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


class ArtifactMethods:
    """The part of `Run` that keeps files and bytes."""

    store: Store
    _run: RecordedRun
    _journal: Any
    _check_open: Callable[[], None]
    _keeping: Callable[[str, str], Keeping]

    def log_artifact(
        self, source: str | os.PathLike[str] | bytes, name: str | None = None, *, kind: str = "file",
        media_type: str | None = None, step: float | None = None, metadata: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Keep a file, or bytes, with the run. Contents are stored once however often they are logged.

        Args:
            source: path of a file, which is copied now, as large as it is now; or the contents. A link is followed.
            name: a name within the run, `/` makes folders; by default the file's own. The same name again is a new
                version of the artifact.
            kind: what it is, for readers: `file`, `model`, `image` …
            media_type: such as `image/png`; guessed from the name by default.
            step: where in the run it belongs.
            metadata: anything that can be JSON.

        Raises:
            ArtifactNotFound: there is no such file (it is a `FileNotFoundError`).
            InvalidArgument: bytes without a name, a directory, a pipe or another thing that is no file, or a name that
                would leave the run.
            WrongType: the step, the metadata or another argument is of a type that cannot be stored. Nothing was.
        """
        content: bytes | str
        if not isinstance(source, (bytes, bytearray, memoryview)):
            content = _file(source)
        elif name is not None:
            content = bytes(source)
        else:
            raise InvalidArgument("name=None: bytes have no name of their own; pass name='…'")
        if name is None:
            name = check_file_name(os.path.basename(str(content)), "source")
        else:
            check_path_name(name, "name")
        about = dict(as_mapping(metadata, "metadata"))
        about["kind"] = kind
        about["media_type"] = media_type
        self._keep(content, name, about, step)

    def log_artifacts(self, directory: str | os.PathLike[str], prefix: str = "") -> int:
        """Keep every file under a directory, by its relative path below `prefix`.

        Links to files are followed, links to directories are not: what they lead to may be anything, also a directory
        above. Those, broken links, and pipes, sockets and devices are left out, and named in one warning.

        Returns:
            How many files were kept.

        Raises:
            ArtifactNotFound: there is no such directory.
            InvalidName: the prefix cannot begin a name. Nothing was recorded.

        Example:
            >>> import pathlib, runlore
            >>> pathlib.Path("model/weights").mkdir(parents=True)
            >>> _ = pathlib.Path("model/weights/0.bin").write_text("...")
            >>> with runlore.start("iris", capture=False) as run:
            ...     run.log_artifacts("model", prefix="final")
            1
            >>> [item.name for item in runlore.get_run(run.uid).artifacts()]
            ['final/weights/0.bin']
        """
        for argument, given, kinds in (("directory", directory, (str, os.PathLike)), ("prefix", prefix, (str,))):
            if not isinstance(given, kinds):
                raise WrongType(f"{argument}={given!r} must be text, not {type(given).__name__}")
        root = os.fspath(directory)
        if not os.path.isdir(root):
            problem = "is a file; use log_artifact" if os.path.exists(root) else "does not exist"
            raise ArtifactNotFound(f"directory={root!r} {problem}")
        if prefix.strip("/"):
            check_path_name(prefix.strip("/"), "prefix")
        self._check_open()
        kept, left_out = 0, []
        for found in _walk(root, self._keeping):
            try:
                name = check_file_name("/".join(filter(None, [prefix.strip("/"), found.name])), "name")
                if found.problem:
                    left_out.append(f"{found.name!r} ({found.problem})")
                else:
                    kept += self._keep(found.path, name, {"kind": "file", "media_type": None}, None)
            except (InvalidName, ArtifactNotFound, InvalidArgument) as error:  # noqa: PERF203 - the others are kept
                left_out.append(f"{found.name!r} ({error})")
        if left_out:
            _warn(root, left_out)
        return kept

    def _keep(
        self, content: bytes | str, name: str, about: dict[str, Any], step: float | None, *, time: Any = None,
        columns: Mapping[str, Any] | None = None,
    ) -> bool:  # fmt: skip
        """Store contents and record the artifact; whether that was possible. What was not is counted and said."""
        self._check_open()
        check_columns(columns or {})
        check_artifact(name, about, step, columns)
        time_ns = optional_time_ns(time)
        with self._keeping("artifact", name) as keeping:
            put = self.store.put_bytes(content) if isinstance(content, bytes) else self.store.put_file(content)
            value = {"digest": put[0], "size": put[1], **about, "media_type": about["media_type"] or _guess(name)}
            self._journal.event(model.ARTIFACT, name, value, step=step, time_ns=time_ns, extra=columns or None)
        return keeping.done

    def outputs_directory(self) -> str:
        """A directory of the run's for files that the program writes itself. Made now, kept within the run's own.

        It is copied, moved and deleted with the run. What is in it is no artifact before `log_artifact` keeps it. Of a
        run that is recorded for a server it lies in the spool: what is in it when the run ends becomes its artifacts,
        below `outputs/`, and the directory is removed.

        Raises:
            NotStored: it cannot be made.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     path = run.outputs_directory()
            >>> path == runlore.get_run(run.uid).directory + "/outputs"
            True
        """
        path = self._run.outputs
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            if not is_environmental(error):
                raise
            raise NotStored(f"the directory {path!r} cannot be made: {reason_of(error)}") from error
        return path

    def _keep_outputs(self) -> None:
        """Make artifacts of what is in the directory for outputs, where that does not stay with the run."""
        if self._run.keeps_outputs or not os.path.isdir(self._run.outputs):
            return
        lost = self._journal.lost
        with self._keeping("the files of", "outputs"):
            self.log_artifacts(self._run.outputs, "outputs")
        if self._journal.lost == lost:
            from shutil import rmtree

            rmtree(self._run.outputs, ignore_errors=True)  # what cannot be removed is only in the way


class _Found:
    """What stands in a directory that is kept.

    Attributes:
        path: where.
        name: relative, with `/` between components.
        problem: why it is left out; empty for a file.
    """

    __slots__ = ("name", "path", "problem")

    def __init__(self, path: str, name: str, problem: str) -> None:
        self.path, self.name, self.problem = path, name, problem


def _walk(root: str, keeping: Callable[[str, str], Keeping]) -> Iterator[_Found]:
    """Everything below a directory that is no directory itself, sorted. A directory that cannot be read is a loss."""
    pending = [("", root)]
    while pending:
        base, directory = pending.pop()
        entries: list[tuple[str, str, bool]] = []
        with keeping("directory", directory), os.scandir(directory) as listed:
            entries = sorted((entry.name, entry.path, entry.is_dir(follow_symlinks=False)) for entry in listed)
        for name, path, is_folder in entries:
            if not is_folder:
                yield _Found(path, base + name, _problem(path))
        pending += [(f"{base}{name}/", path) for name, path, is_folder in reversed(entries) if is_folder]


def _problem(path: str) -> str:
    """Why the thing at this path cannot be copied; empty for a file, also where a link leads to it."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if not is_environmental(error):
            raise
        return "a broken link" if os.path.islink(path) else ""  # copying it meets the same, and counts it
    if stat.S_ISREG(mode):
        return ""
    return "a link to a directory" if stat.S_ISDIR(mode) else kind_of(mode)


def _warn(root: str, left_out: list[str]) -> None:
    import warnings

    more = f", and {len(left_out) - _MOST_NAMED} more" if len(left_out) > _MOST_NAMED else ""
    warnings.warn(
        f"log_artifacts({root!r}) kept all other files and left out {', '.join(left_out[:_MOST_NAMED])}{more}",
        UserWarning,
        stacklevel=3,
    )


def _file(source: Any) -> str:
    """The path of a regular file that exists."""
    if not isinstance(source, (str, os.PathLike)):
        raise WrongType(f"source of type {type(source).__name__} must be a path or bytes; use log_model for a model")
    path = os.fsdecode(source)
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        raise ArtifactNotFound(f"source={path!r} has a NUL in it; there is no such file") from None
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            raise ArtifactNotFound(f"source={path!r} does not exist{_seen_from()}") from error
        if not is_environmental(error):
            raise
        return path  # copying it meets the same, and counts it
    if stat.S_ISDIR(mode):
        raise InvalidArgument(f"source={path!r} is a directory; use log_artifacts")
    if not stat.S_ISREG(mode):
        raise InvalidArgument(f"source={path!r} is {kind_of(mode)}, not a file that could be copied")
    return path


def _seen_from() -> str:
    try:
        return f" (working directory: {os.getcwd()!r})"
    except FileNotFoundError:
        return " (the working directory was deleted)"


def _guess(name: str) -> str:
    import mimetypes

    return mimetypes.guess_type(name)[0] or "application/octet-stream"
