"""What every test of the dialect starts from: an empty directory, no captures."""

from __future__ import annotations

import pytest

from runlore.dialects.luml.experiments.tracker import ExperimentTracker


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tracker():
    return ExperimentTracker("sqlite://./experiments")
