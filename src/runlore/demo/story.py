"""The course of the demonstration: which runs there are, in which order, and what is checked in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.demo import training
from runlore.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Callable

DIGITS = "demo/digits"
DIABETES = "demo/diabetes"

EPOCHS = 10
KILL_AFTER_EPOCHS = 12
SWEEP = [
    {"model": "mlp", "hidden": hidden, "lr": lr, "batch": 100, "epochs": EPOCHS}
    for hidden in (16, 64)
    for lr in (0.0005, 0.003, 0.02)
]
CLASSICAL = 4


class DemoResult(NamedTuple):
    """What the demonstration recorded.

    Attributes:
        store: where.
        runs: how many.
        killed_uid: the run whose process was killed.
        logged: points that the killed process had logged, as it said itself before it died.
        found: points of that run that are in the store.
    """

    store: str
    runs: int
    killed_uid: str
    logged: int
    found: int


def run_demo(store: str | None, progress: Callable[[int, int, str], None]) -> DemoResult:
    """Train everything.

    Args:
        store: where to record; by default as any run.
        progress: called with (steps done, steps in all, what is being done).

    Raises:
        MissingDependency: scikit-learn, matplotlib or skops is not installed.
    """
    _require()
    steps = _Steps(progress, len(SWEEP) * EPOCHS + CLASSICAL + KILL_AFTER_EPOCHS)
    steps.at("reading data")
    digits, diabetes = training.digits(), training.diabetes()
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
    ):  # the runs record it all the same
        root = _sweep(store, digits, steps)
        _classical(root, digits, diabetes, steps)
    uid, logged = _killed(root, steps)
    return DemoResult(root, len(SWEEP) + CLASSICAL + 1, uid, logged, _points_of(root, uid))


class _Steps:
    """Counts the steps of the work."""

    def __init__(self, progress: Callable[[int, int, str], None], total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._text = ""

    def at(self, text: str) -> None:
        """What is being done now."""
        self._text = text
        self._progress(self._done, self._total, text)

    def advance(self) -> None:
        """One step is done."""
        self._done += 1
        self._progress(self._done, self._total, self._text)


def _require() -> None:
    from importlib.util import find_spec

    for module, package in (("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"), ("skops", "skops")):
        if find_spec(module) is None:
            raise MissingDependency(package, "demo", "runlore demo")


def _sweep(store: str | None, data: training.Split, steps: _Steps) -> str:
    import runlore

    root = ""
    for params in SWEEP:
        steps.at(f"MLP, {params['hidden']} hidden, lr {params['lr']}")
        name = f"mlp-{params['hidden']}-{params['lr']}"
        with runlore.start(DIGITS, name, params=params, tags=["demo"], group="sweep", store=store) as run:
            run.log_data_ref(data.x_train, "digits/train")
            training.train_network(run, data, params, steps.advance)
            root = run.store.location
    return root


def _classical(root: str, digits: training.Split, diabetes: training.Split, steps: _Steps) -> None:
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsClassifier

    plans: list[tuple[str, str, training.Split, Any, Callable[..., None], dict[str, Any]]] = [
        (DIGITS, "nearest neighbours", digits, KNeighborsClassifier, training.train_classifier, {"n_neighbors": 5}),
        (DIGITS, "random forest", digits, RandomForestClassifier, training.train_classifier,
         {"n_estimators": 100, "random_state": training.SEED}),
        (DIABETES, "ridge", diabetes, Ridge, training.train_regressor, {"alpha": 0.1}),
        (DIABETES, "gradient boosting", diabetes, GradientBoostingRegressor, training.train_regressor,
         {"n_estimators": 60, "learning_rate": 0.05, "random_state": training.SEED}),
    ]  # fmt: skip
    import runlore

    for experiment, name, data, model, train, params in plans:
        steps.at(name)
        with runlore.start(experiment, name, params={"model": name, **params}, tags=["demo"], store=root) as run:
            train(run, data, model(**params))
        steps.advance()


def _killed(root: str, steps: _Steps) -> tuple[str, int]:
    """Start a training and kill it. Returns its run's uid and the number of points that it said it had logged."""
    steps.at("a training that is killed")
    command = [sys.executable, "-m", "runlore.demo.killed", root, DIGITS]
    uid, logged, epochs = "", 0, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("the child has no pipe")
        for line in process.stdout:
            if line.startswith("logged "):
                logged = int(line.split()[1])
                epochs += 1
                steps.advance()
            elif not uid:
                uid = line.strip()
            if epochs == KILL_AFTER_EPOCHS:
                process.send_signal(signal.SIGKILL)  # what it says between this and its end is read as well
    return uid, logged


def _points_of(root: str, uid: str) -> int:
    import runlore

    return len(runlore.get_run(uid, store=root).data(event="metric", key=["train/loss", "val/loss", "val/acc"]))
