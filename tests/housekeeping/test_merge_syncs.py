"""What a merge puts in place is on the disk: contents of files before they get their names, and then the names."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest
from stores import everything, record, session

from runlore import registry
from runlore.housekeeping import merge
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_store


class Disk:
    """Which inodes are on the disk, at which size, and which entries of directories."""

    def __init__(self):
        self.files, self.entries = {}, {}
        self._fsync = os.fsync

    def fsync(self, descriptor):
        self._fsync(descriptor)
        status = os.fstat(descriptor)
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        self.files[status.st_ino] = status.st_size
        if os.path.isdir(path):
            self.entries[status.st_ino] = {name: os.lstat(os.path.join(path, name)).st_ino for name in os.listdir(path)}

    def has(self, path):
        """Whether a loss of power now would leave the file, and all of it."""
        status = os.lstat(path)
        return self.files.get(status.st_ino) == status.st_size and self.knows(path)

    def knows(self, path):
        directory = os.lstat(os.path.dirname(path)).st_ino
        return self.entries.get(directory, {}).get(os.path.basename(path)) == os.lstat(path).st_ino


@pytest.mark.parametrize("form", ["journals", "sealed"])
def test_runs_contents_and_cards_that_were_copied_are_on_the_disk(root, tmp_path, form):
    other = str(tmp_path / "other")
    for number in range(3):
        record(other, "a/b", artifact=b"contents %d" % number)
    registry.register("model", "mine", "tree", artifacts={"tree": b"leaves"}, store=other)
    if form == "sealed":
        seal_store(open_store(other))
    record(root)
    into, disk = session(root), Disk()
    with patch("os.fsync", disk.fsync):
        merge(into, other)
    copied = [path for place in ("runs/a", "blobs", "cards") for path in Path(root, place).rglob("*") if path.is_file()]
    copied = [str(path) for path in copied if path.suffix != ".lock"]
    assert len([path for path in copied if "/blobs/" in path]) == 4
    assert len([path for path in copied if path.endswith("card.json")]) == 1
    assert len([path for path in copied if "/runs/" in path]) >= 3
    assert [path for path in copied if not disk.has(path)] == []
    folders = [str(path) for place in ("runs/a/b", "blobs") for path in Path(root, place).iterdir()]
    assert len(folders) == 3 + 4
    assert [path for path in folders if not disk.knows(path)] == []
    assert len(everything(root)) == 4
