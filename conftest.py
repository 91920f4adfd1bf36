"""What every test and every doctest starts from: no settings of the user's, and a directory of its own.

And how the tests share the machine: file by file, so that what a file sets up is set up once, long ones first.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How long an example takes says nothing on a machine that does other things too: bench/ measures what is slow.
settings.register_profile("runlore", deadline=None, max_examples=40)
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile("runlore")


collect_ignore_glob = ["src/runlore/server/accounts/migrations/*"]  # Alembic runs them, and only Alembic can

# Files that take long begin first, so that none is left over for one process alone in the end.
LONG = (
    "tests/ship/test_killed.py", "tests/ship/test_faults.py", "tests/server/faults/", "tests/cli/test_streams.py",
    "tests/page/", "tests/remote/test_hostile.py", "tests/catalog/search/", "tests/catalog/test_postgres_store.py",
    "tests/test_docs.py", "tests/test_kill.py", "tests/test_read_while_writing.py", "tests/test_stateful.py",
    "tests/deploy/", "tests/importers/", "tests/demo/", "tests/integrations/", "tests/remote/test_faults.py",
    "tests/dialects/", "tests/run/", "tests/journal/",
)  # fmt: skip


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: half as many processes again as there are cores, since tests wait for a third of their time."""
    cores = len(os.sched_getaffinity(0))
    return cores + (cores + 1) // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Ten thousand tests are collected without looking for garbage among them, and never looked through again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first, and the tests of one file together."""
    items.sort(key=lambda item: _place(item.nodeid.partition("::")[0]))


def _place(path: str) -> tuple[int, str]:
    return next((number for number, start in enumerate(LONG) if path.startswith(start)), len(LONG)), path


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
