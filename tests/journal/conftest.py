from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "assets")]

from journal_oracle import MODES, RUN  # noqa: E402 - the path comes first

from runlore.journal import open_journal, records  # noqa: E402 - as above


@pytest.fixture(params=MODES)
def mode(request) -> str:
    """Every promise holds for both writers: whatever takes this fixture is the suite that each of them has to pass."""
    return request.param


@pytest.fixture
def journal(tmp_path, mode):
    writer = open_journal(str(tmp_path), RUN, mode)
    yield writer
    writer.close()


@pytest.fixture(params=[0, 1 << 62], ids=["scanned", "walked"])
def finding(request, monkeypatch) -> None:
    """The records of whole frames are found in one of both ways, however short the frames are."""
    monkeypatch.setattr(records, "SHORT_BYTES", request.param)


def pytest_collection_modifyitems(config, items) -> None:
    """The long versions run only where they are asked for."""
    if "soak" not in config.option.markexpr:
        long = [item for item in items if item.get_closest_marker("soak")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
