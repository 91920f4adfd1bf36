from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from recording import RecordingSink


@pytest.fixture
def sink():
    return RecordingSink()
