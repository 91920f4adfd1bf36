"""Directories that others make and remove meanwhile."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from runlore.files import make_folders
from runlore.store.folders import remove_if_empty, remove_tree


def _make(root, count):
    for _ in range(count):
        make_folders(os.path.join(root, "a", "b", "c"))


def _remove(root, count):
    for _ in range(count):
        for path in ("a/b/c", "a/b", "a"):
            remove_if_empty(os.path.join(root, path))


def _remove_trees(root, count):
    for index in range(count):
        remove_tree(os.path.join(root, str(index)))


@pytest.mark.parametrize("functions", [(_make, _make, _remove), (_remove_trees, _remove_trees, _remove_trees)])
def test_processes_that_make_and_remove_at_once(tmp_path, functions):
    for index in range(200):
        for inner in range(5):
            (tmp_path / str(index) / str(inner)).mkdir(parents=True)
            (tmp_path / str(index) / str(inner) / "file").touch()
    context = multiprocessing.get_context("fork")
    with context.Pool(len(functions)) as pool:
        for result in [pool.apply_async(function, (str(tmp_path), 200)) for function in functions]:
            result.get(60)


def test_what_is_in_the_way_is_said(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(FileExistsError):
        make_folders(str(tmp_path / "a"))
    with pytest.raises(NotADirectoryError):
        make_folders(str(tmp_path / "a" / "b"))
    with pytest.raises(NotADirectoryError):
        remove_if_empty(str(tmp_path / "a"))


def test_only_empty_directories_go(tmp_path):
    (tmp_path / "full" / "inner").mkdir(parents=True)
    assert not remove_if_empty(str(tmp_path / "full"))
    assert remove_if_empty(str(tmp_path / "full" / "inner"))
    assert remove_if_empty(str(tmp_path / "full"))
    assert remove_if_empty(str(tmp_path / "full"))


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "inner").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(str(tmp_path / "tree"))
    remove_tree(str(tmp_path / "link"))
    remove_tree(str(tmp_path / "none"))
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["kept", "file"]
