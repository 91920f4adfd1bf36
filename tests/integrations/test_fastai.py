"""fastai, recorded: a linear model on data that is made here."""

from __future__ import annotations

import warnings

import pytest

import runlore

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("fastai", reason="fastai is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it calls of PyTorch
    import fastai.callback.schedule as schedule
    import fastai.learner as library
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.optimizer import SGD
    from fastai.torch_core import set_seed

PLAIN = library.Learner.fit, library.Learner.fine_tune
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("fastai", experiment="auto", silent=True):
        yield


def mean_error(predicted, wanted):
    return (predicted - wanted).abs().mean()


def learner(tmp_path, **options):
    set_seed(0)
    items = [(torch.tensor([number / 8]), torch.tensor([number / 4])) for number in range(8)]
    loaders = DataLoaders(DataLoader(items, bs=2), DataLoader(items, bs=4))
    return library.Learner(
        loaders, torch.nn.Linear(1, 1), loss_func=torch.nn.MSELoss(), opt_func=SGD, metrics=[mean_error],
        path=tmp_path, **options,
    )  # fmt: skip


def steps_and_values(view, key):
    return view.metric(key)[["step", "value"]].to_numpy().tolist()


def test_batches_epochs_and_params_are_recorded(run, tmp_path):
    found = learner(tmp_path)
    before = list(found.cbs)
    with found.no_logging():
        found.fit(2, lr=0.1)
    assert list(found.cbs) == before
    assert not hasattr(found, "recording")
    view = runlore.get_run(run.uid)
    assert [step for step, _ in steps_and_values(view, "loss")] == list(range(8))
    assert [value for _, value in steps_and_values(view, "loss")] == [float(value) for value in found.recorder.losses]
    expected = [[4.0 * (epoch + 1), float(line[1])] for epoch, line in enumerate(found.recorder.values)]
    assert steps_and_values(view, "valid_loss") == expected
    assert view.metrics["mean_error"] == float(found.recorder.values[-1][2])
    assert view.metrics["lr"] == 0.1
    assert run.params == {
        "fastai/model": "Linear", "fastai/loss": "MSELoss", "fastai/optimizer": "SGD", "fastai/batch_size": 2,
        "fastai/n_epoch": 2, "fastai/lr": 0.1, "fastai/parameters": 2,
    }  # fmt: skip


def test_fine_tuning_is_one_run_and_a_search_for_a_rate_none(store, tmp_path):
    found = learner(tmp_path)
    with found.no_logging():
        found.lr_find(num_it=20, show_plot=False, stop_div=False)
        assert not store.exists()
        found.fine_tune(1)
    (view,) = runlore.experiment("auto")
    assert (view.status, view.tags["autolog"]) == ("succeeded", "fastai")
    assert [step for step, _ in steps_and_values(view, "loss")] == list(range(8)), "steps go on from fit to fit"


def test_the_model_is_the_same_and_the_library_as_before(run, tmp_path):
    def weights():
        found = learner(tmp_path)
        with found.no_logging():
            found.fit_one_cycle(2)
        return found.model.weight.tolist()

    recorded = weights()
    runlore.autolog("fastai", silent=True).off()
    assert (library.Learner.fit, library.Learner.fine_tune) == PLAIN
    assert schedule.Learner is library.Learner
    assert weights() == recorded


def test_faults_of_ours_do_not_reach_the_training(run, tmp_path, broken, capsys):
    found = learner(tmp_path)
    with found.no_logging():
        found.fit(1, lr=0.1)
    said = capsys.readouterr().err
    assert "a batch of fastai is not recorded: ZeroDivisionError" in said
    assert "an epoch of fastai is not recorded: ZeroDivisionError" in said
    assert len(found.recorder.losses) == 4


def test_a_training_that_fails_fails_as_before(store, tmp_path):
    found = learner(tmp_path)
    found.loss_func = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError), found.no_logging():
        found.fit(1)
    assert runlore.get_run("auto#1").status == "failed"
