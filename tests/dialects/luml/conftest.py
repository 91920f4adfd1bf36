"""What every test of the dialect starts from: an empty directory, no captures; and no run that goes on after it."""

from __future__ import annotations

import pytest

from runlore.dialects.luml.experiments.tracker import ExperimentTracker
from runlore.run import ends


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)
    yield
    for run in list(ends.open_runs.values()):
        run.finish()


@pytest.fixture
def tracker():
    return ExperimentTracker("sqlite://./experiments")
