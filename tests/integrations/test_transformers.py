"""Hugging Face Transformers, recorded, with a model that is made here."""

from __future__ import annotations

import warnings

import pytest

import runlore

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("accelerate", reason="Accelerate is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries that it imports
    pytest.importorskip("transformers", reason="Transformers is not installed")
    import transformers.trainer as library
    from transformers import BertConfig, BertForSequenceClassification, TrainingArguments
PLAIN = library.Trainer.train
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("transformers", experiment="auto", silent=True):
        yield


def train(tmp_path):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, num_labels=2
    )
    items = [{"input_ids": torch.tensor([1, place, 2]), "labels": torch.tensor(place % 2)} for place in range(8)]
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "out"), max_steps=4, logging_steps=2, per_device_train_batch_size=2, report_to=[],
        use_cpu=True, save_strategy="no", disable_tqdm=True, seed=0,
    )  # fmt: skip
    trainer = library.Trainer(BertForSequenceClassification(config), arguments, train_dataset=items)
    before = list(trainer.callback_handler.callbacks)
    trainer.train()
    assert trainer.callback_handler.callbacks == before
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_what_the_trainer_logs_is_recorded(run, tmp_path):
    losses = train(tmp_path)
    view = runlore.get_run(run.uid)
    assert view.metric("loss")[["step", "value"]].to_numpy().tolist() == [[2, losses[0]], [4, losses[1]]]
    assert view.params["transformers/max_steps"] == 4
    assert view.params["transformers/parameters"] > 100
    assert "train_runtime" in view.metrics


def test_training_is_the_same_and_the_library_as_before(store, tmp_path):
    recorded = train(tmp_path)
    runlore.autolog("transformers", silent=True).off()
    assert library.Trainer.train is PLAIN
    assert recorded == train(tmp_path)
    assert [run.status for run in runlore.experiment("auto")] == ["succeeded"]


def test_faults_of_ours_do_not_reach_the_training(run, tmp_path, broken, capsys):
    assert len(train(tmp_path)) == 2
    assert "metrics of transformers is not recorded: ZeroDivisionError" in capsys.readouterr().err
