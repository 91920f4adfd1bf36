from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def root(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(tmp_path / ".runlore")
