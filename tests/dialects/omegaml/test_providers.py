"""The providers: nothing tracked, the machine profiled, Keras, one of the user's own; and native runs, both ways."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import runlore
import runlore.dialects.omegaml as om
from runlore.dialects.omegaml.tracking import OmegaSimpleTracker
from runlore.store.sealed.sealing import seal_run

SCRIPT = """
import omegaml as om
from omegaml.backends.monitoring import DataDriftMonitor
from omegaml.backends.tracking import OmegaSimpleTracker

with om.runtime.experiment("script") as exp:
    exp.log_metric("accuracy", 0.75)
    assert isinstance(exp.experiment, OmegaSimpleTracker)
print(exp.data()["event"].tolist())
"""


def experiment(name="myexp", **options):
    return om.runtime.experiment(name, **options)


def test_notrack_stores_nothing(store):
    with experiment(provider="notrack", autotrack=True) as exp:
        exp.log_metric("a", 1, step=1)
        exp.log_param("a", 1)
        exp.log_data("k", "v")
        exp.log_artifact(object(), "x")
        exp.log_event("e", "k", 1)
        exp.log_events("e", "k", [1])
        exp.log_system()
        exp.log_extra(a=1)
        exp.flush()
        assert exp.status() == "PENDING"
    assert exp.use().data(run="*") is None
    assert exp.summary().empty
    assert exp.stats.metrics().empty
    assert exp.watch(LogisticRegression()).fit([[0.0], [1.0]], [0, 1]).predict([[3.0]]).tolist() == [1]
    assert exp.task(lambda: 7)() == 7
    assert exp.as_monitor("m").snapshot([1, 2])["info"]["len"] == 2
    assert exp.restore_artifacts("x") == []
    assert exp.restore_artifact("x") is None
    assert exp.restore_data("k") is None
    assert exp.env() == {}
    exp.clear(force=True)
    assert not store.exists()


def test_profiling_logs_nine_rows_a_sample():
    with experiment(provider="profiling") as exp:
        exp.log_metric("a", 1)
    data = exp.data(event="profile")
    assert data["key"].tolist() == [
        "profile_dt", "memory_load", "memory_total", "cpu_load", "cpu_count", "cpu_freq", "cpu_avg", "disk_use",
        "disk_total",
    ]  # fmt: skip
    values = data.set_index("key")["value"]
    assert 0 < values["memory_load"] <= 100
    assert len(values["cpu_load"]) == values["cpu_count"]
    assert len(values["cpu_avg"]) == 3
    assert data["step"].tolist() == [0] * 9
    assert exp.profiler.interval == 10
    assert [thread.name for thread in threading.enumerate()].count("runlore-profiling") == 0
    exp.profiler.metrics = ["memory_load"]
    with exp:
        pass
    assert exp.data(event="profile")["key"].tolist() == ["memory_load"]


def test_profiling_goes_on_at_its_interval():
    exp = experiment(provider="profiling")
    exp.profiler.interval = 0.01
    exp.profiler.metrics = ("cpu_count",)
    taken = threading.Event()
    log = exp.profiler.log

    def counted(sample):
        log(sample)
        if exp.profiler._step >= 3:
            taken.set()

    exp.profiler.log = counted
    with exp:
        assert taken.wait(20)
    steps = exp.data(event="profile")["step"].tolist()
    assert steps == list(range(len(steps)))


class Model:
    def fit(self):
        pass

    def save(self, path):
        with open(path, "wb") as file:
            file.write(b"weights")


def test_keras_calls_become_series_of_their_own():
    with experiment() as exp:
        callback = exp.tensorflow_callback()
        callback.set_params({"epochs": 2, "steps": 3, "verbose": 0})
        callback.set_model(Model())
        callback.on_train_begin()
        for epoch in range(2):
            callback.on_epoch_begin(epoch)
            for batch in range(3):
                callback.on_train_batch_begin(batch)
                callback.on_train_batch_end(batch, {"loss": np.float32(1.5)})
            callback.on_test_batch_end(0, {"loss": 3.0})
            callback.on_test_end({"loss": 2.0})
            callback.on_epoch_end(epoch, {"loss": 1.0 - epoch, "val_loss": 0.5})
        callback.on_predict_batch_end(0, {"outputs": np.zeros((2, 2))})
        callback.on_train_end()
        assert callback._implements_train_batch_hooks()
    assert exp.data(event="param").set_index("key")["value"].to_dict() == {"epochs": 2, "steps": 3, "verbose": 0}
    assert exp.data(key="loss")[["step", "value"]].to_numpy().tolist() == [[0, 1.0], [1, 0.0]]
    assert exp.data(key="batch/loss")["step"].tolist() == [0, 1, 2, 3, 4, 5]
    assert exp.data(key="test/loss")["value"].tolist() == [2.0, 2.0]
    assert exp.data(event="metric", key="predict_batch/outputs").empty
    assert exp.restore_artifacts("model") == [b"weights"]
    assert exp.data(event="artifact")["value"][0]["format"] == "keras"


class Shouting(OmegaSimpleTracker):
    """A provider of a user's own."""

    def log_metric(self, key, value, *args, **kwargs):
        super().log_metric(key.upper(), value, *args, **kwargs)


def test_a_provider_of_ones_own(monkeypatch):
    monkeypatch.setitem(om.defaults.OMEGA_TRACKING_PROVIDERS, "shouting", Shouting)
    with experiment(provider="shouting") as exp:
        exp.log_metric("a", 1)
    assert exp.data(event="metric")["key"].tolist() == ["A"]


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(3), HistGradientBoostingClassifier(max_iter=3), KNeighborsClassifier(1)]
)
def test_models_of_trees_are_restored_without_asking(model):
    X, y = np.arange(40.0).reshape(-1, 1), [0, 1] * 20
    model.fit(X, y)
    with experiment() as exp:
        exp.log_artifact(model, "model")
    (found,) = exp.restore_artifacts("model")
    np.testing.assert_array_equal(found.predict(X), model.predict(X))


# Native and back.


def test_what_is_recorded_here_reads_natively():
    with experiment("vision/iris") as exp:
        exp.log_param("params", {"C": 1.0})
        exp.log_metric("acc", 0.5, step=1)
        exp.log_metric("acc", 0.75, step=2, fold=1)
        exp.log_artifact({"a": (1, 2)}, "about")
        exp.log_data("Y", np.arange(3))
    view = runlore.get_run("vision/iris#1")
    assert view.status == "succeeded"
    assert view.params == {"params": {"C": 1.0}}
    assert view.metrics == {"acc": 0.75}
    assert view.metric("acc")["value"].tolist() == [0.5, 0.75]
    assert view.artifact("about").load() == {"a": (1, 2)}
    assert view.artifact("Y").load().tolist() == [0, 1, 2]
    assert len(runlore.runs("metrics.acc > 0.7", experiment="vision/*")) == 1


def test_native_runs_read_here():
    with runlore.start("iris", params={"lr": 0.1}, tags={"team": "a"}, capture=True) as run:
        run.log_metrics({"acc": 0.5, "loss": 2.0}, step=3)
        run.log_text("hello", name="note.txt")
        run.log_artifact(b"bytes", "data.bin")
        run.log_event("custom", "k", [1])
    exp = experiment("iris")
    data = exp.data()
    assert data[~data["key"].str.startswith("system/")]["event"].tolist() == [
        "start", "param", "tag", "metric", "metric", "artifact", "artifact", "custom", "stop",
    ]  # fmt: skip
    assert exp.data(event="metric", key="acc")["step"].tolist() == [3]
    assert exp.restore_artifacts() == ["hello", b"bytes"]
    assert exp.data(event="artifact")["name"].tolist() == ["note.txt", "data.bin"]
    assert exp.status() == "STOPPED"
    assert not exp.data(event="capture").empty
    assert "acc" in exp.summary()["key"].tolist()
    with exp:
        exp.log_metric("acc", 1)
    assert exp.current_run() == 2
    assert runlore.experiment("iris").numbers == [1, 2]


def test_what_is_captured_is_no_artifact_of_the_users(store, tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True)

    script = tmp_path / "train.py"
    script.write_text("value = 1\n")
    git("init", "-q")
    git("add", "train.py")
    git("commit", "-q", "-m", "one")
    script.write_text(
        "import runlore.dialects.omegaml as om\n"
        "with om.runtime.experiment('myexp', capture={'console': False, 'hardware': False, 'code': True}) as exp:\n"
        "    exp.log_artifact([1], 'mine')\n"
    )
    subprocess.run([sys.executable, str(script)], env={**os.environ, "RUNLORE_CAPTURE": "1"}, check=True)
    names = [artifact.name for artifact in runlore.get_run("myexp#1").artifacts()]
    assert len(names) == 3
    exp = experiment()
    assert exp.data()["event"].tolist() == ["start", "artifact", "stop"]
    assert exp.restore_artifacts() == [[1]]
    captured = exp.data(event="capture")["name"].dropna().tolist()
    assert sorted([*captured, "mine"]) == sorted(names)


def test_sealed_runs_read_the_same(store):
    with experiment() as exp:
        exp.log_extra(tag="x")
        exp.log_metric("acc", 0.5, step=1)
        exp.log_param("p", [1])
        exp.log_artifact([1], "a")
    before = exp.data(raw=True)
    view = runlore.get_run("myexp#1")
    seal_run(view._session.store, view.directory)
    assert not list((store / "runs").rglob("*.rlj"))
    assert exp.data(raw=True) == before
    assert exp.restore_artifacts() == [[1]]


def test_a_script_for_omegaml_runs_unchanged(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    command = [sys.executable, "-m", "runlore", "exec", "--dialect", "omegaml", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "['start', 'metric', 'stop']" in done.stdout
    assert experiment("script").data(event="metric")["value"].tolist() == [0.75]
