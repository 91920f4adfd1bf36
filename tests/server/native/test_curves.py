"""Curves over HTTP: their bytes, every x, ranges, tags, and what is refused."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.reader.made_runs import START_S, S, make_run
from tests.server.native.curve_bytes import read_curves

from runlore.reader.reducing import downsample
from runlore.store.sealed.sealing import seal_store

ARROW = "application/vnd.apache.arrow.stream"


def curves(api, runs, keys, **drawing):
    answer = api.post("curves", json={"runs": runs, "keys": keys, **drawing})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.runlore.curves"
    return read_curves(answer.content)


def test_every_series_of_every_run_comes(api, two_runs):
    first, second = two_runs
    header, found = curves(api, [first, second], ["loss", "acc"])
    assert found[first, "loss"] == ([0.0, 1.0, 2.0], [3.0, 1.0, 2.0])
    assert found[second, "acc"] == ([0.0, 1.0], [0.5, 0.4])
    assert math.isnan(found[second, "loss"][1][1])
    about = header["curves"][2]
    assert (about["run"], about["key"], about["points"], about["n"], about["reduced"]) == (second, "loss", 2, 2, False)
    assert about["nonfinite"] == {"nan": 1, "pos": 0, "neg": 0}
    assert (about["last_step"], about["status"], about["breaks"]) == (1.0, "succeeded", [])


def test_a_long_series_keeps_its_extremes(api, store):
    values = np.cumsum(np.random.default_rng(1).normal(size=5_000))
    values[[100, 2_000, 3_000]] = math.nan, math.inf, -math.inf
    uid = make_run(store, metrics={"loss": values.tolist()})
    header, found = curves(api, [uid], ["loss"], buckets=50)
    rows = downsample(np.arange(5_000.0), values, 50)
    x, y = found[uid, "loss"]
    assert x == rows.tolist()
    np.testing.assert_array_equal(y, values[rows])
    assert header["curves"][0]["reduced"]
    assert header["curves"][0]["nonfinite"] == {"nan": 1, "pos": 1, "neg": 1}
    assert {math.inf, -math.inf} < set(y)


def test_x_is_what_is_asked_for(api, two_runs):
    first, _ = two_runs

    def over(x):
        return curves(api, [first], ["loss"], x=x)[1][first, "loss"]

    assert over("time") == ([START_S * 1e3, START_S * 1e3 + 1e3, START_S * 1e3 + 2e3], [3.0, 1.0, 2.0])
    assert over("relative") == ([0.0, 1.0, 2.0], [3.0, 1.0, 2.0])
    assert over("active") == ([0.0, 1.0, 2.0], [3.0, 1.0, 2.0])
    assert over("metric:acc") == ([0.1, 0.8, 0.9], [3.0, 1.0, 2.0])
    assert over("metric:loss") == ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    header, _ = curves(api, [first], ["loss"], x="metric:none")
    assert (header["curves"][0]["n"], header["curves"][0]["without_x"]) == (0, 3)


def test_gaps_before_a_resumption_are_left_out_of_active_time(api, store):
    uid = make_run(store, metrics={"loss": [3.0, 2.0]}, end_s=4)
    recorder = store.open_run(uid).record()
    recorder.event("resume", "resume", {}, time_ns=(START_S + 100) * S)
    recorder.scalar("loss", 1.0, step=2, time=START_S + 101)
    recorder.event("stop", "stop", {"status": "succeeded"}, time_ns=(START_S + 110) * S)
    recorder.close()
    header, found = curves(api, [uid], ["loss"], x="active")
    assert found[uid, "loss"] == ([0.0, 1.0, 5.0], [3.0, 2.0, 1.0])
    assert header["curves"][0]["breaks"] == [5.0]
    header, found = curves(api, [uid], ["loss"], x="relative")
    assert (found[uid, "loss"][0], header["curves"][0]["breaks"]) == ([0.0, 1.0, 101.0], [101.0])
    assert curves(api, [uid], ["loss"])[0]["curves"][0]["breaks"] == [2.0]


def test_a_series_without_steps_is_drawn_over_its_places(api, store):
    uid = make_run(store)
    recorder = store.open_run(uid).record()
    for value in (5, 6, 7):
        recorder.scalar("system/cpu", value)
    recorder.close()
    header, found = curves(api, [uid], ["system/cpu"])
    assert found[uid, "system/cpu"] == ([0.0, 1.0, 2.0], [5.0, 6.0, 7.0])
    assert header["curves"][0]["by_place"]
    assert header["curves"][0]["last_step"] is None


def test_a_range_comes_with_its_neighbours(api, store):
    uid = make_run(store, metrics={"loss": [float(i) for i in range(100)]})
    assert curves(api, [uid], ["loss"], low=10.5, high=12)[1][uid, "loss"][0] == [10.0, 11.0, 12.0, 13.0]
    assert curves(api, [uid], ["loss"], low=200)[1][uid, "loss"][0] == [99.0]


def test_what_there_is_not_is_said(api, two_runs):
    first, _ = two_runs
    header, _ = curves(api, [first, "f" * 32, "x"], ["loss", "none"])
    assert [curve["key"] for curve in header["curves"]] == ["loss"]
    assert sorted(header["missing"]) == sorted(
        [[first, "none"], ["f" * 32, "loss"], ["f" * 32, "none"], ["x", "loss"], ["x", "none"]]
    )


def test_arrow_has_the_same(api, two_runs):
    first, second = two_runs
    answer = api.post("curves", json={"runs": [first, second], "keys": ["acc"]}, headers={"accept": ARROW})
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()
    assert table.column("run").to_pylist() == [first] * 3 + [second] * 2
    assert table.column("y").to_pylist() == [0.1, 0.8, 0.9, 0.5, 0.4]
    nothing = api.post("curves", json={"runs": [], "keys": []}, headers={"accept": ARROW})
    assert pa.ipc.open_stream(io.BytesIO(nothing.content)).read_all().num_rows == 0


def test_a_tag_says_that_nothing_changed(api, store):
    uid = make_run(store, metrics={"loss": [1.0, 2.0]}, end_s=None)
    first = api.get("curves", params={"run": uid, "key": "loss"})
    tag = first.headers["etag"]
    assert api.get("curves", params={"run": uid, "key": "loss"}, headers={"if-none-match": tag}).status_code == 304
    posted = api.post("curves", json={"runs": [uid], "keys": ["loss"]})
    assert posted.content == first.content
    known = posted.headers["etag"]
    assert api.post("curves", json={"runs": [uid], "keys": ["loss"], "known": known}).status_code == 204
    recorder = store.open_run(uid).record()
    recorder.scalar("loss", 3.0, step=2)
    recorder.close()
    changed = api.post("curves", json={"runs": [uid], "keys": ["loss"], "known": known})
    assert changed.status_code == 200
    assert read_curves(changed.content)[1][uid, "loss"][1] == [1.0, 2.0, 3.0]


def test_a_run_that_cannot_be_read_does_not_hide_the_others(api, store, two_runs):
    first, second = two_runs
    seal_store(store, force=True)
    api.post("runs/table", json={})
    for file in Path(store.open_run(first).directory).glob("*.parquet"):
        content = bytearray(file.read_bytes())
        content[4:-8] = bytes(len(content) - 12)
        file.write_bytes(content)
    header, found = curves(api, [first, second], ["acc"])
    assert list(found) == [(second, "acc")]
    assert (list(header["problems"]), header["missing"]) == ([first], [])
    answer = api.get(f"runs/{first}/console")
    assert answer.status_code == 409, answer.text


def test_runs_of_many_points_are_read_in_portions(api, store, monkeypatch):
    runs = [make_run(store, "long", metrics={"loss": [number, 1.0], f"m{number % 2}": [0.5]}) for number in range(11)]
    at_once = curves(api, runs, ["loss", "m0"])
    monkeypatch.setattr("runlore.reader.curves.POINTS_AT_ONCE", 3)
    in_portions = curves(api, runs, ["loss", "m0"], buckets=999)  # which nobody has kept
    assert in_portions == at_once
    assert (len(at_once[1]), len(at_once[0]["missing"])) == (11 + 6, 5)


def test_sparklines_are_small_curves(api, store):
    uid = make_run(store, metrics={"loss": [float(i % 7) for i in range(1_000)]})
    answer = api.post("sparklines", json={"runs": [uid], "key": "loss"})
    _, found = read_curves(answer.content)
    assert len(found[uid, "loss"][0]) <= 82
    assert max(found[uid, "loss"][1]) == 6.0


@pytest.mark.parametrize(
    "question",
    [
        {"runs": ["a"], "keys": ["loss"], "buckets": 0},
        {"runs": ["a"], "keys": ["loss"], "buckets": 10**9},
        {"runs": ["a"], "keys": ["loss"], "x": "steps"},
        {"runs": ["a"], "keys": ["loss"], "x": "metric:"},
        {"runs": [str(i) for i in range(20_001)], "keys": ["loss"]},
        {"runs": [str(i) for i in range(1_000)], "keys": [str(i) for i in range(1_000)]},
        {"runs": "a", "keys": ["loss"]},
        {"runs": ["a"], "keys": ["loss"], "low": "1"},
    ],
)
def test_what_cannot_be_drawn_is_refused(api, question):
    answer = api.post("curves", json=question)
    assert answer.status_code == 400, answer.text


def test_names_of_any_kind_ask_for_nothing(api, two_runs):
    content = rb'{"runs": ["\ud800", "\u0000"], "keys": ["\ud800", "\u0000", ""]}'
    answer = api.post("curves", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert len(read_curves(answer.content)[0]["missing"]) == 6
    assert api.get("curves", params={"run": "a", "key": "b", "low": "nan"}).status_code == 400
