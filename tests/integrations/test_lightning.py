"""PyTorch Lightning, recorded."""

from __future__ import annotations

import warnings

import pytest

import runlore

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries that it imports
    lightning = pytest.importorskip("lightning.pytorch", reason="PyTorch Lightning is not installed")
PLAIN = lightning.Trainer.fit
pytestmark = pytest.mark.filterwarnings("ignore")  # it warns of the size of this machine


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("lightning", experiment="auto", silent=True):
        yield


class Model(lightning.LightningModule):
    def __init__(self, width=2, fails=False):
        super().__init__()
        self.save_hyperparameters()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, width)
        self.losses = []

    def training_step(self, batch, index):
        if self.hparams.fails:
            raise ArithmeticError("diverged")
        loss = self.layer(batch).square().mean()
        self.log("train_loss", loss, on_step=True, on_epoch=False)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", self.layer(batch).square().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(tmp_path, **options):
    model = Model(**options)
    data = torch.utils.data.DataLoader(torch.ones(8, 3), batch_size=2)
    trainer = lightning.Trainer(
        max_epochs=2, log_every_n_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    before = list(trainer.callbacks)
    try:
        trainer.fit(model, data, data)
    finally:
        assert trainer.callbacks == before
    return model


def test_what_the_module_logs_is_recorded(run, tmp_path):
    model = fit(tmp_path)
    view = runlore.get_run(run.uid)
    assert view.metric("train_loss")["value"].tolist() == pytest.approx(model.losses)
    assert view.metric("val_loss")["step"].tolist() == [4, 8]
    assert view.metric("epoch")["value"].tolist() == [0, 1]
    assert (view.params["lightning/module"], view.params["lightning/width"]) == ("Model", 2)


def test_a_fit_that_fails_is_a_failed_run_and_the_library_is_as_before(store, tmp_path):
    with pytest.raises(ArithmeticError):
        fit(tmp_path, fails=True)
    assert runlore.get_run("auto#1").status == "failed"
    runlore.autolog("lightning", silent=True).off()
    assert lightning.Trainer.fit is PLAIN


def test_the_model_is_the_same_also_when_ours_fails(run, tmp_path, broken, capsys):
    recorded = fit(tmp_path)
    assert "of lightning is not recorded: ZeroDivisionError" in capsys.readouterr().err
    runlore.autolog("lightning", silent=True).off()
    assert recorded.losses == fit(tmp_path).losses
