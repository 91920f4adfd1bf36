"""What `runlore.autolog` costs the trainings that it records: CPU time with and without it, in turn, in one process.

    python bench/autolog.py [LIBRARY ...]      # by default each that is installed

Prints for each library the median CPU milliseconds of a training, without and with, how many points were recorded, and
what one costs. A training begins a run of its own and ends it: that is in the figure, and much of it where a training is
as short as here. Optuna's are the 20 runs of its trials.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import statistics
import sys
import tempfile
import time
import warnings

import numpy as np

import runlore

PAIRS = 7
X = np.random.default_rng(0).normal(size=(4_000, 10))
Y = (X[:, 0] > 0).astype(int)


def sklearn():
    from sklearn.ensemble import GradientBoostingClassifier

    return lambda: GradientBoostingClassifier(n_estimators=20).fit(X, Y)


def xgboost():
    import xgboost as library

    data = library.DMatrix(X, Y)
    params = {"objective": "binary:logistic", "nthread": 1}
    return lambda: library.train(params, data, 200, evals=[(data, "train")], verbose_eval=False)


def lightgbm():
    import lightgbm as library

    params = {"objective": "binary", "verbose": -1, "num_threads": 1}

    def train():
        data = library.Dataset(X, Y)
        library.train(params, data, 200, valid_sets=[data], valid_names=["train"])

    return train


def optuna():
    import optuna as library

    library.logging.set_verbosity(library.logging.ERROR)
    return lambda: library.create_study().optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=20)


def torch():
    import torch as library

    x, y = library.tensor(X, dtype=library.float32), library.tensor(Y, dtype=library.float32)

    def train():
        model = library.nn.Linear(10, 1)
        optimizer = library.optim.SGD(model.parameters(), lr=0.1)
        with runlore.start("bench", capture=False) as run:
            for step in range(1_000):
                optimizer.zero_grad()
                loss = library.nn.functional.binary_cross_entropy_with_logits(model(x[:64])[:, 0], y[:64])
                loss.backward()
                optimizer.step()
                run.log_metric("loss", loss.item(), step=step)

    return train


def fastai():
    import torch as library
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner

    x, y = library.tensor(X, dtype=library.float32), library.tensor(Y, dtype=library.float32)[:, None]
    items = list(zip(x, y, strict=True))
    loaders = DataLoaders(DataLoader(items, bs=32), DataLoader(items[:64], bs=64))

    def train():
        learner = Learner(loaders, library.nn.Linear(10, 1), loss_func=library.nn.MSELoss())
        with learner.no_logging(), learner.no_bar():
            learner.fit(2)

    import fastai.callback.progress  # noqa: F401 - gives learners `no_bar`

    return train


def accelerate():
    import accelerate as library

    def train():
        accelerator = library.Accelerator(cpu=True)
        accelerator.init_trackers("bench")
        for step in range(1_000):
            accelerator.log({"loss": 1 / (step + 1)}, step=step)
        accelerator.end_training()

    return train


LIBRARIES = (sklearn, xgboost, lightgbm, optuna, torch, fastai, accelerate)


def seconds(train):
    began = time.process_time()
    train()
    return time.process_time() - began


def measure(name, prepare):
    train = prepare()
    train()
    plain, recorded = [], []
    for _ in range(PAIRS):
        plain.append(seconds(train))
        with runlore.autolog(name, experiment="bench", silent=True):
            recorded.append(seconds(train))
    last = runlore.runs(order_by="-started")["uid"].iloc[0]
    points = len(runlore.experiment("bench").data(run=last, event="metric"))
    without, with_it = statistics.median(plain) * 1e3, statistics.median(recorded) * 1e3
    cost_us = (with_it - without) * 1e3 / max(points, 1)
    print(f"{name:12} {without:10.1f} {with_it:10.1f} {points:8,} {cost_us:10.1f}")


def main(*names: str) -> None:
    warnings.simplefilter("ignore")
    print(f"{'':12} {'plain/ms':>10} {'with/ms':>10} {'points':>8} {'us/point':>10}")
    with tempfile.TemporaryDirectory() as store:
        os.environ |= {"RUNLORE_STORE": store, "RUNLORE_CAPTURE": "0"}
        for prepare in LIBRARIES:
            name = prepare.__name__
            if (not names or name in names) and importlib.util.find_spec(name):
                with contextlib.redirect_stderr(io.StringIO()):
                    measure(name, prepare)


if __name__ == "__main__":
    main(*sys.argv[1:])
