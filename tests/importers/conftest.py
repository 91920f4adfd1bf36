"""Real libraries write, in processes of their own, what is imported here; and helpers to look at what came of it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from runlore.importers import import_runs
from runlore.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def written_by() -> Callable[..., Path]:
    """`written_by(library, script, directory)` runs a program there that needs a library; skips where it is missing."""

    def write(library: str, script: str, directory: Path, **environment: str) -> Path:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed: what it writes cannot be imported here")
        (directory / "program.py").write_text(script)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "program.py"], cwd=directory, capture_output=True, text=True, timeout=240,
            env={**os.environ, **environment}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return directory

    return write


@pytest.fixture
def store(tmp_path, monkeypatch):
    address = str(tmp_path / "store")
    monkeypatch.setenv("RUNLORE_STORE", address)
    return open_store(address, create=True)


@pytest.fixture
def take(store):
    """Imports a source, twice: the second time everything must be there. Gives the first report."""

    def twice(open_source, *, whole: bool = True, **options):
        first = import_runs(store, open_source(), **options)
        again = import_runs(store, open_source(), **options)
        assert {run.state for run in again.runs} <= {"unchanged"}
        assert [run.to_json()["store"] for run in again.runs] == [run.to_json()["store"] for run in first.runs]
        assert all(run.is_same for run in first.runs)
        assert first.is_whole == whole, first.to_json()
        return first

    return twice
