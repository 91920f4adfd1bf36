"""Plain PyTorch, recorded."""

from __future__ import annotations

import pytest

import runlore

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import torch.optim.optimizer as hooks


@pytest.fixture(autouse=True)
def recorded():
    with runlore.autolog("torch", silent=True):
        yield


def train(steps=4):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        schedule.step()
    return model.weight.tolist()


def test_an_optimizer_and_its_rates_as_they_change_are_recorded(run):
    train()
    view = runlore.get_run(run.uid)
    assert {key: view.params[f"torch/{key}"] for key in ("optimizer", "lr", "momentum", "parameters")} == {
        "optimizer": "SGD", "lr": 0.1, "momentum": 0.9, "parameters": 4,
    }  # fmt: skip
    assert view.metric("lr")[["step", "value"]].to_numpy().tolist() == [[0, 0.1], [2, 0.05]]


def test_without_a_run_nothing_is_recorded(store):
    train()
    assert not store.exists()


def test_training_is_the_same_and_the_hook_is_gone(run):
    recorded = train()
    assert hooks._global_optimizer_post_hooks
    runlore.autolog("torch", silent=True).off()
    assert not hooks._global_optimizer_post_hooks
    assert recorded == train()


def test_faults_of_ours_do_not_reach_the_training(run, broken, capsys):
    train()
    assert "an optimizer of torch is not recorded: ZeroDivisionError" in capsys.readouterr().err
