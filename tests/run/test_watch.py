"""`Run.watch` with real models of PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import runlore
from runlore.errors import InvalidArgument, RunEnded, WrongType

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture
def run(tmp_path):
    with runlore.start("e", store=tmp_path / "store", capture=False) as started:
        yield started


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))


def train(module, steps):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = module(torch.full((8, 3), float(step + 1))).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def kept(run):
    return sorted((item.name, item.step) for item in runlore.get_run(run.uid, store=run.store).artifacts())


def test_gradients_are_kept_every_so_many_backward_passes(run):
    module = model()
    run.watch(module, every=2)
    train(module, 3)
    names = ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert kept(run) == sorted((f"gradients/{name}", step) for name in names for step in (0, 2))


def test_a_histogram_is_of_the_gradient_itself(run):
    module = model()
    run.watch(module, log="all", bins=8)
    module(torch.ones(1, 3)).sum().backward()
    weights = module[0].weight.detach().numpy()
    gradient = module[0].weight.grad.numpy()
    view = runlore.get_run(run.uid, store=run.store)
    for name, values in (("gradients/0.weight", gradient), ("parameters/0.weight", weights)):
        histogram = view.artifact(name).load()
        expected, edges = np.histogram(values, bins=8)
        assert histogram.counts.tolist() == expected.tolist()
        np.testing.assert_allclose(histogram.edges, edges, rtol=1e-5)


def test_training_is_the_same_watched_or_not(run):
    watched = model()
    run.watch(watched, log="all", every=1)
    assert train(watched, 4) == train(model(), 4)


def test_hooks_are_gone_when_it_is_closed_and_when_the_run_ended(run):
    module = model()
    with run.watch(module, every=1):
        train(module, 1)
    before = kept(run)
    train(module, 2)
    assert kept(run) == before
    watch = run.watch(module, every=1)
    run.finish()
    train(module, 2)
    assert watch._handles == []
    assert kept(run) == before


def test_what_cannot_be_kept_ends_the_watching_and_not_the_training(run, capsys, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(run, "log_histogram", broken)
    module = model()
    run.watch(module, prefix="broken/")
    assert train(module, 3) == train(model(), 3)
    assert capsys.readouterr().err.count("is no longer watched: ZeroDivisionError") == 1


def test_wrong_arguments_are_named(run):
    with pytest.raises(WrongType, match="module=list must be a torch"):
        run.watch([])
    with pytest.raises(InvalidArgument, match="log='weights' must be one of gradients, parameters, all"):
        run.watch(model(), log="weights")
    with pytest.raises(InvalidArgument, match="every=0"):
        run.watch(model(), every=0)
    with pytest.raises(InvalidArgument, match="none of its parameters is trained"):
        run.watch(torch.nn.ReLU())
    run.finish()
    with pytest.raises(RunEnded):
        run.watch(model())
