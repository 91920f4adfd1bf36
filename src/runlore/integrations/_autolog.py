"""`runlore.autolog`: turning integrations on, and off again."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import InvalidArgument
from runlore.integrations._importing import ImportHook
from runlore.integrations._patches import Patches, Unharmed
from runlore.integrations._training import Settings, settings
from runlore.names import check_path_name
from runlore.notices import say_once

if TYPE_CHECKING:
    from types import ModuleType, TracebackType


class Integration(NamedTuple):
    """One library.

    Attributes:
        waits_for: the modules with which the library, or one of its names, is there.
        logs: what is recorded, in words.
    """

    waits_for: tuple[str, ...]
    logs: str


INTEGRATIONS: dict[str, Integration] = {
    "sklearn": Integration(
        ("sklearn.base",),
        "params of the estimator, shape of the data, seconds of fit, loss curves, results of searches, scores",
    ),
    "xgboost": Integration(("xgboost",), "params, results of each round on each evaluation set, the best round"),
    "lightgbm": Integration(("lightgbm",), "params, results of each round on each validation set, the best round"),
    "optuna": Integration(
        ("optuna",), "each trial as a child run: its params, values and intermediate values; the best of the study"
    ),
    "torch": Integration(
        ("torch.optim.optimizer",), "params of each optimizer, learning rates as they change, where a run is active"
    ),
    "lightning": Integration(
        ("lightning.pytorch", "pytorch_lightning"), "hyperparameters of the module, and what it logs while it is fitted"
    ),
    "keras": Integration(("keras",), "params of fit and optimizer, losses and metrics of each epoch"),
    "transformers": Integration(("transformers.trainer",), "training arguments, and what the trainer logs"),
    "accelerate": Integration(
        ("accelerate.accelerator",), "what Accelerator.log is given, and the config of init_trackers"
    ),
    "fastai": Integration(
        ("fastai.learner", "fastai.callback.schedule"), "losses of batches, the line of each epoch, learning rates"
    ),
    "ultralytics": Integration(
        ("ultralytics.engine.trainer",), "training arguments, losses and metrics of each epoch, what the best reach"
    ),
    "catboost": Integration(("catboost",), "params, metrics of each iteration, the best iteration"),
    "tensorboard": Integration(
        ("torch.utils.tensorboard.writer", "tensorboardX.writer"),
        "scalars that a SummaryWriter writes, where a run is active",
    ),
    "logging": Integration(("logging",), "log records, where a run is active that does not capture its console"),
}
"""Every library that is known, by the name of its module in this package."""

_active: list[Autolog] = []


class Autolog:
    """Integrations that are on. Made by `runlore.autolog`; as a context manager it ends with the block.

    Attributes:
        libraries: their names.
        installed: those whose library is imported, and recorded.
    """

    def __init__(self, libraries: tuple[str, ...], given: Settings, *, silent: bool) -> None:
        self.libraries = libraries
        self.installed: list[str] = []
        self._silent = silent
        settings.experiment, settings.models, settings.on = given.experiment, given.models, True
        self._patches: list[Patches] = []
        self._names = {module: name for name in libraries for module in INTEGRATIONS[name].waits_for}
        self._hook = ImportHook(self._install)
        for module in self._names:
            self._hook.watch(module)

    def __repr__(self) -> str:
        waiting = [name for name in self.libraries if name not in self.installed]
        now, later = ", ".join(self.installed) or "nothing yet", ", ".join(waiting) or "nothing"
        return f"<Autolog records {now}; waits for {later}>"

    def __enter__(self) -> Autolog:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.off()

    def off(self) -> None:
        """Leave every library as it was found. A second call does nothing."""
        self._hook.remove()
        while self._patches:
            self._patches.pop().undo()
        self.installed.clear()
        if self in _active:
            _active.remove(self)
            settings.on = False

    def _install(self, module_name: str, module: ModuleType) -> None:
        name = self._names[module_name]
        patches = Patches()
        with Unharmed(name):
            importlib.import_module(f"runlore.integrations.{name}").install(module, patches)
            self._patches.append(patches)
            if name not in self.installed:
                self.installed.append(name)
            if not self._silent:
                say_once(f"autolog records of {name}: {INTEGRATIONS[name].logs}")
            return
        patches.undo()


def autolog(*libraries: str, experiment: str | None = None, models: bool = False, silent: bool = False) -> Autolog:
    """Record what libraries train, without a line in the training.

    Each training is recorded into the active run; where there is none, into a run of its own, which ends with it.
    Libraries that are imported later are recorded from then on. Nothing of it reaches the training: what cannot be
    recorded is said once on stderr. Calling it again replaces what was on.

    Args:
        libraries: names, such as `"xgboost"`; by default every one that is known.
        experiment: of the runs that are started for a training; by default named like the program.
        models: whether trained models are kept too, by `Run.log_model`. That takes time and space.
        silent: whether it does not say on stderr what it records, once for each library.

    Returns:
        What turns it off: `.off()`, or the end of a `with` block. Every library is then as it was found.

    Raises:
        InvalidArgument: a library is not known, or the experiment is none.

    Example:
        >>> import runlore
        >>> with runlore.autolog("sklearn", silent=True), runlore.start("iris") as run:
        ...     from sklearn.linear_model import Ridge
        ...     _ = Ridge(alpha=0.5).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
        >>> run.params["sklearn/estimator"], run.params["sklearn/alpha"]
        ('Ridge', 0.5)
    """
    for name in libraries:
        if name not in INTEGRATIONS:
            import difflib

            close = difflib.get_close_matches(str(name), INTEGRATIONS, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(INTEGRATIONS)}"
            raise InvalidArgument(f"libraries: {name!r:.60} is not known; {hint}")
    if experiment is not None:
        check_path_name(experiment, "experiment")
    while _active:
        _active[-1].off()
    found = Autolog(libraries or tuple(INTEGRATIONS), Settings(experiment, models), silent=silent)
    _active.append(found)
    return found
