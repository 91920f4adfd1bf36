"""The handle through which a program records one run."""

from __future__ import annotations

import os

from runlore import model
from runlore.errors import InvalidArgument, RunEnded, WrongType
from runlore.failures import reason_of
from runlore.journal.leaves import shown
from runlore.journal.plain import plain
from runlore.journal.values import flatten, top_entries
from runlore.names import check_key
from runlore.run import ends
from runlore.run.arguments import check_columns, check_event, check_tag, optional_time_ns
from runlore.run.artifacts import ArtifactMethods
from runlore.run.losses import Keeping
from runlore.run.media import MediaMethods

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType
    from typing import Any

    from runlore.recorder import Recorder
    from runlore.run.config import Config
    from runlore.run.watching import Watch
    from runlore.store.base import RecordedRun, Store


class Run(ArtifactMethods, MediaMethods):
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
        self, store: Store, run: RecordedRun, recorder: Recorder, number: int | None, experiment: str,
        name: str | None, *, owner: bool, start: Callable[..., Run],
    ) -> None:  # fmt: skip
        self.uid = run.uid
        self._run = run
        self._number = number
        self.experiment = experiment
        self.name = name
        self.store = store
        self.params: dict[str, Any] = {}
        self._journal = recorder
        self._owner = owner
        self._start = start
        self._pid = os.getpid()
        self._terminal: str | None = None
        self._ended = False
        self._status = model.RUNNING
        self._extra: dict[str, Any] = {}
        self._captures: Any = None
        """The journal of the process that this handle was copied from, if it was."""
        if type(self).log_metric is Run.log_metric:
            # One Python call a point: the bound method of the recorder is the method of the run.
            self.__dict__["log_metric"] = recorder.scalar

    def __copy__(self) -> Run:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Run:
        return self

    def __reduce__(self) -> tuple[Any, tuple[type[Run], dict[str, Any]]]:
        """As what names the run: in another process this becomes a handle that joins it; see `runlore.run.copies`."""
        from runlore.run.copies import restore

        about = {
            "store": self.store, "uid": self.uid, "number": self.number or None, "experiment": self.experiment,
            "run": self._run, "name": self.name, "params": self.params, "columns": self._extra,
            "status": self._status, "ended": self._ended, "start": self._start,
        }  # fmt: skip
        return restore, (type(self), about)

    def _adopt(self, about: Mapping[str, Any], *, over: bool) -> None:
        """Be what `__reduce__` told of: a handle in another process, or at a later time."""
        self.params, self._status = dict(about["params"]), about["status"]
        if about["columns"]:
            self.log_extra(**about["columns"])
        if over:
            self._ended = True
            self._journal.close()

    def __repr__(self) -> str:
        return f"<Run {self.experiment}#{self.number} {self.status} uid={self.uid}>"

    def _repr_html_(self) -> str:
        """The run and its params, for notebooks."""
        from runlore import notebook

        about = {"store": self.store.location, "uid": self.uid} | ({"lost": self.lost} if self.lost else {})
        title = notebook.heading(f"{self.experiment}#{self.number}", beside=f"{self.name or ''} {self.status}".strip())
        return title + notebook.table(about.items()) + notebook.section("params", self.params)

    def __enter__(self) -> Run:  # noqa: PYI034 - a subclass gets its own type from its own start
        """The run itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run with the block; an exception ends it as `failed` and goes on as it is."""
        status, about = ends.status_of(error)
        try:
            self.end(status, about)
        except Exception as failure:
            if error is None:
                raise
            self._journal.say(
                f"run {self.uid} could not be ended in order ({type(failure).__name__}: {reason_of(failure)})"
            )

    @property
    def path(self) -> str:
        """The directory of this machine in which the run is recorded.

        Raises:
            NotLocal: its store keeps it elsewhere.
        """
        return self._run.directory

    @property
    def status(self) -> str:
        """`running`, what `log_status` said last, or how the run ended."""
        return self._status

    @property
    def number(self) -> int:
        """Counted 1, 2, 3 … within the experiment; 0 where the run has none yet.

        So it is in a process that joined before the run's owner had one, and while the server that gives it is out of
        reach.
        """
        if self._number is None:
            found = self._run.start().get("number")
            self._number = None if found is None else int(found)
        return self._number or 0

    @property
    def ended(self) -> bool:
        """Whether this handle was finished."""
        return self._ended

    @property
    def lost(self) -> int:
        """Records and contents that this process could not keep so far. Readers find the sum of all processes."""
        return int(self._journal.lost)

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
        if metrics.__class__ is not dict:
            metrics = _as_mapping(metrics, "metrics")
        for value in metrics.values():
            if value.__class__ is not float and hasattr(value, "keys"):
                metrics = flatten(metrics, argument="metrics", keep_empty=False)
                break
        self._journal.row(metrics, step, time)

    def log(
        self, values: Mapping[str, Any], step: float | None = None, time: float | datetime | None = None
    ) -> None:  # fmt: skip
        """Record values by what they are: numbers as metrics; texts, images, figures and tables as artifacts.

        Args:
            values: names to values; nested mappings flatten with `/`. A number, or an array of one, is a point of a
                metric; a Pillow image, a figure of Matplotlib or Plotly, a table of pandas, Polars or PyArrow, and a
                text are artifacts of that name.
            step: where in the run all of them belong.
            time: as for `log_metric`, of the metrics.

        Raises:
            WrongType: a value could be several things, such as an array, or none; the message names the call for it.
            InvalidArgument, InvalidName: as for `log_metric`. Nothing was recorded.
            RunEnded: the run was finished.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     run.log({"train": {"loss": 0.2}, "sample": "to be or not to be"}, step=1)
            >>> runlore.get_run(run.uid).metrics
            {'train/loss': 0.2}
        """
        from runlore.run.log import log

        log(self, values, step, time)

    def define_metric(self, key: str, *, x: str | None = None, best: str | None = None) -> None:
        """Say how a metric is meant: which of its values is the best, and over what it is drawn.

        It is recorded with the run, and counts for comparisons with all others: `best(metrics.KEY)` in queries and
        orders, `KEY:best` in tables, `summary(value="best")`, `stats` and `plot`. Saying it again replaces it.

        Args:
            key: the metric; it need not have been logged yet.
            x: another metric, whose values at the same steps are this one's x axis, such as `epoch`. None: the step.
            best: `min` or `max`: whether the least or the greatest value is the best. None: not said.

        Raises:
            InvalidArgument: nothing is said, `best` is another word, or `x` is the metric itself. Nothing was recorded.
            InvalidName, WrongType: a key is none.
            RunEnded: the run was finished.

        Example:
            >>> import runlore
            >>> with runlore.start("iris") as run:
            ...     run.define_metric("val/acc", best="max")
            ...     for step, value in enumerate([0.5, 0.9, 0.8]):
            ...         run.log_metric("val/acc", value, step=step)
            >>> len(runlore.runs("best(metrics.val/acc) > 0.85"))
            1
        """
        from runlore.run.definitions import define_metric

        define_metric(self._journal, key, x, best)

    def watch(
        self, module: Any, *, log: str = "gradients", every: int = 100, prefix: str = "", bins: int = 64
    ) -> Watch:
        """Keep histograms of a PyTorch model's gradients, weights, or both, while it trains.

        They are made in the backward pass, of every so many, and are artifacts such as `gradients/layer1.weight` at the
        number of the backward pass. Each costs a copy of the tensor to the CPU: watch rarely what is large. Nothing of
        it ever reaches the training: what cannot be kept is said once, and the watching ends.

        Args:
            module: a `torch.nn.Module`.
            log: `gradients`, `parameters` or `all`.
            every: backward passes from one histogram to the next; the first one is kept.
            prefix: before the names, where several models are watched.
            bins: of each histogram.

        Returns:
            What ends it: `watch.close()`. It ends with the run, too, and is a context manager.

        Raises:
            WrongType: the module is no PyTorch module.
            InvalidArgument: another argument is none of these, or it has no parameter that is trained.
            RunEnded: the run was finished.
        """
        from runlore.run.watching import watch

        return watch(self, module, log=log, every=every, prefix=prefix, bins=bins)

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
        value = plain(value, f"param {key!r}")
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
        flat = flatten(params)
        for key, value in flat.items():
            check_key(key, "key")
            check_event(model.PARAM, key, value)
        for key, value in flat.items():
            self.log_param(key, value)

    @property
    def config(self) -> Config:
        """The params as a configuration: read and set by attribute and by key, at any depth. Setting records.

        Example:
            >>> import runlore
            >>> with runlore.start("iris", params={"model": {"depth": 3}}) as run:
            ...     run.config.lr = 0.1
            ...     run.config.update({"model": {"width": 8}})
            ...     print(run.config.model.depth, run.config["model"].to_dict())
            3 {'depth': 3, 'width': 8}
        """
        from runlore.run.config import Config

        return Config(self)

    @config.setter
    def config(self, values: Any) -> None:
        """Record all of a configuration."""
        self.log_params(values)

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
        check_tag(key, value)
        self._journal.event(model.TAG, key, None if value is None else str(value))

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags, all of them or none: see `set_tag`."""
        if not hasattr(tags, "items"):
            raise WrongType(f"tags={tags!r} must be a mapping; add_tags takes words")
        for key, value in tags.items():
            check_tag(key, value)
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
        self._journal.event(kind, key, value, step=step, time_ns=optional_time_ns(time), extra=merged or None)

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
        with self._keeping("system information", "system"):
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

    # -- other processes, other runs ----------------------------------------------------------------------------

    def env(self) -> dict[str, str]:
        """Environment variables with which another process joins this run.

        A process that has them in its environment records into this run when it calls `runlore.start`, in a journal of
        its own; this process alone ends the run.
        """
        return {"RUNLORE_RUN": self.uid, "RUNLORE_STORE": self.store.location, "RUNLORE_EXPERIMENT": self.experiment}

    def child(self, name: str | None = None, *, experiment: str | None = None, **options: Any) -> Run:
        """Start a run that belongs under this one.

        Args:
            name: its name.
            experiment: by default the one of this run.
            options: as for `runlore.start`.
        """
        return self._start(
            experiment or self.experiment, name, parent=self.uid, store=self.store, join=False, **options
        )

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
            with self._keeping("the last of the", "captures"):
                captures.stop()  # before the handle is closed: what captures store last is artifacts, too
        if self._owner and not forked:
            self._keep_outputs()
        if self.ended:
            return  # a signal handler ended the run meanwhile
        self._ended = True
        ends.forget(self)
        if self._owner and not forked:
            final = self._terminal or status
            self._journal.stop(final, about)
            self._status = final
        elif about.get("exception"):
            self._journal.event(model.STATUS, f"process {status}", about)
        self._journal.close()
        self._run.sync()

    def _keeping(self, what: str, key: str) -> Keeping:
        return Keeping(self._journal, what, key)

    def _check_open(self) -> None:
        if self._ended:
            raise RunEnded(
                f"run {self.uid} was finished: nothing more can be logged through this handle. "
                f"What was logged is kept. To go on, call runlore.resume({self.uid!r})"
            )


def _as_mapping(metrics: Any, argument: str) -> dict[Any, Any]:
    entries = top_entries(metrics)
    if entries is None:
        raise WrongType(f"{argument}={shown(metrics)} must be a mapping of names to numbers")
    return dict(entries)
