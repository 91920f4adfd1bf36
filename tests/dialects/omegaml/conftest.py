"""An empty store of its own for every test, and nothing captured beside what a test logs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    path = tmp_path / ".runlore"
    monkeypatch.setenv("RUNLORE_STORE", str(path))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)
    return path
