"""Files of rows: CSV and JSON Lines, wide and long, as programs and people write them."""

from __future__ import annotations

import json
import math
import os

import pytest

import runlore
from runlore.errors import InvalidArgument, NotFound
from runlore.importers import import_runs
from runlore.importers._rows import Columns
from runlore.importers.csv_file import CsvFile
from runlore.importers.json_lines import JsonLinesFile
from runlore.opening import open_store


def points_of(view, key):
    frame = runlore.experiment(view.experiment).data(run=view.uid, event="metric", key=key)
    return list(zip(frame["step"].tolist(), frame["value"].tolist(), strict=True))


def test_a_column_for_each_metric(take, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,loss,acc,optimizer\n0,1.0,,adam\n1,0.5,0.9,adam\n2,NaN,1e-3,adam\n")
    report = take(lambda: CsvFile(str(path)))
    view = runlore.get_run(report.runs[0].uid)
    assert (view.experiment, view.name, view.params, view.status) == (
        "metrics", "metrics", {"optimizer": "adam"}, "succeeded",
    )  # fmt: skip
    assert points_of(view, "acc") == [(1.0, 0.9), (2.0, 0.001)]
    assert math.isnan(view.metrics["loss"])
    assert len(points_of(view, "loss")) == 3


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_several_runs_in_one_file_with_times(take, store, tmp_path, separator):
    path = tmp_path / "all.csv"
    rows = ["seed step timestamp loss", "1 0 1700000000.5 1", "2 0 2023-11-14T22:13:20Z 2", "1 1 1700000001500 3"]
    path.write_text("\r\n".join(row.replace(" ", separator) for row in rows))
    report = take(lambda: CsvFile(str(path), Columns(run="seed")), experiment="vision/unet")
    runs = {run.id: run for run in report.runs}
    assert {run.experiment for run in report.runs} == {"vision/unet"}
    times = store.open_run(runs["1"].uid).points().time_ns.tolist()
    assert times == [1_700_000_000_500_000_000, 1_700_000_001_500_000_000]
    assert store.open_run(runs["2"].uid).points().time_ns.tolist() == [1_700_000_000_000_000_000]


def test_json_lines_as_trainers_write_them(take, tmp_path):
    path = tmp_path / "log.jsonl"
    rows = [{"step": step, "train": {"loss": 1 / (step + 1)}, "note": None, "flag": True} for step in range(50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    view = runlore.get_run(take(lambda: JsonLinesFile(str(path))).runs[0].uid)
    assert points_of(view, "train/loss") == [(step, 1 / (step + 1)) for step in range(50)]
    assert view.metrics["flag"] == 1.0


def test_what_a_file_gained_is_added_and_its_times_stay(store, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 0, "x": 1}\n{"step": 1, "x": 2')
    first = import_runs(store, JsonLinesFile(str(path)))
    assert len(first.problems) == 1
    path.write_text('{"step": 0, "x": 1}\n{"step": 1, "x": 2}\n{"step": 2, "x": 3}\n')
    os.utime(path, (2e9, 2e9))
    second = import_runs(store, JsonLinesFile(str(path)))
    (run,) = second.runs
    assert (run.state, run.is_same) == ("extended", True)
    assert points_of(runlore.get_run(run.uid), "x") == [(0, 1.0), (1, 2.0), (2, 3.0)]


@pytest.mark.parametrize(("kind", "suffix"), [(CsvFile, "csv"), (JsonLinesFile, "jsonl")])
def test_what_was_exported_comes_back_with_its_uid(store, tmp_path, kind, suffix):
    from runlore.cli import run

    with runlore.start("iris", params={"lr": 0.1, "opt": "adam"}, tags={"a": "b"}, capture=False) as recorded:
        for step in range(5):
            recorded.log_metric("loss", 1 / (step + 1), step=step)
        recorded.log_metric("nan", float("nan"))
    path = str(tmp_path / f"out.{suffix}")
    assert run(["export", "iris", "-o", path]) == 0
    other = open_store(str(tmp_path / "other"), create=True)
    report = import_runs(other, kind(path))
    assert [taken.uid for taken in report.runs] == [recorded.uid]
    view = runlore.get_run(recorded.uid, store=other)
    assert (view.experiment, view.params, view.tags) == ("iris", {"lr": 0.1, "opt": "adam"}, {"a": "b"})
    mine, theirs = (place.open_run(recorded.uid).points() for place in (store, other))
    for name in ("step", "value"):
        assert [repr(x) for x in getattr(mine, name).tolist()] == [repr(x) for x in getattr(theirs, name).tolist()]


def test_lines_that_are_none_are_said_and_cost_themselves(take, tmp_path):
    table = tmp_path / "a.csv"
    table.write_text('step,x\n0,1\n1\n2,2,3\n3,4\n4,"open')
    report = take(lambda: CsvFile(str(table)), whole=False)
    assert report.total().points == 2
    assert len(report.problems) == 3
    lines = tmp_path / "a.jsonl"
    lines.write_bytes(b'{"x": 1}\nnot json\n[1]\n\xff\n{"x": [1, 2]}\n' + b'{"a":' * 600 + b"\n" + b'{"x": 2}\n')
    report = take(lambda: JsonLinesFile(str(lines)), whole=False)
    assert report.total().points == 2
    assert len(report.problems) == 5
    lines.write_text("no\n" * 1000)
    source = JsonLinesFile(str(lines))
    source.runs()
    assert len(source.problems) == 21


def test_what_cannot_be_is_refused_before_anything_is_stored(store, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InvalidArgument, match=r"step='epoch'.*a, b"):
        import_runs(store, CsvFile(str(path), Columns(step="epoch")))
    with pytest.raises(NotFound, match="no such file"):
        CsvFile(str(tmp_path / "none.csv"))
    assert len(runlore.runs()) == 0
