"""The handle through which a program records one run."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import ArtifactNotFound, InvalidArgument, RunEnded, WrongType
from runlore.journal.values import flatten, time_ns_of
from runlore.names import check_key, check_path_name
from runlore.run import ends
from runlore.run.media import MediaMethods

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from types import TracebackType

    from runlore.journal import JournalWriter
    from runlore.store import DirectoryStore


class Run(MediaMethods):
    """One recorded execution, while it is being recorded. Made by `runlore.start` and `runlore.resume`.

    What a returned call logged survives `kill -9` of the process. No call raises because of the disk; what could not be
    kept is counted, said once on stderr, and shown on the run. Wrong arguments raise before anything is stored.
    Threads may share a handle; a forked child may go on using it.

    As a context manager it ends with the block: `succeeded`, or `failed` with the exception, which propagates.

    Attributes:
        uid: 32 hex digits, sortable by time, unique everywhere.
        experiment: its name, a path such as `vision/cifar10`.
        name: a name for people, or None.
        store: where it is recorded.
        path: its directory.
        params: what `log_param` and `log_params` recorded through this handle.

    Example:
        >>> import runlore
        >>> with runlore.start("iris/baseline", params={"lr": 0.1}) as run:
        ...     for step in range(3):
        ...         run.log_metric("loss", 1.0 / (step + 1), step=step)
        >>> run.status
        'succeeded'
    """

    def __init__(
        self, store: DirectoryStore, journal: JournalWriter, *, uid: str, number: int | None, experiment: str,
        path: str, name: str | None, owner: bool,
    ) -> None:  # fmt: skip
        self.uid = uid
        self._number = number
        self.experiment = experiment
        self.name = name
        self.store = store
        self.path = path
        self.params: dict[str, Any] = {}
        self._journal = journal
        self._owner = owner
        self._pid = os.getpid()
        self._terminal: str | None = None
        self._ended = False
        self._status = model.RUNNING
        self._extra: dict[str, Any] = {}
        self._captures: Any = None
        self._lost_artifacts = 0
        if type(self).log_metric is Run.log_metric:
            # One Python call a point: the bound method of the journal is the method of the run.
            self.__dict__["log_metric"] = journal.scalar

    def __repr__(self) -> str:
        return f"<Run {self.experiment}#{self.number} {self.status} uid={self.uid}>"

    def __enter__(self) -> Run:  # noqa: PYI034 - a subclass gets its own type from its own start
        """The run itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run with the block; an exception ends it as `failed` and goes on."""
        status, about = ends.status_of(error)
        self.end(status, about)

    @property
    def status(self) -> str:
        """`running`, what `log_status` said last, or how the run ended."""
        return self._status

    @property
    def number(self) -> int:
        """Counted 1, 2, 3 … within the experiment; 0 in a process that joined before the run's owner had one."""
        if self._number is None:
            from runlore.store.start_event import start_of

            found = start_of(self.path).get("number")
            self._number = None if found is None else int(found)
        return self._number or 0

    @property
    def ended(self) -> bool:
        """Whether this handle was finished."""
        return self._ended

    @property
    def lost(self) -> int:
        """Records of this process that could not be kept so far."""
        return int(self._journal.lost) + self._lost_artifacts

    # -- numbers ------------------------------------------------------------------------------------------------

    def log_metric(
        self, key: str, value: float, step: float | None = None, time: float | datetime | None = None
    ) -> None:  # fmt: skip
        """Record one point of a metric's series. Costs about as much as `list.append`.

        Args:
            key: name of the metric; any text, `/` groups: `train/loss`.
            value: an int, float or bool, a NumPy or torch scalar, or anything with `.item()`. NaN and ±inf are kept.
            step: where on the x axis; any order, gaps, negative and decimal steps are kept. None: no step.
            time: seconds since 1970 UTC or a datetime (naive: UTC). None: now.

        Raises:
            WrongType: a value, step or time is not a number, for example text.
            InvalidArgument: one cannot be stored as float64. In both cases nothing was recorded.
            RunEnded: the run was finished.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     run.log_metric("loss", 0.25, step=1)
        """
        self._journal.scalar(key, value, step, time)

    def log_metrics(
        self, metrics: Mapping[str, Any], step: float | None = None, time: float | datetime | None = None
    ) -> None:
        """Record several metrics that share one step and one time: all of them, or none.

        Args:
            metrics: names to values; nested mappings flatten with `/`.
            step: as for `log_metric`.
            time: as for `log_metric`.

        Raises:
            WrongType, InvalidArgument, RunEnded: as for `log_metric`.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     run.log_metrics({"train": {"loss": 0.2, "acc": 0.9}}, step=1)
        """
        if not hasattr(metrics, "values"):
            raise WrongType(f"metrics={metrics!r} must be a mapping of names to numbers")
        for value in metrics.values():
            if value.__class__ is not float and hasattr(value, "keys"):
                metrics = flatten(metrics)
                break
        self._journal.row(metrics, step, time)

    # -- facts --------------------------------------------------------------------------------------------------

    def log_param(self, key: str, value: Any) -> None:
        """Record one parameter. Logging it again changes it; earlier values stay in the run's events.

        Args:
            key: its name.
            value: a number, text, bool, None, or lists and mappings of these. Integers keep every digit.

        Raises:
            WrongType, InvalidArgument: the value cannot be stored as JSON. Nothing was recorded.
            RunEnded: the run was finished.
        """
        check_key(key, "key")
        self._journal.event(model.PARAM, key, value, extra=None)
        self.params[key] = value

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters; nested mappings flatten with `/`.

        Raises:
            WrongType, InvalidArgument: a value cannot be stored. Nothing was recorded.

        Example:
            >>> import runlore
            >>> with runlore.start("iris", params={"lr": 0.1}) as run:
            ...     run.log_params({"optimizer": {"name": "adam", "betas": [0.9, 0.999]}})
            >>> run.params["optimizer/name"]
            'adam'
        """
        from runlore.run.arguments import check_event

        if not hasattr(params, "items"):
            raise WrongType(f"params={params!r} must be a mapping of names to values")
        flat = flatten(params)
        for key, value in flat.items():
            check_key(key, "key")
            check_event(model.PARAM, key, value)
        for key, value in flat.items():
            self.log_param(key, value)

    def unset_params(self, *keys: str) -> None:
        """Let params count no longer. Their values stay in the run's events; logging one again brings it back.

        Raises:
            WrongType, InvalidName: a key is none.
            RunEnded: the run was finished.

        Example:
            >>> import runlore
            >>> with runlore.start("iris", params={"lr": 0.1, "momentum": 0.9}) as run:
            ...     run.unset_params("momentum")
            >>> runlore.get_run(run.uid).params
            {'lr': 0.1}
        """
        for key in keys:
            check_key(key, "key")
        for key in keys:
            self._journal.event(model.UNSET, key, model.PARAM)
            self.params.pop(key, None)

    def set_tag(self, key: str, value: Any = "") -> None:
        """Set a tag. A tag with the value None is removed.

        Args:
            key: its name.
            value: text; numbers and bools become text.
        """
        _check_tag(key, value)
        self._journal.event(model.TAG, key, None if value is None else str(value))

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags, all of them or none: see `set_tag`."""
        if not hasattr(tags, "items"):
            raise WrongType(f"tags={tags!r} must be a mapping; add_tags takes words")
        for key, value in tags.items():
            _check_tag(key, value)
        for key, value in tags.items():
            self.set_tag(key, value)

    def add_tags(self, tags: Iterable[str]) -> None:
        """Add tags that are only words, all of them or none."""
        if not hasattr(tags, "__iter__"):
            raise WrongType(f"tags={tags!r} must be words")
        self.set_tags(dict.fromkeys((tags,) if isinstance(tags, str) else tags, ""))

    def set_name(self, name: str) -> None:
        """Give the run another name."""
        check_key(name, "name")
        self._journal.event(model.ATTRIBUTE, "name", name)
        self.name = name

    def set_description(self, description: str) -> None:
        """Describe the run, in Markdown if you like."""
        if not isinstance(description, str):
            raise WrongType(f"description={description!r} must be text")
        self._journal.event(model.ATTRIBUTE, "description", description)

    def log_event(
        self, kind: str, key: str, value: Any = None, *, step: float | None = None,
        time: float | datetime | None = None, columns: Mapping[str, Any] | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Record a fact of any kind.

        Args:
            kind: what sort of fact; see `runlore.model.EVENT_KINDS`, or a word of your own.
            key: its name.
            value: anything that can be JSON.
            step: as for `log_metric`.
            time: as for `log_metric`.
            columns: columns of this event alone, in `Experiment.data()`.
            extra: the same as arguments, for columns that are not called like an argument of this method.

        Raises:
            InvalidArgument: an extra column has a reserved name.
            WrongType: a value cannot be stored.
        """
        check_key(kind, "kind")
        check_key(key, "key")
        check_columns(columns or {})
        merged = {**(columns or {}), **extra}
        check_columns(merged)
        self._journal.event(kind, key, value, step=step, time_ns=_time(time), extra=merged or None)

    def log_extra(self, **columns: Any) -> None:
        """Give every later record of this process further columns in `Experiment.data()`; None removes one.

        Raises:
            InvalidArgument: a column has a reserved name, such as `run` or `key`.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     run.log_extra(fold=3)
            ...     run.log_metric("acc", 0.9)
            >>> runlore.experiment("iris").data(key="acc")["fold"].tolist()
            [3]
        """
        check_columns(columns)
        merged = {name: value for name, value in {**self._extra, **columns}.items() if value is not None}
        self._journal.columns(merged)
        self._extra = merged

    def log_system(self) -> None:
        """Record what this process runs on: platform, Python and installed packages."""
        from runlore.capture.environment import system_snapshot

        self._journal.event(model.SYSTEM, "system", system_snapshot())

    def log_status(self, status: str, message: str | None = None) -> None:
        """Say what the run is at, in a word of your own or one of `succeeded`, `failed`, `stopped`.

        Of the three that end a run, the first one wins: a later `finish` does not change it.
        """
        check_key(status, "status")
        if status == model.CRASHED:
            raise InvalidArgument("status='crashed' is what readers conclude; use 'failed'")
        self._journal.event(model.STATUS, status, message)
        if self._terminal is None:
            self._status = status
            if status in model.TERMINAL:
                self._terminal = status

    # -- artifacts ----------------------------------------------------------------------------------------------

    def log_artifact(
        self, source: str | os.PathLike[str] | bytes, name: str | None = None, *, kind: str = "file",
        media_type: str | None = None, step: float | None = None, metadata: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Keep a file, or bytes, with the run. Contents are stored once however often they are logged.

        Args:
            source: path of a file, which is copied now; or the contents.
            name: a name within the run, `/` makes folders; by default the file's own. The same name again is a new
                version of the artifact.
            kind: what it is, for readers: `file`, `model`, `image` …
            media_type: such as `image/png`; guessed from the name by default.
            step: where in the run it belongs.
            metadata: anything that can be JSON.

        Raises:
            ArtifactNotFound: there is no such file (it is a `FileNotFoundError`).
            InvalidArgument: bytes without a name, a directory, or a name that would leave the run.
            WrongType: the step, the metadata or another argument is of a type that cannot be stored. Nothing was.
        """
        from runlore.run.arguments import as_mapping

        content: bytes | str
        if isinstance(source, (bytes, bytearray, memoryview)):
            if name is None:
                raise InvalidArgument("name=None: bytes have no name of their own; pass name='…'")
            content = bytes(source)
        else:
            content = _file(source)
            name = os.path.basename(content) if name is None else name
        check_path_name(name, "name")
        about = dict(as_mapping(metadata, "metadata"))
        about["kind"] = kind
        about["media_type"] = media_type or _guess(name)
        self._keep(content, name, about, step)

    def log_artifacts(self, directory: str | os.PathLike[str], prefix: str = "") -> int:
        """Keep every file under a directory, by its relative path below `prefix`.

        Links to directories are not followed.

        Returns:
            How many files were kept.

        Raises:
            ArtifactNotFound: there is no such directory.
            InvalidArgument: a file's name cannot be an artifact's name. Nothing was recorded.
        """
        for argument, given, kinds in (("directory", directory, (str, os.PathLike)), ("prefix", prefix, (str,))):
            if not isinstance(given, kinds):
                raise WrongType(f"{argument}={given!r} must be text, not {type(given).__name__}")
        root = os.fspath(directory)
        if not os.path.isdir(root):
            problem = "is a file; use log_artifact" if os.path.exists(root) else "does not exist"
            raise ArtifactNotFound(f"directory={root!r} {problem}")
        found = []
        for parent, folders, files in os.walk(root):
            folders.sort()
            for file in sorted(files):
                path = os.path.join(parent, file)
                name = "/".join(filter(None, [prefix.strip("/"), *os.path.relpath(path, root).split(os.sep)]))
                if os.path.isfile(path):
                    found.append((path, check_path_name(name, "name")))
        for path, name in found:
            self.log_artifact(path, name)
        return len(found)

    def _keep(
        self, content: bytes | str, name: str, about: dict[str, Any], step: float | None, *, time: Any = None,
        columns: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Store contents and record the artifact; a disk that is full is counted and said, and not raised."""
        from runlore.run.arguments import check_artifact

        self._check_open()
        check_columns(columns or {})
        check_artifact(name, about, step, columns)
        time_ns = _time(time)
        try:
            put = self.store.put_bytes(content) if isinstance(content, bytes) else self.store.put_file(content)
        except OSError as error:
            self._lost_artifacts += 1
            self._journal.event(model.LOST, name, {"artifact": name, "reason": error.strerror or str(error)})
            if sys.__stderr__ is not None:
                print(
                    f"runlore: artifact {name!r} of run {self.uid} could not be kept: {error.strerror or error}",
                    file=sys.__stderr__,
                )
            return
        value = {"digest": put[0], "size": put[1], **about}
        self._journal.event(model.ARTIFACT, name, value, step=step, time_ns=time_ns, extra=columns or None)

    def outputs_directory(self) -> str:
        """A directory of the run's for files that the program writes itself. Made now, kept within the run's own.

        It is copied, moved and deleted with the run. What is in it is no artifact before `log_artifact` keeps it.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     path = run.outputs_directory()
            >>> path == runlore.get_run(run.uid).directory + "/outputs"
            True
        """
        path = os.path.join(self.path, "outputs")
        os.makedirs(path, exist_ok=True)
        return path

    # -- other processes, other runs ----------------------------------------------------------------------------

    def env(self) -> dict[str, str]:
        """Environment variables with which another process joins this run.

        A process that has them in its environment records into this run when it calls `runlore.start`, in a journal of
        its own; this process alone ends the run.
        """
        return {"RUNLORE_RUN": self.uid, "RUNLORE_STORE": self.store.root, "RUNLORE_EXPERIMENT": self.experiment}

    def child(self, name: str | None = None, *, experiment: str | None = None, **options: Any) -> Run:
        """Start a run that belongs under this one.

        Args:
            name: its name.
            experiment: by default the one of this run.
            options: as for `runlore.start`.
        """
        from runlore.run.starting import start

        return start(experiment or self.experiment, name, parent=self.uid, store=self.store, join=False, **options)

    # -- the end ------------------------------------------------------------------------------------------------

    def finish(self, status: str = model.SUCCEEDED) -> None:
        """End the run. A second call does nothing.

        In a forked child, and in a process that joined the run, this only ends what the process itself records.

        Args:
            status: `succeeded`, `failed` or `stopped`.

        Raises:
            InvalidArgument: another status.
        """
        if status not in model.TERMINAL:
            raise InvalidArgument(f"status={status!r} must be one of {', '.join(sorted(model.TERMINAL))}")
        self.end(status, {})

    def end(self, status: str, about: dict[str, Any]) -> None:
        """End the run with what is known of the reason: exit code, exception type, message, traceback. Idempotent."""
        if self._ended:
            return
        forked = os.getpid() != self._pid
        captures, self._captures = self._captures, None
        if captures is not None and not forked:
            captures.stop()  # before the handle is closed: what captures store last is artifacts, too
        if self.ended:
            return  # a signal handler ended the run while captures were stopping
        self._ended = True
        ends.forget(self)
        if self._owner and not forked:
            final = self._terminal or status
            self._journal.stop(final, about)
            self._status = final
        elif about.get("exception"):
            self._journal.event(model.STATUS, f"process {status}", about)
        self._journal.close()

    def _check_open(self) -> None:
        if self._ended:
            raise RunEnded(
                f"run {self.uid} was finished: nothing more can be logged through this handle. "
                f"What was logged is kept. To go on, call runlore.resume({self.uid!r})"
            )


def check_columns(columns: Mapping[str, Any]) -> None:
    """Raise `InvalidArgument` where an extra column has a reserved name, `WrongType` where these are no columns."""
    if not hasattr(columns, "items"):
        raise WrongType(f"columns={columns!r} must be a mapping of names to values")
    for name in columns:
        if name in model.RESERVED_COLUMNS:
            raise InvalidArgument(
                f"{name}={columns[name]!r}: {name!r} is a column of its own; choose another name than "
                + ", ".join(sorted(model.RESERVED_COLUMNS))
            )


def _check_tag(key: Any, value: Any) -> None:
    check_key(key, "key")
    if value is not None and not isinstance(value, (str, int, float, bool)):
        raise WrongType(f"tag {key!r}: value={value!r} must be text, not {type(value).__name__}")


def _time(time: Any) -> int | None:
    return None if time is None else time_ns_of(time)


def _file(source: Any) -> str:
    if not isinstance(source, (str, os.PathLike)):
        raise WrongType(f"source of type {type(source).__name__} must be a path or bytes; use log_model for a model")
    path = os.fspath(source)
    if "\0" in path or not os.path.exists(path):
        raise ArtifactNotFound(f"source={path!r} does not exist (working directory: {os.getcwd()!r})")
    if os.path.isdir(path):
        raise InvalidArgument(f"source={path!r} is a directory; use log_artifacts")
    return path


def _guess(name: str) -> str:
    import mimetypes

    return mimetypes.guess_type(name)[0] or "application/octet-stream"
