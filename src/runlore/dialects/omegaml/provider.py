"""Tracking providers: what every one of them does, and the one that does nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.names import check_path_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    import pandas as pd

    from runlore.dialects.omegaml.monitoring import DriftMonitorBase
    from runlore.dialects.omegaml.statistics import ExperimentStatistics
    from runlore.run import Run


class TrackingProvider(ABC):
    """What a tracker of an experiment does; subclass it and name it in `TRACKING_PROVIDERS` for one of your own.

    Every call is complete when it returns: there is no buffer. Handles are not meant to be shared by threads.

    Args:
        experiment: name of the experiment, a path such as `vision/cifar10`.
        options: of the provider; unknown ones are refused.
    """

    def __init__(self, experiment: str = "default", **options: Any) -> None:
        if options:
            raise InvalidArgument(f"{min(options)}={options[min(options)]!r} is no option of {type(self).__name__}")
        self._experiment = check_path_name(experiment, "name")
        self.tags: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._experiment!r}>"

    def experiment(self, name: str | None = None) -> TrackingProvider:
        """The tracker itself, from now on of the experiment of this name if one is given."""
        if name is not None:
            self._experiment = check_path_name(name, "name")
        return self

    @abstractmethod
    def start(self, run: int | None = None, immediate: bool = True) -> int | None:
        """Start a run; its number."""

    @abstractmethod
    def stop(
        self, flush: bool = True, kind: type[BaseException] | None = None, error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:  # fmt: skip
        """End the run; as failed with an exception."""

    @property
    def depth(self) -> int:
        """How many runs this handle records at the moment, one within the other."""
        return 0

    def unwind(
        self, depth: int, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The end of a `with` block that started a run when `depth` runs were being recorded."""
        del depth
        self.stop(kind=kind, error=error, trace=trace)

    @abstractmethod
    def active_run(self, run: int | None = None) -> int | None:
        """Select a run: the given one, else the open one, else a new one."""

    def use(self, run: int | None = None) -> TrackingProvider:
        """`active_run`, returning the tracker."""
        self.active_run(run)
        return self

    @abstractmethod
    def status(self, run: int | None = None) -> str:
        """`PENDING`, `STARTED` or `STOPPED`."""

    @abstractmethod
    def log_event(
        self, event: str, key: str, value: Any, step: float | None = None, dt: Any = None, **extra: Any
    ) -> None:
        """Log one fact."""

    @abstractmethod
    def log_events(
        self, event: str, key: str, values: Iterable[Any], step: float | None = None, dt: Any = None, **extra: Any
    ) -> None:
        """Log several facts that share step, time and extras."""

    @abstractmethod
    def log_artifact(
        self, obj: Any, name: str, step: float | None = None, dt: Any = None, event: str | None = None,
        key: str | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Log an object."""

    def log_metric(self, key: str, value: Any, step: float | None = None, dt: Any = None, **extra: Any) -> None:
        """Log a metric."""
        self.log_event("metric", key, value, step=step, dt=dt, **extra)

    def log_param(self, key: str, value: Any, step: float | None = None, dt: Any = None, **extra: Any) -> None:
        """Log a parameter: anything that can be JSON. NumPy scalars become numbers, arrays and series lists."""
        self.log_event("param", key, value, step=step, dt=dt, **extra)

    def log_data(
        self, key: str, value: Any, step: float | None = None, dt: Any = None, event: str | None = None, **extra: Any
    ) -> None:
        """Log data as an object that `restore_data` gives back; `allow_pickle=` as for `log_artifact`."""
        self.log_artifact(value, key, step=step, dt=dt, event=event or "data", key=key, **extra)

    @abstractmethod
    def log_system(
        self, key: str | None = None, value: Any = None, step: float | None = None, dt: Any = None, **extra: Any
    ) -> None:
        """Log platform, Python and packages."""

    @abstractmethod
    def log_extra(self, remove: bool = False, **extra: Any) -> None:
        """Give later rows further columns, or remove them."""

    @abstractmethod
    def data(self, experiment: str | None = None, run: Any = None, event: Any = None, **filters: Any) -> Any:
        """What was logged."""

    @property
    def stats(self) -> ExperimentStatistics:
        """Statistics: metrics, latency, throughput, group_latency, utilization."""
        from runlore.dialects.omegaml.statistics import ExperimentStatistics

        return ExperimentStatistics(self)

    def summary(self, **filters: Any) -> pd.DataFrame:
        """Statistics of every metric, then of the latency of runs; see `ExperimentStatistics.summary`."""
        return self.stats.summary(**filters)

    @abstractmethod
    def restore_artifacts(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Logged objects."""

    def restore_artifact(self, *args: Any, **kwargs: Any) -> Any:
        """The last one of `restore_artifacts`, or None."""
        found = self.restore_artifacts(*args, **kwargs)
        return found[-1] if found else None

    @abstractmethod
    def restore_data(self, key: str, **filters: Any) -> Any:
        """Logged data, put together."""

    @abstractmethod
    def clear(self, force: bool = False) -> None:
        """Remove the experiment with all that was logged."""

    def flush(self) -> None:  # noqa: B027 - a provider with a buffer may have more to do
        """Nothing: what was logged is visible to every process already."""

    def start_runtime(self) -> None:  # noqa: B027 - a provider may have something to do
        """Called when a `with` block begins, after `start`."""

    def stop_runtime(self) -> None:  # noqa: B027 - as above
        """Called when a `with` block ends, before `stop`."""

    def env(self) -> dict[str, str]:
        """Environment variables with which a subprocess joins the open run."""
        return {}

    def open_run(self) -> Run | None:
        """The native run that is being recorded."""
        return None

    def current_run(self) -> int | None:
        """The number of the run that was started or selected last, without starting one."""
        return None

    # -- models ---------------------------------------------------------------------------------------------------

    def track(
        self, obj: Any, store: Any = None, label: str | None = None, monitor: bool = False,
        monitor_kwargs: Mapping[str, Any] | None = None, **others: Any,
    ) -> Any:  # fmt: skip
        """Record calls of a model: see `watch`. Its runs are linked to it, as by `om.runtime.model(obj)`.

        Args:
            obj: the model, or its name.
            store: refused: models are in runs here; see `log_artifact`.
            label: of the link; `default` by default.
            monitor: give a monitor of the model instead; see `as_monitor`.
            monitor_kwargs: its arguments.
            others: refused.
        """
        for name, value in {"store": store, **others}.items():
            if value is not None:
                raise InvalidArgument(f"{name}={value!r} is not supported; exp.log_artifact(model, name) keeps a model")
        from runlore.dialects.omegaml.watching import link_tags, model_name

        self.tags |= link_tags(model_name(obj), label or "default")
        if monitor:
            return self.as_monitor(obj, **{"provider": "model", **(monitor_kwargs or {})})
        return obj if isinstance(obj, str) else self.watch(obj)

    def watch(self, obj: Any) -> Any:
        """The model, with calls of fit, predict, score … recorded; see `watching.Watched`."""
        from runlore.dialects.omegaml.watching import Watched

        return Watched(obj, self)

    def task(self, function: Any = None, *, name: str | None = None) -> Any:
        """Decorator: record every call of a function as `task_call`, then `task_success` or `task_failure`."""
        from runlore.dialects.omegaml.watching import task

        return task(self, function, name)

    def as_monitor(
        self, obj: Any = None, alerts: Any = None, schedule: Any = None, store: Any = None, provider: Any = None,
        **options: Any,
    ) -> DriftMonitorBase:  # fmt: skip
        """A monitor for drift.

        Args:
            obj: a model, or the name of a model or data set.
            alerts: rules for `capture`.
            schedule: refused: call `capture` from your own schedule.
            store: where data is that a snapshot names.
            provider: `data`, `model`, or a class; by default `model` for a model and `data` for a name.
            options: of the monitor.
        """
        if schedule is not None:
            raise InvalidArgument(f"schedule={schedule!r}: nothing is scheduled here; call capture() when it is time")
        from runlore.dialects.omegaml.monitoring import DataDriftMonitor, ModelDriftMonitor
        from runlore.dialects.omegaml.watching import model_name

        named = obj is None or isinstance(obj, str)
        kinds: dict[Any, Any] = {
            "data": DataDriftMonitor, "model": ModelDriftMonitor, "models": ModelDriftMonitor,
            "default": DataDriftMonitor if named else ModelDriftMonitor,
        }  # fmt: skip
        monitor = provider if isinstance(provider, type) else kinds.get(provider or "default")
        if monitor is None:
            raise InvalidArgument(f"provider={provider!r} must be {', '.join(sorted(kinds))}, or a class of monitors")
        found: DriftMonitorBase = monitor(
            None if obj is None else model_name(obj), store=store, tracking=self, alerts=alerts, **options
        )
        return found

    def tensorflow_callback(self, model: Any = None) -> Any:
        """A Keras callback that logs into the run of this tracker; needs no TensorFlow by itself."""
        from runlore.dialects.omegaml.keras import TensorflowCallback

        return TensorflowCallback(self, model)


class NoTrackTracker(TrackingProvider):
    """Provider `notrack`: every call is accepted and nothing is stored, nowhere."""

    def __init__(self, experiment: str = "default", **options: Any) -> None:  # noqa: ARG002 - any option of any provider
        super().__init__(experiment)

    def start(self, *args: Any, **kwargs: Any) -> int | None:
        """Nothing."""
        del args, kwargs
        return None

    stop = log_event = log_events = log_artifact = log_system = log_extra = clear = start  # type: ignore[assignment]
    active_run = data = restore_data = start

    def status(self, run: int | None = None) -> str:
        """Always `PENDING`."""
        del run
        return "PENDING"

    def restore_artifacts(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Nothing."""
        del args, kwargs
        return []
