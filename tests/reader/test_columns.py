"""Types of columns: one rule for each kind of value, in every table; with pandas 2 and 3."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from tests.reader.made_runs import START_S, S, make_run

import runlore
from runlore.housekeeping.export import export_table
from runlore.reader import columns
from runlore.reader.facts import as_step
from runlore.testing import MemoryStore

TEXT = "str" if int(pd.__version__.partition(".")[0]) >= 3 else "object"
UTC = "datetime64[ns, UTC]"


@pytest.mark.parametrize(
    ("cells", "kind", "kept"),
    [
        (["a", "b"], TEXT, ["a", "b"]),
        (["a", None], TEXT, ["a", None]),
        (["a", "\ud800"], "object", ["a", "\ud800"]),
        ([1, 2], "int64", [1, 2]),
        ([1, None], "Int64", [1, None]),
        ([2**63 - 1, -(2**63), None], "Int64", [2**63 - 1, -(2**63), None]),
        ([2**63, 1], "object", [2**63, 1]),
        ([-(2**63) - 1, None], "object", [-(2**63) - 1, None]),
        ([1, 2.5], "float64", [1.0, 2.5]),
        ([2**53 + 1, 0.5], "object", [2**53 + 1, 0.5]),
        ([0.5, None], "float64", [0.5, None]),
        ([math.inf, -0.0], "float64", [math.inf, -0.0]),
        ([True, False], "bool", [True, False]),
        ([True, None], "boolean", [True, None]),
        ([True, 1], "object", [True, 1]),
        (["a", 1, None], "object", ["a", 1, None]),
        ([[1, 2], [3, 4]], "object", [[1, 2], [3, 4]]),
        ([{"a": 1}, None], "object", [{"a": 1}, None]),
        ([None, None], "object", [None, None]),
        ([], "object", []),
    ],
)
def test_a_column_has_the_type_that_holds_all_of_its_values(cells, kind, kept):
    column = pd.Series(columns.values(cells))
    assert str(column.dtype) == kind
    assert [None if pd.api.types.is_scalar(item) and pd.isna(item) else item for item in column.tolist()] == kept


@pytest.mark.parametrize(
    ("steps", "kind"),
    [([0.0, 3.0], "int64"), ([0.5, 1.0], "float64"), ([1.0, math.nan], "float64"), ([2.0**53], "float64"),
     ([math.inf], "float64"), ([], "float64")],
)  # fmt: skip
def test_steps_are_integers_where_all_of_them_are(steps, kind):
    column = columns.steps(np.array(steps, dtype=np.float64))
    assert column.dtype == kind
    np.testing.assert_array_equal(column.astype(np.float64), steps)


@pytest.mark.parametrize(
    ("step", "given"), [(3.0, 3), (0.5, 0.5), (None, None), (math.inf, math.inf), (2.0**60, 2.0**60)]
)
def test_a_single_step_is_of_the_type_that_it_has_in_a_column(step, given):
    assert (as_step(step), type(as_step(step))) == (given, type(given))


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    make_run(store, params={"depth": 3, "name": "tree", "fast": True, "big": 2**70}, tags={"kind": "a"},
             metrics={"loss": [1.0], "system/cpu": [9.0]}, artifacts={"a.txt": b"a"})  # fmt: skip
    make_run(store, params={"lr": 0.5}, metrics={"loss": [math.nan]}, end_s=None, host=None, name="second")
    return store


def test_types_of_a_table_of_runs(store):
    table = runlore.runs(store=store, order_by="started, number")
    assert {name: str(table[name].dtype) for name in table} == {
        "experiment": TEXT, "run": "int64", "uid": TEXT, "name": TEXT, "status": TEXT, "started": UTC, "ended": UTC,
        "duration": "timedelta64[ns]", "user": TEXT, "host": TEXT, "group": TEXT, "parent": TEXT, "description": TEXT,
        "points": "int64", "lost": "int64", "params.big": "object", "params.depth": "Int64", "params.fast": "boolean",
        "params.lr": "float64",
        "params.name": TEXT, "metrics.loss": "float64", "tags.kind": TEXT,
    }  # fmt: skip
    assert table["params.depth"].isna().tolist() == [False, True]
    assert table["params.big"].tolist() == [2**70, None]
    assert table["started"].tolist() == [pd.Timestamp(START_S, unit="s", tz="UTC")] * 2


def test_types_of_everything_that_was_recorded(store):
    data = runlore.experiment("iris", store=store).data(event="metric", key="loss")
    assert {name: str(data[name].dtype) for name in data} == {
        "experiment": TEXT, "run": "int64", "step": "int64", "event": TEXT, "key": TEXT, "value": "float64",
        "time": UTC, "node": TEXT, "userid": TEXT,
    }  # fmt: skip
    assert data["node"].isna().tolist() == [False, True]
    empty = runlore.experiment("iris", store=store).data(key="nothing")
    assert {name: str(empty[name].dtype) for name in empty} == {
        **{name: str(data[name].dtype) for name in data}, "step": "float64",
    }  # fmt: skip
    metric = runlore.get_run("iris#1", store=store).metric("loss")
    assert [str(kind) for kind in metric.dtypes] == ["int64", "float64", UTC]
    assert str(runlore.experiments(store=store)["last"].dtype) == UTC


def test_text_that_is_no_valid_unicode_is_kept(store):
    uid = make_run(store, "odd", metrics={"\ud800": [1.0], "ok": [2.0]}, params={"p": "\udfff"})
    data = runlore.experiment("odd", store=store).data()
    assert str(data["key"].dtype) == "object"
    assert set(data["key"]) == {"start", "p", "\ud800", "ok", "stop"}
    assert runlore.runs("params.p is not null", store=store)["params.p"].tolist() == ["\udfff"]
    assert runlore.get_run(uid, store=store).metric("\ud800")["value"].tolist() == [1.0]
    assert runlore.experiment("odd", store=store).summary()["key"].tolist() == ["ok", "\ud800", "duration_s"]
    other = make_run(store, "odd", metrics={"\ud800": [3.0]})
    difference = runlore.compare([uid, other], store=store)
    assert difference.loc[("metrics", "\ud800")].tolist() == [1.0, 3.0]


def test_a_run_without_a_number_is_missing_in_a_column_of_integers(store):
    uid = make_run(store, metrics={"loss": [2.0]}, number=None)
    assert runlore.get_run(uid, store=store).number is None
    table = runlore.runs(store=store)
    assert str(table["run"].dtype) == "Int64"
    assert sorted(table["run"].dropna()) == [1, 2]
    data = runlore.experiment("iris", store=store).data(event="metric", key="loss")
    assert str(data["run"].dtype) == "Int64"
    assert data["run"].isna().sum() == 1


def test_hardware_is_apart_from_metrics_unless_it_is_asked_for(store):
    from runlore.reader.records import metric_records, run_records
    from runlore.reader.session import Session
    from runlore.reader.tables import run_frame

    view = runlore.get_run("iris#1", store=store)
    assert (list(view.metrics), view.system) == (["loss"], {"system/cpu": 9.0})
    assert [name for name in runlore.runs(store=store) if "system/" in name] == []
    session = Session(store)
    runs = session.page(facts=True).runs
    assert "metrics.system/cpu" in run_frame([runs], system=True)
    assert all(list(record["metrics"]) == ["loss"] and "system" not in record for record in run_records(runs))
    assert [record["system"] for record in run_records(runs, system=True)][-1] == {"system/cpu": 9.0}
    assert list(metric_records(session, view.uid)) == ["loss"]
    assert list(metric_records(session, view.uid, system=True)) == ["loss", "system/cpu"]
    assert list(view.metric("system/cpu")["value"]) == [9.0]


def test_an_extra_column_that_is_called_as_one_of_all_records_keeps_its_values(store):
    uid = make_run(store, "other")
    recorder = store.open_run(uid).record()
    recorder.event("note", "n", "x", extra={"time": 12.5, "fold": 1}, time_ns=(START_S + 2) * S)
    recorder.event("note", "n", "y", extra={"fold": None, "user": "é"}, time_ns=(START_S + 3) * S)
    recorder.close()
    data = runlore.experiment("other", store=store).data(event="note")
    assert data["time_"].tolist()[0] == 12.5
    assert data["time"].astype("int64").tolist() == [(START_S + 2) * S, (START_S + 3) * S]
    assert str(data["fold"].dtype) == "Int64"
    assert data["user"].isna().tolist() == [True, False]
    assert runlore.experiment("other", store=store).data(time=12.5)["value"].tolist() == ["x"]


def test_pages_of_runs_make_the_same_table_as_all_at_once(store):
    from runlore.reader.session import Session
    from runlore.reader.tables import run_frame

    for number in range(9):
        make_run(store, params={f"p{number % 4}": number, "always": number}, tags={f"t{number % 2}": "x"},
                 metrics={"loss": [number], **({"rare": [1.0]} if number == 5 else {})})  # fmt: skip
    runs = Session(store).page(None, "number", facts=True).runs
    whole = run_frame([runs])
    for size in (1, 2, 5):
        pd.testing.assert_frame_equal(run_frame([runs[at : at + size] for at in range(0, len(runs), size)]), whole)
    assert run_frame([]).empty
    assert list(run_frame([])) == list(whole)[:15]


@pytest.mark.parametrize("limit", [None, 1, 4, 5, 100])
def test_all_pages_give_each_run_once_and_no_more_than_wanted(store, monkeypatch, limit):
    from runlore.reader import session

    monkeypatch.setattr(session, "AT_ONCE", 2)
    uids = [make_run(store, "many", start_s=START_S + number) for number in range(5)]
    table = runlore.runs(experiment="many", order_by="started", limit=limit, store=store)
    assert table["uid"].tolist() == uids[:limit]


def test_what_is_missing_is_null_in_exports(store, tmp_path):
    uid = make_run(store, "other", host=None)
    with open(tmp_path / "all.jsonl", "wb") as file:
        export_table([runlore.get_run(uid, store=store)], file, "jsonl")
    text = (tmp_path / "all.jsonl").read_text()
    assert "NaN" not in text
    assert '"node":null' in text.replace(" ", "")
