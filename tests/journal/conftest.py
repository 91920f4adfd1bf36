from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from journal_oracle import MODES, RUN

from runlore.journal import open_journal


@pytest.fixture(params=MODES)
def mode(request) -> str:
    """Every promise holds for both writers: whatever takes this fixture is the suite that each of them has to pass."""
    return request.param


@pytest.fixture
def journal(tmp_path, mode):
    writer = open_journal(str(tmp_path), RUN, mode)
    yield writer
    writer.close()
