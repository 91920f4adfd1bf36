"""v2 experiments: `start_experiment` and what it gives, on a native run and a native card."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runlore import registry
from runlore.dialects._absent import refuse
from runlore.dialects._native import number_of, open_store, step_of, versions_taken
from runlore.dialects.opsml import _names
from runlore.dialects.opsml._environment import about_card, caller
from runlore.dialects.opsml._errors import OpsmlError, runtime_errors
from runlore.dialects.opsml._experiment_card import KIND, ExperimentCard, load_experiment_card
from runlore.dialects.opsml._metrics import (
    EvalMetrics,
    ExperimentEvalMetrics,
    Metric,
    Metrics,
    Parameter,
    Parameters,
    read_metrics,
    read_parameters,
)
from runlore.dialects.opsml._registry import SAVING, check_card, register_card
from runlore.dialects.opsml._versions import VersionType, second
from runlore.errors import InvalidArgument, WrongType
from runlore.names import check_key, check_path_name
from runlore.run import resume, start
from runlore.versions import MINOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from runlore.run import Run

HARDWARE_INTERVAL_S = 30.0
_CODE = "code"
_TRIES = 1000


class _NameTaken(Exception):
    """A random name that exists already."""


@runtime_errors
def start_experiment(
    space: str | None = None, name: str | None = None, tags: Sequence[str] | None = None,
    code_dir: str | os.PathLike[str] | None = None, log_hardware: bool = False, experiment_uid: str | None = None,
) -> Experiment:  # fmt: skip
    """Start an experiment, or go on with one.

    Args:
        space: cleaned; by default what pyproject.toml says.
        name: cleaned; by default what pyproject.toml says, else two random words that no experiment of the space has.
        tags: words.
        code_dir: a directory or file to keep under `artifacts/code/`. By default the calling script.
        log_hardware: sample the hardware at once, and every 30 s.
        experiment_uid: go on with this experiment; space, name and tags are not looked at.

    Raises:
        OpsmlError: no space is given, a name cannot be one, or there is no such experiment. Nothing was recorded.
    """
    code = _checked_code(code_dir)
    if experiment_uid is not None:
        return _go_on(experiment_uid, code, log_hardware=log_hardware)
    return _begin(space, name, tags, code or caller(), log_hardware=log_hardware, parent=None)


def get_experiment_metrics(experiment_uid: str, names: Sequence[str] | None = None) -> Metrics:
    """An experiment's metrics, by name, step (none last) and time; empty where there is no such experiment."""
    return read_metrics(experiment_uid, names)


def get_experiment_parameters(experiment_uid: str, names: Sequence[str] | None = None) -> Parameters:
    """An experiment's parameters, as they were logged; empty where there is no such experiment."""
    return read_parameters(experiment_uid, names)


def _begin(
    space: str | None, name: str | None, tags: Sequence[str] | None, code: str | None, *, log_hardware: bool,
    parent: Run | None,
) -> Experiment:  # fmt: skip
    space = space if space is not None else _names.default("space", KIND)
    if space is None:
        raise OpsmlError(
            "Key not found: space is missing; give start_experiment(space=...), or write space = '...' under "
            "[tool.opsml.default] in pyproject.toml"
        )
    name = name if name is not None else _names.default("name", KIND)
    words = [tags] if isinstance(tags, str) else list(tags or [])
    for word in words:
        check_key(word, "tags")
    for _ in range(_TRIES):
        cleaned = _names.clean_names(space, name if name is not None else _names.two_words())
        try:
            return _record(*cleaned, words, code, log_hardware=log_hardware, parent=parent, fresh=name is None)
        except _NameTaken:
            continue
    raise OpsmlError(f"space {space!r} has an experiment of nearly every random name; give name=")


def _record(
    space: str, name: str, tags: list[str], code: str | None, *, log_hardware: bool, parent: Run | None, fresh: bool
) -> Experiment:  # fmt: skip
    store = parent.store if parent is not None else open_store(create=True)
    if fresh and versions_taken(store, KIND, space, name):
        raise _NameTaken
    run = start(
        f"{space}/{name}", tags=tags, parent=parent, store=store, join=False, capture=_capture(log_hardware)
    )  # fmt: skip
    try:
        card = registry.register(
            KIND, space, name, bump=second(None, MINOR, None, None), uid=run.uid, run=run.uid, run_role="record",
            tags=tags, metadata=about_card(subexperiment=parent is not None), store=store,
        )  # fmt: skip
        run.set_name(f"{name} {card.version}")
        experiment = Experiment(run, ExperimentCard(card))
        if code is not None:
            experiment.log_code(code)
    except BaseException:
        run.finish("failed")
        raise
    return experiment


def _go_on(uid: str, code: str | None, *, log_hardware: bool) -> Experiment:
    card = load_experiment_card(uid)
    run = resume(card.uid, store=card.native.store.location, capture=_capture(log_hardware))
    experiment = Experiment(run, card)
    if code is not None:
        experiment.log_code(code)
    return experiment


def _capture(log_hardware: bool) -> dict[str, Any]:
    wanted = {"interval_s": HARDWARE_INTERVAL_S, "per_core": True, "whole_start": True}
    return {"hardware": wanted if log_hardware else False}


def _checked_code(code_dir: Any) -> str | None:
    if code_dir is None:
        return None
    path: str = os.path.abspath(os.fspath(code_dir))
    if not os.path.exists(path):
        raise InvalidArgument(f"code_dir={os.fspath(code_dir)!r} does not exist. Nothing was recorded")
    return path


class Experiment:
    """A running experiment. As a context manager it ends with the block: Ok, or Error with the exception.

    Attributes:
        run: the native run that it is recorded in.

    Example:
        >>> with start_experiment(space="opsml", name="demo") as exp:
        ...     exp.log_metric("acc", 0.9, step=1)
        >>> exp.card.version, exp.card.status.name, exp.card.get_metrics()[0].value
        ('0.1.0', 'Ok', 0.9)
    """

    def __init__(self, run: Run, card: ExperimentCard) -> None:
        self.run = run
        self._card = card

    def __enter__(self) -> Experiment:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """The experiment itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; an exception goes on."""
        self.run.__exit__(kind, error, trace)

    @property
    def card(self) -> ExperimentCard:
        """Its card."""
        return self._card

    @property
    def uid(self) -> str:
        """Its uid, and its run's."""
        return self.run.uid

    @runtime_errors
    def start_experiment(
        self, space: str | None = None, name: str | None = None, tags: Sequence[str] | None = None,
        code_dir: str | os.PathLike[str] | None = None, log_hardware: bool = False, experiment_uid: str | None = None,
    ) -> Experiment:  # fmt: skip
        """Start an experiment under this one; by default in the same space."""
        code = _checked_code(code_dir)
        if experiment_uid is not None:
            return _go_on(experiment_uid, code, log_hardware=log_hardware)
        space = space if space is not None else self._card.space
        return _begin(space, name, tags, code or caller(), log_hardware=log_hardware, parent=self.run)

    # -- metrics and parameters ---------------------------------------------------------------------------------

    @runtime_errors
    def log_metric(
        self, name: str, value: float, step: int | None = None, timestamp: int | None = None,
        created_at: datetime | None = None,
    ) -> None:  # fmt: skip
        """Record one value of a metric.

        Args:
            name: of the metric.
            value: a number, a bool; NaN and infinities are kept.
            step: a whole number.
            timestamp: an integer that is kept as it is, as an extra column.
            created_at: when it was measured; by default now.

        Raises:
            TypeError: the value or step is no number.
        """
        self._log(name, value, step, timestamp, created_at, is_eval=False)

    @runtime_errors
    def log_metrics(self, metrics: Sequence[Metric]) -> None:
        """Record several metrics, each with its own step and time: all, or none where one cannot be recorded."""
        if not isinstance(metrics, (list, tuple, Metrics)):
            raise WrongType(f"metrics must be a list of Metric, not {type(metrics).__name__}")
        for item in metrics:
            if not isinstance(item, Metric):
                raise WrongType(f"metrics has a {type(item).__name__}; give Metric(name, value)")
            check_key(item.name, "name")
            number_of(item.name, item.value)
            step_of(item.step)
        for item in metrics:
            self._log(item.name, item.value, item.step, item.timestamp, item.created_at, is_eval=item.is_eval)

    @runtime_errors
    def log_eval_metrics(self, metrics: ExperimentEvalMetrics | Mapping[str, float]) -> None:
        """Record the metrics by which the experiment is judged: `card.eval_metrics`."""
        values = metrics.metrics if isinstance(metrics, ExperimentEvalMetrics) else metrics
        if not hasattr(values, "items"):
            raise WrongType(f"metrics must be ExperimentEvalMetrics, not {type(metrics).__name__}")
        numbers = {check_key(name, "name"): number_of(name, value) for name, value in values.items()}
        for name, value in numbers.items():
            self._log(name, value, None, None, None, is_eval=True)

    def _log(self, name: str, value: Any, step: Any, timestamp: Any, created_at: Any, *, is_eval: bool) -> None:
        if timestamp is None and not is_eval:
            self.run.log_metric(name, value, step, created_at)
            return
        extra: dict[str, Any] = {} if timestamp is None else {"timestamp": int(timestamp)}
        if is_eval:
            extra["is_eval"] = True
        self.run.log_event("metric", name, number_of(name, value), step=step, time=created_at, **extra)

    @runtime_errors
    def log_parameter(self, name: str, value: float | str) -> None:
        """Record a parameter: an int, a float or a text, which comes back as such.

        Raises:
            OpsmlError: it is something else.
        """
        self.run.log_param(name, Parameter(name, value).value)

    log_param = log_parameter

    @runtime_errors
    def log_parameters(self, parameters: Mapping[str, Any] | Sequence[Parameter]) -> None:
        """Record parameters, from a mapping or a list of `Parameter`: all, or none where one cannot be recorded."""
        if hasattr(parameters, "items"):
            found = [Parameter(name, value) for name, value in parameters.items()]
        elif isinstance(parameters, (list, Parameters)) and all(isinstance(item, Parameter) for item in parameters):
            found = list(parameters)
        else:
            raise OpsmlError(f"parameters={parameters!r} must be a mapping, or a list of Parameter")
        for item in found:
            check_key(item.name, "name")
        for item in found:
            self.run.log_param(item.name, item.value)

    log_params = log_parameters

    # -- files --------------------------------------------------------------------------------------------------

    @runtime_errors
    def log_artifact(self, lpath: str | os.PathLike[str], rpath: str | os.PathLike[str] | None = None) -> None:
        """Keep a file, under `artifacts/<rpath>`, or its own name.

        Raises:
            OpsmlError: it does not exist, is a directory, or `rpath` would leave the experiment.
        """
        self.run.log_artifact(_file(lpath), _name(rpath, lpath))

    log_artifact_from_file = log_artifact

    @runtime_errors
    def log_artifacts(self, path: str | os.PathLike[str]) -> None:
        """Keep every file of a directory by its path within it. The files themselves are only read."""
        self.run.log_artifacts(path)

    @runtime_errors
    def log_figure(self, name: str, figure: Any, kwargs: Mapping[str, Any] | None = None) -> None:
        """Keep a figure under `artifacts/figures/<name>`.

        Args:
            name: its suffix says the format; PNG by default.
            figure: of Matplotlib or Plotly.
            kwargs: passed on to Matplotlib's `savefig`.
        """
        check_path_name(name, "name")
        options = dict(kwargs or {})
        suffix = os.path.splitext(name)[1].lstrip(".").lower()
        if suffix in ("png", "svg", "pdf", "jpg", "webp", "json"):
            options.setdefault("format", suffix)
        self.run.log_figure(figure, f"figures/{name}", **options)

    @runtime_errors
    def log_figure_from_path(
        self, lpath: str | os.PathLike[str], rpath: str | os.PathLike[str] | None = None
    ) -> None:  # fmt: skip
        """Keep an image file under `artifacts/figures/`.

        Raises:
            OpsmlError: its suffix is no image's.
        """
        import mimetypes

        path = _file(lpath)
        media_type = mimetypes.guess_type(path)[0] or ""
        if not media_type.startswith("image/"):
            raise OpsmlError(f"lpath={path!r} is no image by its suffix ({media_type or 'unknown'}); use log_artifact")
        self.run.log_artifact(path, f"figures/{_name(rpath, lpath)}", kind="image", media_type=media_type)

    def log_code(self, path: str) -> None:
        """Keep a file, or a directory with all that is in it, under `artifacts/code/`."""
        base = os.path.basename(os.path.abspath(path))
        if os.path.isdir(path):
            self.run.log_artifacts(path, f"{_CODE}/{base}")
        else:
            self.run.log_artifact(path, f"{_CODE}/{base}", kind=_CODE)

    # -- cards --------------------------------------------------------------------------------------------------

    @runtime_errors
    def register_card(
        self, card: Any, version_type: VersionType | str = VersionType.Minor, pre_tag: str | None = None,
        build_tag: str | None = None, **others: Any,
    ) -> None:  # fmt: skip
        """Register a card as one of this experiment's: `card.experimentcard_uid`, and `exp.card.uids`."""
        refuse("register_card", others, SAVING)
        chooser = second(check_card(card).version, version_type, pre_tag, build_tag)
        register_card(card, chooser, run=self.run, store=self.run.store)


def _file(path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise WrongType(f"lpath of type {type(path).__name__} must be a path")
    text = os.fspath(path)
    if os.path.isdir(text):
        raise OpsmlError(f"Path is not a file: lpath={text!r} is a directory. Use log_artifacts")
    if not os.path.isfile(text):
        raise OpsmlError(f"Path does not exist: lpath={text!r} (working directory: {os.getcwd()!r})")
    return text


def _name(rpath: Any, lpath: Any) -> str:
    return check_path_name(os.fspath(rpath) if rpath is not None else os.path.basename(os.fspath(lpath)), "rpath")


__all__ = [
    "EvalMetrics",
    "Experiment",
    "ExperimentCard",
    "ExperimentEvalMetrics",
    "Metric",
    "Metrics",
    "Parameter",
    "Parameters",
    "get_experiment_metrics",
    "get_experiment_parameters",
    "start_experiment",
]
