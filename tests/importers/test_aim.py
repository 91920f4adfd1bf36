"""Aim: its own library writes, where it is installed; what it wrote once is kept beside the tests."""

from __future__ import annotations

import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import runlore
from runlore.errors import DamagedFile, InvalidArgument, NotFound
from runlore.importers import import_runs
from runlore.importers.aim import Repository
from runlore.importers.aim.rocksdb import Database
from runlore.importers.aim.tables import Table
from runlore.importers.aim.tree import Kind, nested, read_path, read_value

KEPT = Path(__file__).parent / "assets" / "aim-3.29.1.zip"
"""What `PROGRAM` and `KILLED` left in `.aim`, without RocksDB's own notes."""

PROGRAM = """
import math
import aim, numpy as np
quiet = {"repo": ".", "system_tracking_interval": None, "log_system_params": False, "capture_terminal_logs": False}
run = aim.Run(experiment="vision/unet", **quiet)
run.name, run.description = "first", "a note"
run.add_tag("baseline")
run["hparams"] = {"lr": 5.0, "gone": 1}
run["hparams"] = {"lr": 0.1, "model": {"depth": 3}, "layers": [1, 2], "none": None}
run["seed"] = 7
for step in range(300):
    run.track(1 / (step + 1), name="loss", step=step, epoch=step // 100, context={"subset": "train"})
for step in range(3):
    run.track(2 / (step + 1), name="loss", step=step, context={"subset": "val", "fold": 1})
run.track(math.nan, name="odd", step=0)
run.track(-math.inf, name="odd", step=1)
run.track(aim.Text("hello"), name="words", step=1)
run.track(aim.Image(np.zeros((4, 5, 3), np.uint8), caption="black"), name="picture", step=1)
run.track([aim.Image(np.full((2, 2), 9, np.uint8)), aim.Image(np.full((2, 2), 8, np.uint8))], name="two", step=0)
run.track(aim.Distribution(np.arange(100.0)), name="weights", step=2)
run.close()
"""

KILLED = """
import os, signal
import aim
run = aim.Run(repo=".", system_tracking_interval=None, log_system_params=False, capture_terminal_logs=False)
run.name = "second"
run["lr"] = 0.5
for step in range(20):
    run.track(step / 7, name="loss", step=step)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def kept(tmp_path):
    """A copy of the repository."""
    shutil.unpack_archive(KEPT, tmp_path / "kept")
    return tmp_path / "kept"


def points_of(view, key):
    frame = runlore.experiment(view.experiment).data(run=view.uid, event="metric", key=key)
    return list(zip(frame["step"].tolist(), frame["value"].tolist(), strict=True))


def check_runs(report):
    first, second = (runlore.get_run(run.uid) for run in report.runs)
    assert (first.experiment, first.name, first.description) == ("vision/unet", "first", "a note")
    assert first.status == "succeeded"
    assert first.tags == {"baseline": ""}
    assert first.params == {
        "hparams/lr": 0.1, "hparams/model/depth": 3, "hparams/layers": [1, 2], "hparams/none": None, "seed": 7,
    }  # fmt: skip
    assert points_of(first, "train/loss") == [(step, 1 / (step + 1)) for step in range(300)]
    assert points_of(first, "train/loss/epoch")[::100] == [(0, 0.0), (100, 1.0), (200, 2.0)]
    assert points_of(first, "val/loss/fold=1") == [(0, 2.0), (1, 1.0), (2, 2 / 3)]
    (_, nan), (_, infinity) = points_of(first, "odd")
    assert math.isnan(nan)
    assert infinity == -math.inf
    assert first.artifact("words").load() == "hello"
    assert (first.artifact("picture").kind, first.artifact("picture").read_bytes()[:4]) == ("image", b"\x89PNG")
    assert {item.name for item in first.artifacts()} == {"words", "picture", "two/0", "two/1", "weights"}
    assert sum(first.artifact("weights").load().counts) == 100
    assert (second.experiment, second.name, second.status) == ("default", "second", "crashed")
    assert points_of(second, "loss") == [(step, step / 7) for step in range(20)]
    assert second.params == {"lr": 0.5}


def test_runs_that_the_library_writes_today(take, tmp_path, written_by):
    written_by("aim", PROGRAM, tmp_path)
    with pytest.raises(AssertionError):  # it kills itself
        written_by("aim", KILLED, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / ".aim").rglob("*")}
    check_runs(take(lambda: Repository(str(tmp_path))))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / ".aim").rglob("*")} == before, "it is only read"


def test_runs_that_it_wrote_once_killed_ones_too(take, kept):
    check_runs(take(lambda: Repository(str(kept))))


def test_damage_costs_itself(take, kept):
    (table,) = (kept / "seqs" / "chunks").glob("*/*.sst")
    content = bytearray(table.read_bytes())
    content[len(content) // 3] ^= 1
    table.write_bytes(content)
    report = take(lambda: Repository(str(kept)), whole=False)
    first, second = report.runs
    assert "the checksum is wrong" in first.problems[0]
    assert second.problems == []
    assert 0 < first.source.points < 906
    view = runlore.get_run(first.uid)
    assert (view.status, view.params["seed"]) == ("succeeded", 7)


@pytest.mark.parametrize("cut", [1, 10, 60, 3000])
def test_a_torn_table_and_a_torn_log_cost_themselves(store, kept, cut):
    (table,) = (kept / "seqs" / "chunks").glob("*/*.sst")
    log = max((kept / "seqs" / "chunks").glob("*/*.log"), key=lambda path: path.stat().st_size)
    for path in (table, log):
        path.write_bytes(path.read_bytes()[:-cut])
    report = import_runs(store, Repository(str(kept)))
    assert [run.is_same for run in report.runs] == [True, True]
    assert all(run.problems for run in report.runs)
    assert report.runs[0].source.points == 0, "a table without its end has no index"
    assert 10 < report.runs[1].source.points <= 20 or cut > 100


def test_without_names_and_with_other_things_in_its_place(store, kept):
    (kept / "run_metadata.sqlite").write_bytes(b"no database")
    (kept / "meta" / "chunks" / "stray").mkdir()
    report = import_runs(store, Repository(str(kept)))
    assert len(report.runs) == 3
    assert {run.experiment for run in report.runs} == {"default"}
    assert "names, experiments and tags" in report.problems[0]
    with closing(sqlite3.connect(kept / "run_metadata.db")):
        pass
    with pytest.raises(NotFound, match="none"):
        Repository(str(kept / "none"))
    with pytest.raises(InvalidArgument, match="no repository of Aim"):
        Repository(str(kept / "seqs")).runs()


@pytest.mark.parametrize("content", [b"", b"\0" * 60, b"\xff" * 4096])
def test_what_is_no_table_is_said(tmp_path, content):
    (tmp_path / "1.sst").write_bytes(content)
    (tmp_path / "2.log").write_bytes(content)
    database = Database(str(tmp_path))
    assert list(database.items()) == []
    assert database.damage
    with pytest.raises(DamagedFile):
        list(Table(str(tmp_path / "1.sst"), []).entries())


@pytest.mark.parametrize("data", [b"\x02", b"\x03abc", b"\x01", b"\x63"])
def test_a_value_that_is_none_is_damage(data):
    with pytest.raises(DamagedFile):
        read_value(data)


def test_paths_and_trees():
    assert read_path("ä/é".encode() + b"\xfe\xfe" + (-2).to_bytes(8, "big", signed=True) + b"\xfe") == ("ä/é", -2)
    for key in (b"open", b"\xfe\x00\x01", b"a\xfe\xfe"):
        with pytest.raises(DamagedFile):
            read_path(key)
    items = {("a", place): place for place in range(12)}
    found = {(): Kind("dict"), ("a",): Kind("list"), **items, ("b",): Kind("dict")}
    assert nested(found) == {"a": list(range(12)), "b": {}}
    assert nested({("a",): 1, ("a", "b"): 2}) == {"a": {"b": 2}}
