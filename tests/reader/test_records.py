from __future__ import annotations

import math
import os
import shutil

import pytest

import runlore
from runlore.errors import RunNotFound
from runlore.reader.plain import dump_json, values_of
from runlore.reader.records import experiment_records, find_view, iso_time, metric_records, run_records
from runlore.reader.session import Session


@pytest.fixture
def session(tmp_path, monkeypatch) -> Session:
    monkeypatch.chdir(tmp_path)
    for value in (1.0, float("nan")):
        with runlore.start("iris", params={"big": 2**63}, tags=["x"], capture=False) as run:
            run.log_metric("loss", value, step=0.5)
    return Session().refresh()


def test_runs_as_plain_values(session):
    first, second = run_records(session.page(None, "started", facts=True).runs)
    assert (first["number"], first["params"], first["metrics"], first["tags"]) == (
        1,
        {"big": 2**63},
        {"loss": 1.0},
        {"x": ""},
    )
    assert math.isnan(second["metrics"]["loss"])
    assert second["duration_s"] >= 0
    (experiment,) = experiment_records(session)
    assert (experiment["runs"], experiment["statuses"]) == (2, {"succeeded": 2})
    assert experiment_records(session, "other/*") == []


def test_a_series_of_nan_in_numbers(session):
    found = metric_records(session, find_view(session, "iris#2").uid)["loss"]
    assert (found["count"], found["last_step"]) == (1, 0.5)
    assert all(math.isnan(found[name]) for name in ("last", "first", "min", "max", "mean"))


def test_a_number_that_two_runs_have_is_ambiguous(session, tmp_path):
    other = str(tmp_path / "other")
    runlore.start("iris", store=other, capture=False).finish()
    shutil.copytree(os.path.join(other, "runs"), os.path.join(session.store.root, "runs"), dirs_exist_ok=True)
    with pytest.raises(RunNotFound, match="several runs have this number"):
        find_view(session.refresh(), "iris#1")


def test_a_run_in_the_trash_is_found_where_no_other_is_meant(session):
    find_view(session, "iris#2").delete()
    assert find_view(session, "iris#2").deleted
    assert find_view(session, "iris#-1").number == 1


@pytest.mark.parametrize("name", ["iris#9", "none#1", "iris#-9", "#1", "iris#x", "abc", ""])
def test_what_no_run_is_called(session, name):
    with pytest.raises(RunNotFound):
        find_view(session, name)


def test_times_before_1970_and_to_the_nanosecond():
    assert iso_time(-1) == "1969-12-31T23:59:59.999999999Z"
    assert iso_time(None) is None


def test_json_has_no_nan():
    assert dump_json([float("nan"), float("-inf"), {"ü": 2**70}, "\ud800"]) == (
        '["NaN", "-Infinity", {"ü": 1180591620717411303424}, "\\ud800"]'.encode()
    )


def test_a_metric_that_is_nan_and_an_event_without_a_value(session):
    frame = runlore.experiment("iris").data(run=2)
    found = dict(zip(frame["event"], values_of(frame), strict=True))
    assert found["start"] is None
    assert math.isnan(found["metric"])
