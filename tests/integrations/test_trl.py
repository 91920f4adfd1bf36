"""TRL: its trainers are Transformers' own, and are recorded as those are. With a model and words that are made here."""

from __future__ import annotations

import warnings

import pytest

import runlore

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries that it imports
    pytest.importorskip("trl", reason="TRL is not installed")
    import datasets
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
    from trl import SFTConfig, SFTTrainer
pytestmark = pytest.mark.filterwarnings("ignore")


def trainer(tmp_path):
    torch.manual_seed(0)
    words = Tokenizer(
        WordLevel({"<pad>": 0, "<end>": 1, "<unk>": 2, "one": 3, "two": 4, "three": 5}, unk_token="<unk>")
    )
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )  # fmt: skip
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=6, n_positions=16, n_embd=8, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=1)
    )  # fmt: skip
    arguments = SFTConfig(
        output_dir=str(tmp_path / "out"), max_steps=2, logging_steps=1, per_device_train_batch_size=2, report_to=[],
        use_cpu=True, bf16=False, save_strategy="no", disable_tqdm=True, max_length=8, gradient_checkpointing=False,
    )  # fmt: skip
    lines = datasets.Dataset.from_dict({"text": ["one two three", "two three one"] * 4})
    return SFTTrainer(model, arguments, train_dataset=lines, processing_class=tokenizer)


def test_what_a_trainer_of_trl_logs_is_recorded(store, tmp_path):
    with runlore.autolog("transformers", experiment="auto", silent=True):
        found = trainer(tmp_path)
        found.train()
    (view,) = runlore.experiment("auto")
    logged = [line for line in found.state.log_history if "loss" in line]
    assert view.metric("loss")["value"].tolist() == [line["loss"] for line in logged]
    assert "mean_token_accuracy" in view.metrics, "what TRL adds to it"
    assert (view.status, view.params["transformers/max_length"]) == ("succeeded", 8)
