from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from sqlalchemy import update
from stores import contents, record, session

import runlore
from runlore.catalog import schema
from runlore.housekeeping import examine
from runlore.store import open_store
from runlore.store.seal import seal_store


def problems(root: str, **options) -> list[tuple[str, bool]]:
    return [(item.what, item.repaired) for item in examine(session(root), **options)]


def test_a_healthy_store(root):
    record(root, artifact=b"x")
    seal_store(open_store(root))
    record(root, artifact=b"x")
    assert problems(root) == []


def test_a_crash_is_no_damage(root):
    program = (
        f"import os, runlore\nrun = runlore.start('iris', store={root!r}, capture=False)\n"
        "for step in range(100): run.log_metric('loss', 1, step=step)\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert problems(root) == []
    assert len(runlore.get_run("iris#1", store=root).metric("loss")) == 100


def test_a_live_run_is_no_damage(root):
    with runlore.start("iris", store=root, capture=False) as run:
        run.log_metric("loss", 1)
        assert problems(root) == []


def test_changed_and_missing_contents(root):
    record(root, artifact=b"one")
    record(root, artifact=b"two")
    first, second = sorted(contents(root))
    paths = [os.path.join(root, "blobs", name[:2], name) for name in (first, second)]
    os.chmod(paths[0], 0o600)
    with open(paths[0], "wb") as file:
        file.write(b"eno")
    os.unlink(paths[1])
    found = examine(session(root))
    assert [(item.what, os.path.basename(item.where)) for item in found] == [("contents", first), ("contents", second)]
    assert [item.where for item in examine(session(root), quick=True)] == [found[1].where]
    repaired = examine(session(root), repair=True)
    assert [item.repaired for item in repaired] == [True, False, False]
    assert os.path.exists(paths[0] + ".damaged")
    record(root, artifact=b"one")
    assert len(problems(root)) == 1, "logging it again healed one of them"


def test_a_damaged_journal(root):
    uid = record(root)
    folder = os.path.join(runlore.get_run(uid, store=root).directory, "journal")
    (name,) = os.listdir(folder)
    with open(os.path.join(folder, name), "r+b") as file:
        data = file.read()
        file.seek(data.index(b'"start"'))
        file.write(b"\xff\xff")
    assert ("journal", False) in problems(root)
    assert ("journal", False) in problems(root, repair=True)


def test_a_journal_of_another_run(root):
    first, second = record(root), record(root)
    source, target = (os.path.join(runlore.get_run(uid, store=root).directory, "journal") for uid in (first, second))
    (name,) = os.listdir(source)
    shutil.copy(os.path.join(source, name), target)
    assert any(f"belongs to the run {first}" in item.problem for item in examine(session(root)))


@pytest.mark.parametrize("name", ["events.parquet", "metrics.parquet"])
def test_damaged_sealed_files(root, name):
    uid = record(root)
    seal_store(open_store(root))
    path = os.path.join(runlore.get_run(uid, store=root).directory, name)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 3)
        file.write(b"\0" * 40)
    if name == "metrics.parquet":
        assert ("sealed", False) in problems(root)
    else:
        found = [item.what for item in examine(session(root), quick=True)]
        assert "sealed" in found


def test_numbers_are_mended(root, tmp_path):
    other = str(tmp_path / "other")
    record(root)
    record(other)
    shutil.copytree(os.path.join(other, "runs"), os.path.join(root, "runs"), dirs_exist_ok=True)
    assert problems(root) == [("number", False)]
    assert problems(root, repair=True) == [("number", True)]
    assert problems(root) == []


def test_a_catalog_that_lies_is_made_anew(root):
    uid = record(root, acc=0.5)
    here = session(root)
    with here.catalog.engine.begin() as connection:
        connection.execute(update(schema.metrics).values(last=99.0))
    (finding,) = examine(here)
    assert (finding.what, finding.repaired) == ("catalog", False)
    assert uid in finding.problem
    assert problems(root, repair=True) == [("catalog", True)]
    assert runlore.get_run(uid, store=root).metrics["acc"] == 0.5
    assert problems(root) == []
