"""What `runlore.autolog` costs the trainings that it records: CPU time with and without it, in turn, in one process.

    python bench/autolog.py [LIBRARY ...]      # by default each that is installed

Prints for each library the median CPU milliseconds of a training, without and with, how many points were recorded, and
what one costs. A training begins a run of its own and ends it: that is in the figure, and much of it where a training
is as short as here. Optuna's are the 20 runs of its trials.
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

PAIRS = 5
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
            for step in range(300):
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


def catboost():
    import catboost as library

    options = {"iterations": 200, "thread_count": 1, "verbose": False, "allow_writing_files": False}
    return lambda: library.CatBoostClassifier(**options).fit(X, Y, eval_set=[(X[:500], Y[:500])])


def keras():
    import keras as library

    def train():
        model = library.Sequential([library.layers.Input((10,)), library.layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", "binary_crossentropy")
        model.fit(X, Y, batch_size=128, epochs=5, verbose=0)

    return train


def lightning():
    import lightning.pytorch as library
    import torch

    class Line(library.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(10, 1)

        def training_step(self, batch, _):
            loss = self.layer(batch[0]).square().mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    rows = torch.utils.data.TensorDataset(torch.tensor(X, dtype=torch.float32))
    batches = torch.utils.data.DataLoader(rows, batch_size=32)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return lambda: library.Trainer(max_epochs=2, log_every_n_steps=5, accelerator="cpu", **quiet).fit(Line(), batches)


def transformers():
    import torch
    import transformers as library

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    items = [{"input_ids": torch.tensor([1, n % 20, 2]), "labels": torch.tensor(n % 2)} for n in range(200)]

    def train():
        model = library.BertForSequenceClassification(library.BertConfig(vocab_size=20, num_labels=2, **sizes))
        arguments = library.TrainingArguments(
            output_dir=os.environ["RUNLORE_STORE"] + "-out", max_steps=100, logging_steps=5, report_to=[], use_cpu=True,
            save_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        library.Trainer(model, arguments, train_dataset=items).train()

    return train


def ultralytics():
    os.environ["YOLO_VERBOSE"] = "False"
    import ultralytics as library
    from PIL import Image

    place = os.environ["RUNLORE_STORE"] + "-pictures"
    for part in ("train", "val"):
        for kind in ("dark", "light"):
            folder = os.path.join(place, part, kind)
            os.makedirs(folder)
            for number in range(4):
                value = 40 + number + 160 * (kind == "light")
                Image.fromarray(np.full((32, 32, 3), value, np.uint8)).save(os.path.join(folder, f"{number}.png"))
    options = {"epochs": 3, "imgsz": 32, "batch": 2, "workers": 0, "device": "cpu", "plots": False, "verbose": False}

    def train():
        model = library.YOLO("yolo11n-cls.yaml", verbose=False)
        model.train(data=place, project=place + "-out", exist_ok=True, **options)

    return train


LIBRARIES = (
    sklearn, xgboost, lightgbm, catboost, optuna, torch, keras, lightning, transformers, accelerate, fastai,
    ultralytics,
)  # fmt: skip


def quiet(train):
    def quietly():
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            train()

    return quietly


def seconds(train):
    began = time.process_time()
    train()
    return time.process_time() - began


def measure(name, prepare):
    train = quiet(prepare())
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
        os.environ |= {"RUNLORE_STORE": store, "RUNLORE_CAPTURE": "0", "OMP_NUM_THREADS": "1"}
        for prepare in LIBRARIES:
            name = prepare.__name__
            if (not names or name in names) and importlib.util.find_spec(name):
                measure(name, prepare)


if __name__ == "__main__":
    main(*sys.argv[1:])
