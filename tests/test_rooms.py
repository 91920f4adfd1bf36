"""SQL is known to the catalog alone, and paths of a store to those who keep its files; and the check can fail."""

from __future__ import annotations

import pytest

from rooms import SOURCE, paths_elsewhere, sql_elsewhere


def test_no_sql_stands_outside_its_room():
    assert sql_elsewhere(SOURCE) == []


def test_no_path_of_a_store_is_known_outside_its_rooms():
    assert paths_elsewhere(SOURCE) == []


@pytest.mark.parametrize(
    "text", ["q = 'SELECT a FROM runs'", "q = f'UPDATE runs SET {a}'", "def f():\n    'DELETE FROM runs'"]
)
def test_sql_elsewhere_is_found(tmp_path, text):
    for folder in ("reader", "catalog"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "made.py").write_text(f"# SELECT a FROM b\n{text}\n")
    assert [place.partition(":")[0] for place in sql_elsewhere(tmp_path)] == ["reader/made.py"]


def test_a_path_elsewhere_is_found(tmp_path):
    for folder in ("reader", "store"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "made.py").write_text("def f(store):\n    return store.runs_root\n")
    assert paths_elsewhere(tmp_path) == ["reader/made.py:2"]
