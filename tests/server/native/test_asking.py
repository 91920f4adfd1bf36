"""Groups, and help with queries, over HTTP."""

from __future__ import annotations

import pytest
from tests.reader.made_runs import make_run


def test_runs_in_groups(api, store):
    for place, (lr, acc) in enumerate([(0.1, 0.8), (0.1, 0.9), (0.1, float("nan")), (0.01, 0.5)]):
        make_run(store, params={"lr": lr}, metrics={"acc": [acc]}, start_s=1_767_225_600 + place)
    answer = api.post("runs/groups", json={"by": ["params.lr"], "values": ["metrics.acc", "metrics.acc:max"]})
    one, three = answer.json()["groups"]
    assert (one["keys"], one["count"], three["keys"], three["count"]) == ([0.01], 1, [0.1], 3)
    spread = three["values"]["metrics.acc"]
    assert (spread["count"], spread["min"], spread["max"]) == (2, 0.8, 0.9)
    assert spread["mean"] == pytest.approx(0.85)
    assert (spread["low"], spread["high"]) == (pytest.approx(0.2147, abs=1e-3), pytest.approx(1.4853, abs=1e-3))
    assert one["values"]["metrics.acc"]["std"] is None
    assert sorted(three["uids"] + one["uids"]) == sorted(api.post("runs/table", json={}).json()["uids"])
    for wrong in ({"by": []}, {"by": ["x"]}, {"by": ["name"], "confidence": 1}, {"by": ["name"], "query": "<"}):
        assert api.post("runs/groups", json=wrong).status_code == 400


def check(api, **asked):
    return api.post("query/check", json=asked).json()


def test_a_query_is_checked(api, two_runs):
    assert check(api, query="metrics.loss < 1", order_by="-metrics.acc") == {"ok": True, "error": None, "hints": []}
    assert check(api)["ok"]
    wrong = check(api, query="metrics.loss <")
    assert (wrong["ok"], wrong["error"]["position"]) == (False, 14)
    assert "value" in wrong["error"]["hint"]
    assert check(api, query="lss = 1")["error"] is not None
    assert check(api, query="metrics.los < 1")["hints"]
    assert not check(api, query="status = 'done'")["ok"]
    assert not check(api, query="x" * 100_000)["ok"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", "uid"), ("metrics.lo", "metrics.loss"), ("lo", "lost"), ("params.", "params.lr"), ("metrics.loss ", "="),
        ("status = ", "succeeded"), ("experiment = i", "iris"), ("metrics.loss < 1 ", "and "), ("not ", "uid"),
        ("status in (f", "failed"), ("min(", "uid"), ("min(metrics.loss) ", "="), ("name is ", "null"),
        ("archived = ", "true"), ("(metrics.loss < 1) ", "and "), ("metrics.lsos", "metrics.loss"),
        ("tags.`te", "tags.team"),
    ],
)  # fmt: skip
def test_what_could_stand_there_is_offered(api, two_runs, text, first):
    found = api.post("query/complete", json={"text": text, "position": len(text)}).json()
    assert found["options"][0]["text"] == first
    assert found["to"] == len(text)


@pytest.mark.parametrize("position", [-5, 0, 3, 10**12])
@pytest.mark.parametrize("text", ["'open", "((((", ")))", "a b c d", "\0", "in in in", "= = =", "`", "é" * 1_000])
def test_completion_refuses_nothing(api, text, position):
    answer = api.post("query/complete", json={"text": text, "position": position})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert 0 <= found["from"] <= found["to"] <= len(text)
