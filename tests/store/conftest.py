from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runlore.store import open_store


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "a store"), create=True)
