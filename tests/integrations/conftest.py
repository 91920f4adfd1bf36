"""Recording what real libraries train: each test begins and ends with nothing turned on."""

from __future__ import annotations

import numpy as np
import pytest

import runlore
from runlore import notices


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Where runs go that name no store."""
    place = tmp_path / "store"
    monkeypatch.setenv("RUNLORE_STORE", str(place))
    return place


@pytest.fixture
def run(store):
    with runlore.start("e", capture=False) as started:
        yield started


@pytest.fixture
def data():
    """Sixty points in three dimensions, and to which of two classes they belong."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 3))
    return x, (x[:, 0] + 0.1 * generator.normal(size=60) > 0).astype(int)


@pytest.fixture
def broken(monkeypatch):
    """Every call that records fails, as it would by a fault of ours."""

    def fail(*_, **__):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(notices, "_said", set())  # each test sees what is said once
    for name in ("log_params", "log_param", "log_metrics", "log_table", "define_metric", "child"):
        monkeypatch.setattr(runlore.Run, name, fail)
