"""`om.runtime`: experiments as context managers, and the experiments of a model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from types import TracebackType

    from runlore.dialects.omegaml.provider import TrackingProvider

TRACKING_PROVIDERS: dict[str, Any] = {
    "simple": "runlore.dialects.omegaml.tracker.SimpleTracker",
    "default": "runlore.dialects.omegaml.tracker.SimpleTracker",
    "notrack": "runlore.dialects.omegaml.provider.NoTrackTracker",
    "profiling": "runlore.dialects.omegaml.profiling.ProfilingTracker",
}
"""Providers by name: a class, or where it is. `om.defaults.OMEGA_TRACKING_PROVIDERS` is the same mapping."""


def make_tracker(name: str, provider: str | None, **options: Any) -> TrackingProvider:
    """A tracker of a provider.

    Raises:
        InvalidArgument: there is no such provider, or it has no such option.
    """
    found = TRACKING_PROVIDERS.get(provider or "default")
    if found is None:
        known = ", ".join(sorted(TRACKING_PROVIDERS))
        raise InvalidArgument(f"provider={provider!r} is not known; choose from {known}")
    if isinstance(found, str):
        module, _, attribute = found.rpartition(".")
        found = getattr(import_module(module), attribute)
    tracker: TrackingProvider = found(name, **options)
    return tracker


class ExperimentContext:
    """An experiment: a context manager each of whose blocks is a run. All else is the tracker's.

    What is read from it and what is set on it is read from and set on the tracker, which `experiment` gives.

    Example:
        >>> import runlore.dialects.omegaml as om
        >>> with om.runtime.experiment("iris") as exp:
        ...     exp.log_metric("accuracy", 0.9)
        >>> exp.data()[["event", "key"]].values.tolist()
        [['start', 'start'], ['metric', 'accuracy'], ['stop', 'stop']]
    """

    def __init__(self, tracker: TrackingProvider, *, implied_run: bool = True) -> None:
        self.__dict__["_tracker"] = tracker
        self.__dict__["_implied_run"] = implied_run
        self.__dict__["_owned"] = []

    @property
    def experiment(self) -> TrackingProvider:
        """The tracker."""
        tracker: TrackingProvider = self.__dict__["_tracker"]
        return tracker

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.experiment, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.experiment, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.experiment)})

    def __repr__(self) -> str:
        return f"ExperimentContext({self.experiment!r})"

    def use(self, run: int | None = None) -> ExperimentContext:
        """Select a run, or join the open one, or start one; returns the experiment."""
        self.experiment.use(run)
        return self

    def __enter__(self) -> ExperimentContext:  # noqa: PYI034 - it is never subclassed
        """Start a run; with `implied_run=False` only where none is open."""
        tracker = self.experiment
        owns = self._implied_run or tracker.status() != "STARTED"
        depth = tracker.depth
        if owns:
            tracker.start()
        else:
            tracker.use()
        self._owned.append(depth if owns else None)
        tracker.start_runtime()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the run that this block started; an exception makes it `failed`, and goes on."""
        tracker = self.experiment
        tracker.stop_runtime()
        depth = self._owned.pop()
        if depth is not None:
            tracker.unwind(depth, kind, error, trace)


class Runtime:
    """What `om.runtime` offers for tracking. There is no broker: models run in this process."""

    def experiment(
        self, name: str, provider: str | None = None, implied_run: bool = True, recreate: bool = False, **options: Any
    ) -> ExperimentContext:
        """An experiment. Nothing is stored before a run starts.

        Args:
            name: a path such as `vision/cifar10`.
            provider: `simple` (the default), `profiling`, `notrack`, or one in `TRACKING_PROVIDERS`.
            implied_run: False: a `with` joins the open run, if there is one.
            recreate: remove the experiment first.
            options: of the provider, such as `autotrack=True`; see `SimpleTracker`.

        Raises:
            InvalidName: the name would leave the store.
            InvalidArgument: an unknown provider or option.
        """
        tracker = make_tracker(name, provider, **options)
        if recreate:
            tracker.clear(force=True)
        return ExperimentContext(tracker, implied_run=implied_run)

    def __getattr__(self, name: str) -> Any:
        """What needs omega-ml's broker and workers."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"om.runtime.{name} is not part of Runlore's dialect: there are no workers. Models and functions run in "
            "this process: exp.watch(model) and @exp.task record their calls"
        )

    def model(self, model: Any) -> ModelRuntime:
        """A model, by name or itself, for its experiments."""
        return ModelRuntime(self, model)


class ModelRuntime:
    """The experiments of one model: those whose runs were started through `experiment` here.

    The link is a tag of each run, `omegaml.model.<label>`; it exists from the first run on.
    """

    def __init__(self, runtime: Runtime, model: Any) -> None:
        from runlore.dialects.omegaml.watching import model_name

        self._runtime = runtime
        self._name = model_name(model)

    def experiment(self, experiment: str | None = None, label: str | None = None, **options: Any) -> ExperimentContext:
        """The experiment that the model is linked to by this label, else a new link.

        Args:
            experiment: its name; by default the linked one, else the model's.
            label: of the link; `default` by default.
            options: as for `Runtime.experiment`.
        """
        from runlore.dialects.omegaml.watching import link_tags

        label = label or "default"
        if experiment is None:
            linked = self._linked(label, options.get("store"))
            experiment = linked[-1] if linked else self._name
        tags = {**(options.pop("tags", None) or {}), **link_tags(self._name, label)}
        return self._runtime.experiment(experiment, tags=tags, **options)

    def experiments(self, label: str | None = None, raw: bool = False, **options: Any) -> dict[str, Any]:
        """The linked experiments, the latest one by label, and under `_all_` a list of all.

        Args:
            label: only this one.
            raw: their names instead.
            options: as for `Runtime.experiment`.
        """
        found: dict[str, Any] = {"_all_": []}
        make = (lambda name: name) if raw else (lambda name: self._runtime.experiment(name, **options))
        for own in [label] if label else self._labels(options.get("store")):
            names = self._linked(own, options.get("store"))
            if names:
                found[own] = make(names[-1])
            found["_all_"] += [make(name) for name in names]
        return found

    def monitor(self, experiment: str | None = None, label: str | None = None, **options: Any) -> Any:
        """A monitor for drift of the model's data, in its experiment."""
        tracker: Any = self.experiment(experiment, label).experiment
        return tracker.as_monitor(self._name, **{"provider": "model", **options})

    def __getattr__(self, name: str) -> Any:
        """What omega-ml has a worker do."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"om.runtime.model({self._name!r}).{name} is not part of Runlore's dialect: no worker has the model. "
            f"Call it in this process: exp.watch(model).{name}(…) records the call"
        )

    def _labels(self, store: Any) -> list[str]:
        from runlore.dialects.omegaml.watching import LINK

        columns = self._tagged(store)
        names = [name.removeprefix(f"tags.{LINK}") for name in columns if name.startswith(f"tags.{LINK}")]
        return [name for name in names if self._linked(name, store)]

    def _linked(self, label: str, store: Any) -> list[str]:
        """Names of the experiments that are linked by a label, the one that ran last at the end."""
        from runlore.dialects.omegaml.watching import LINK

        runs = self._tagged(store)
        if f"tags.{LINK}{label}" not in runs:
            return []
        own = runs[runs[f"tags.{LINK}{label}"] == self._name].sort_values("started", kind="stable")
        return list(dict.fromkeys(reversed(own["experiment"].tolist())))[::-1]

    def _tagged(self, store: Any) -> Any:
        from runlore.errors import StoreNotFound
        from runlore.reader import runs

        try:
            return runs(store=store)
        except StoreNotFound:
            import pandas as pd

            return pd.DataFrame()
