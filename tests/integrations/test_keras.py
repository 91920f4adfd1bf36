"""Keras, recorded, on the backend of PyTorch."""

from __future__ import annotations

import os
import warnings

import pytest

import runlore

pytest.importorskip("torch", reason="PyTorch is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries that it imports
    keras = pytest.importorskip("keras", reason="Keras is not installed")
PLAIN = dict(vars(keras.Model))
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("keras", experiment="auto", silent=True):
        yield


def fit(data, *callbacks):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(*data, epochs=3, batch_size=20, validation_data=data, verbose=0, callbacks=list(callbacks))
    return history.history


def test_each_epoch_is_a_point_and_params_are_params(run, data):
    seen = []
    history = fit(data, keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch)))
    view = runlore.get_run(run.uid)
    assert seen == [0, 1, 2]
    for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert view.metric(key)[["step", "value"]].to_numpy().tolist() == [
            list(item) for item in enumerate(history[key])
        ]
    assert {key: view.params[f"keras/{key}"] for key in ("epochs", "batch_size", "parameters", "loss")} == {
        "epochs": 3, "batch_size": 20, "parameters": 4, "loss": "binary_crossentropy",
    }  # fmt: skip
    assert view.params["keras/optimizer/learning_rate"] == pytest.approx(0.5)


def test_training_is_the_same_and_the_library_as_before(store, data):
    recorded = fit(data)
    runlore.autolog("keras", silent=True).off()
    assert dict(vars(keras.Model)) == PLAIN
    assert recorded == fit(data)
    assert [run.status for run in runlore.experiment("auto")] == ["succeeded"]


def test_faults_of_ours_do_not_reach_the_training(run, data, broken, capsys):
    assert len(fit(data)["loss"]) == 3
    assert "an epoch of keras is not recorded: ZeroDivisionError" in capsys.readouterr().err
