"""What every test and every doctest starts from: no settings of the user's, and a directory of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pathlib import Path

# How long an example takes says nothing on a machine that does other things too: bench/ measures what is slow.
settings.register_profile("runlore", deadline=None)
settings.load_profile("runlore")


collect_ignore_glob = ["src/runlore/server/accounts/migrations/*"]  # Alembic runs them, and only Alembic can


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remove every `RUNLORE_*` variable, and keep catalogs of read-only stores out of the user's cache."""
    for name in [name for name in os.environ if name.startswith("RUNLORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNLORE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.fixture(autouse=True)
def _a_directory_for_each_doctest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A doctest works in an empty directory, with an empty store in it."""
    if isinstance(request.node, pytest.DoctestItem):
        directory: Path = request.getfixturevalue("tmp_path")
        monkeypatch.chdir(directory)
        monkeypatch.setenv("RUNLORE_STORE", str(directory / ".runlore"))
