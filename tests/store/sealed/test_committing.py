"""New sealed files take the place of old ones at once, and are on the disk before: sealing, adopting, combining."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from sealing_steps import renew
from store_truth import new_journal, new_run, record, truth

from runlore.store import seal_lock
from runlore.store.sealed.committing import LockLost
from runlore.store.sealed.files import open_sealed
from runlore.store.sealed.sealing import seal_run

PROGRAM = Path(__file__).parents[1] / "sealing_steps.py"
SEALED_FILES = ["events.parquet", "metrics.parquet"]


def files(directory):
    """What the run holds besides damaged journals."""
    return sorted(
        os.path.relpath(os.path.join(folder, name), directory)
        for folder, _, names in os.walk(directory)
        for name in names
        if os.path.basename(folder) != "damaged"
    )


def two_copies(store, *, both_differ):
    """Directories of two sealed copies of a run; the second has a writer more, and, if wanted, the first as well."""
    run = new_run(store)
    record(run)
    seal_run(store, run)
    other = shutil.copytree(run, f"{store.root}.other")
    record(other, base=5)
    seal_run(store, other)
    if both_differ:
        record(run, base=7)
        seal_run(store, run)
    return run, other


@pytest.fixture(params=["journals", "sealed in part", "adopted", "combined"])
def case(request, store):
    """A run, what is done to it, and another copy that is needed for that.

    Journals, of which one is damaged, are sealed; the same, of which a part is sealed, and there again.
    """
    if request.param in ("adopted", "combined"):
        run, other = two_copies(store, both_differ=request.param == "combined")
        return run, "adopt" if request.param == "adopted" else "combine", other
    run = new_run(store)
    record(run)
    if request.param == "sealed in part":
        shutil.copytree(os.path.join(run, "journal"), run + ".copy")
        seal_run(store, run)
        shutil.copytree(run + ".copy", os.path.join(run, "journal"), dirs_exist_ok=True)
    record(run, base=5)
    journal = new_journal(run)
    for at in range(1500):
        journal.scalar("damaged", at)
    journal.close()
    with open(journal.path, "r+b") as file:
        file.seek(18_000)
        file.write(b"damage")
    return run, "seal", ""


def steps(store, case, target, mode):
    """Handle copies of the run, one for each step; see `sealing_steps`. Returns how many steps, and the new state."""
    target.mkdir(parents=True)
    run, work, other = case
    done = subprocess.run(
        [sys.executable, PROGRAM, store.root, run, target, mode, work, other],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return int(done.stdout), truth(str(target / "warm"))


def test_killed_at_any_step_the_old_or_the_new_is_there(store, case, tmp_path):
    old = truth(case[0])
    count, new = steps(store, case, tmp_path / "k", "kill")
    assert count > 8
    for step_number in range(1, count + 1):
        directory = str(tmp_path / "k" / str(step_number))
        found = truth(directory)
        assert found in (old, new), step_number
        assert seal_run(store, directory).outcome in ("sealed", "nothing")
        assert truth(directory) == found, step_number
        assert files(directory) == SEALED_FILES, step_number
    assert found == new


def test_failing_at_any_step_leaves_the_old_or_the_new(store, case, tmp_path):
    old = truth(case[0])
    count, new = steps(store, case, tmp_path / "f", "fail")
    assert count > 8
    for step_number in range(1, count + 1):
        directory = str(tmp_path / "f" / str(step_number))
        found = truth(directory)
        seal_run(store, directory)
        assert found in (old, new), step_number
        assert truth(directory) == found, step_number
        assert files(directory) == SEALED_FILES, step_number


def test_a_reader_at_any_step_sees_the_old_or_the_new(store, case, tmp_path):
    assert steps(store, case, tmp_path / "r", "read")[0] > 8


@pytest.mark.parametrize("case", ["journals", "sealed in part"], indirect=True)
def test_a_sealing_at_any_step_of_a_reader_goes_unnoticed(store, case, tmp_path):
    assert steps(store, case, tmp_path / "s", "seal")[0] > 3


def test_files_are_on_the_disk_before_they_are_committed_and_names_after_each_step(store, case):
    """A loss of power after any step finds what the steps before it did."""
    directory = case[0]
    done = []
    fsync, rename = os.fsync, os.rename

    def role(path):
        """The name, without what differs from one commit to the next."""
        name = os.path.basename(path)
        if path == directory:
            return "directory"
        return name.partition("-")[0] + "-" + name.rpartition("-")[2] if "sealing-" in name else name.partition("-")[0]

    def watched_fsync(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        fsync(descriptor)
        done.append(("fsync", role(path), os.fstat(descriptor).st_size if os.path.isfile(path) else 0))

    def watched_rename(source, target):
        size = os.stat(source).st_size
        rename(source, target)
        if os.path.dirname(target) == directory:
            done.append(("rename", f"{role(source)} to {role(target)}", size))

    with patch("os.fsync", watched_fsync), patch("os.rename", watched_rename):
        renew(store, *case)
    assert [step[:2] for step in done] == [
        ("fsync", "sealing-metrics.tmp"),
        ("fsync", "sealing-events.tmp"),
        ("rename", "sealing-metrics.tmp to metrics"),
        ("fsync", "directory"),
        ("rename", "sealing-events.tmp to events.parquet"),
        ("fsync", "directory"),
        ("rename", "metrics to metrics.parquet"),
        ("fsync", "directory"),
    ]
    sizes = dict(step[1:] for step in done)
    assert sizes["sealing-metrics.tmp"] == sizes["sealing-metrics.tmp to metrics"] > 0
    assert sizes["sealing-events.tmp"] == sizes["sealing-events.tmp to events.parquet"] > 0


@pytest.mark.parametrize("case", ["adopted", "combined"], indirect=True)
def test_files_of_others_are_not_committed_once_the_lock_is_lost(store, case):
    directory = case[0]
    old = truth(directory)
    with patch.object(seal_lock.Lock, "held", lambda _: False), pytest.raises(LockLost, match="took over"):
        renew(store, *case)
    os.unlink(os.path.join(directory, seal_lock.NAME))
    assert truth(directory) == old
    assert files(directory) == SEALED_FILES
    with closing(open_sealed(directory)) as run:
        assert run.about["points"]
