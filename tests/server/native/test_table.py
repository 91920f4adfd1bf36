"""Tables of runs over HTTP: columns, order, pages, hints, and what is refused."""

from __future__ import annotations

from time import monotonic

import httpx
import pytest
from tests.reader.made_runs import START_S, make_run
from tests.server.live import serving

import runlore


def ask(api, **question):
    answer = api.post("runs/table", json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_columns_have_a_cell_for_each_run(api, two_runs):
    first, second = two_runs
    columns = [
        "name", "number", "started", "duration", "wall", "params.lr", "tags.team", "metrics.loss", "metrics.loss:min",
        "metrics.loss:min_step", "metrics.loss:points", "metrics.acc@min(loss)", "metrics.acc@max(acc)", "params.none",
    ]  # fmt: skip
    found = ask(api, order_by="number", columns=columns)
    assert found["uids"] == [first, second]
    assert (found["total"], found["next_cursor"], found["hints"]) == (2, None, [])
    assert list(found["columns"]) == columns
    assert found["columns"] == {
        "name": ["one", None],
        "number": [1, 2],
        "started": [START_S * 1e3, 1_767_230_000e3],
        "duration": [10.0, found["columns"]["duration"][1]],
        "wall": [10.0, found["columns"]["wall"][1]],
        "params.lr": [0.1, 0.01],
        "tags.team": ["a", None],
        "metrics.loss": [2.0, "NaN"],
        "metrics.loss:min": [1.0, 2.0],
        "metrics.loss:min_step": [1.0, 0.0],
        "metrics.loss:points": [3, 2],
        "metrics.acc@min(loss)": [0.8, 0.5],
        "metrics.acc@max(acc)": [0.9, 0.5],
        "params.none": [None, None],
    }


def test_it_says_how_metrics_are_meant_by_what_the_latest_run_said(api, store):
    for best, x in (("min", None), ("max", "epoch"), (None, None)):
        with runlore.start("meant", store=store, capture=False) as run:
            run.log_metrics({"acc": 0.5, "epoch": 1})
            if best is not None:
                run.define_metric("acc", best=best, x=x)
    found = ask(api, experiment="meant", columns=["metrics.acc:best"])
    assert found["definitions"] == {"acc": {"best": "max", "x": "epoch"}}
    first = ask(api, experiment="meant", query="number = 1", columns=[])
    assert first["definitions"] == {"acc": {"best": "min", "x": None}}
    assert api.get(f"runs/{first['uids'][0]}").json()["definitions"] == first["definitions"]


def test_without_columns_all_fields_come(api, two_runs):
    found = ask(api)["columns"]
    assert {"uid", "status", "params.lr", "params.seed", "metrics.acc", "metrics.loss", "tags.team"} <= set(found)
    assert all(len(cells) == 2 for cells in found.values())


def test_every_field_that_comes_can_be_asked_for(api, store):
    make_run(store, metrics={"loss:min": [1.0], "a@min(b)": [2.0], "b:last": [3.0], "loss": [4.0, 3.0]})
    everything = ask(api)["columns"]
    assert ask(api, columns=list(everything))["columns"] == everything
    assert everything["metrics.loss:min:last"] == [1.0]
    assert everything["metrics.a@min(b):last"] == [2.0]
    assert everything["metrics.b:last:last"] == [3.0]
    assert everything["metrics.loss"] == [3.0]


def test_pages_follow_one_another(api, store):
    uids = [make_run(store, start_s=START_S + place) for place in range(5)]
    cursor, found = None, []
    while True:
        page = ask(api, order_by="started", limit=2, columns=[], cursor=cursor, count=True)
        assert page["total"] == 5
        found += page["uids"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == uids
    assert ask(api, limit=2, columns=[])["total"] is None


def test_a_query_sorts_and_filters(api, two_runs):
    first, second = two_runs
    assert ask(api, query="metrics.acc > 0.5")["uids"] == [first]
    assert ask(api, order_by="params.seed")["uids"] == [second, first]
    assert ask(api, experiment="other")["uids"] == []
    assert ask(api, experiment=["other", "ir*"])["uids"] == [second, first]


def test_names_that_nothing_has_are_hinted_at(api, two_runs):
    assert "metrics.los" in ask(api, query="metrics.los < 1")["hints"][0]


def test_values_that_json_does_not_have_are_marked(api, store):
    make_run(store, params={"a": float("inf"), "b": [float("nan")], "c": "NaN", "d": 2**70, "e\ud800": "\udfff"})
    columns = ask(api)["columns"]
    assert columns["params.a"] == [{"$number": "Infinity"}]
    assert columns["params.b"] == [[{"$number": "NaN"}]]
    assert columns["params.c"] == ["NaN"]
    assert columns["params.d"] == [2**70]
    assert columns["params.e\ud800"] == ["\udfff"]
    again = api.post(
        "runs/table", content=rb'{"columns": ["params.e\ud800"]}', headers={"content-type": "application/json"}
    )
    assert again.json()["columns"] == {"params.e\ud800": ["\udfff"]}


def test_what_others_record_is_seen_within_a_second(store_path, store):
    with serving(store_path) as address, httpx.Client(base_url=f"{address}/api/v1/") as api:
        assert ask(api)["uids"] == []
        took_s = []
        for _ in range(3):  # a machine that stands still for a moment delays one of them, a slow server all
            uid = make_run(store)
            begun = monotonic()
            while uid not in ask(api)["uids"]:
                assert monotonic() - begun < 60
            took_s.append(monotonic() - begun)
        assert min(took_s) < 1


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"columns": ["metrik.loss"]}, None),
        ({"columns": ["metrics."]}, None),
        ({"limit": 0}, "limit"),
        ({"limit": 10**30}, "limit"),
        ({"limit": "1"}, "limit"),
        ({"columns": ["name"] * 5_000}, "columns"),
        ({"cursor": "garbage"}, None),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"zone": "Europe"}, "zone"),
        ({"querry": "x"}, "body"),
        ({"query": "metrics.loss <"}, "query"),
        ({"query": "x" * 1_000_000}, "query"),
        ({"query": "(" * 60_000}, "query"),
        ({"order_by": "-nothing"}, "query"),
        ({"experiment": 5}, "experiment"),
        ({"query": "\0"}, "query"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(api, question, field):
    answer = api.post("runs/table", json=question)
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["detail"]
    assert len(answer.content) < 10_000
    if field:
        assert problem["field"] == field


@pytest.mark.parametrize(
    "content", [b"", b"[", b"\xff", b'"\\ud800"', b"NaN", b"[" * 200_000, b'{"limit": 1e400}', b"null"]
)
def test_a_body_that_is_no_question_is_refused(api, content):
    answer = api.post("runs/table", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text


def test_a_form_is_no_question(api):
    assert api.post("runs/table", data={"limit": "1"}).status_code == 415
