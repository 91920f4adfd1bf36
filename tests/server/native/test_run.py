"""One run over HTTP, and what there is in the store."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from tests.reader.made_runs import START_S, make_run


def test_experiments_and_keys(api, two_runs, store):
    make_run(store, "vision/a", metrics={"m": [1.0]})
    found = api.get("experiments").json()["experiments"]
    assert [(one["name"], one["runs"], one["statuses"]) for one in found] == [
        ("iris", 2, {"succeeded": 2}), ("vision/a", 1, {"succeeded": 1}),
    ]  # fmt: skip
    assert [one["name"] for one in api.get("experiments?pattern=vision/*").json()["experiments"]] == ["vision/a"]
    assert api.get("keys?kind=metrics").json() == {"keys": ["acc", "loss", "m"]}
    assert api.get("keys?kind=metrics&experiment=iris").json() == {"keys": ["acc", "loss"]}
    assert api.get("keys?kind=nothing").status_code == 400
    assert api.get("keys").status_code == 400


def test_all_of_a_run(api, store):
    uid = make_run(store, "vision/cifar", params={"lr": float("inf")}, metrics={"loss": [1.0, float("nan")]}, name="x")
    child = make_run(store, "vision/cifar", parent=uid)
    for name in (uid, uid[:20], quote("vision/cifar#1", safe="")):
        found = api.get(f"runs/{name}").json()
        assert found["uid"] == uid
    assert found["started_ms"] == START_S * 1e3
    assert (found["duration_s"], found["active_s"], found["wall_s"]) == (10.0, 10.0, 10.0)
    assert found["params"] == {"lr": {"$number": "Infinity"}}
    assert found["metrics"] == {"loss": "NaN"}
    assert found["children"] == [{"uid": child, "number": 2, "name": None, "status": "succeeded"}]
    assert found["detail"]["statuses"] == [
        [START_S * 1e3, "running", None], [START_S * 1e3 + 10e3, "succeeded", None],
    ]  # fmt: skip
    series = api.get(f"runs/{quote('vision/cifar#1', safe='')}/metrics").json()
    assert series["loss"]["points"] == 2
    assert (series["loss"]["finite"], series["loss"]["last"], series["loss"]["min"]) == (1, "NaN", 1.0)


def test_what_was_captured_says_how_to_run_it_again(api, store):
    uid = make_run(store)
    recorder = store.open_run(uid).record()
    environment = {"command": ["python", "train it.py"], "working_directory": "/a/src", "packages": ["numpy==2.0"]}
    recorder.event("capture", "environment", environment)
    recorder.event("capture", "git", {"root": "/a", "commit": "c0ffee", "remote": "https://host/$(touch x).git"})
    recorder.event("note", "note", "it went well")
    recorder.close()
    found = api.get(f"runs/{uid}").json()
    assert found["detail"]["command"] == "python 'train it.py'"
    assert found["detail"]["notes"][0]["text"] == "it went well"
    assert found["reproduce"] == [
        "git clone 'https://host/$(touch x).git' '$(touch x)'", "cd '$(touch x)'", "git checkout c0ffee",
        "python -m venv .venv", ". .venv/bin/activate", "pip install numpy==2.0", "cd src", "python 'train it.py'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["f" * 32, "nothing", "iris#1", "%00", "%ff", "x" * 5_000, "..%2F..", "%23", "iris%23-1"]
)
@pytest.mark.parametrize("what", ["", "/metrics"])
def test_a_run_that_there_is_not(api, name, what):
    answer = api.get(f"runs/{name}{what}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_gpus_and_ranks_together(api, store):
    metrics = {f"system/gpu/{n}/utilization_percent": [90.0, 90.0 - n] for n in range(4)} | {
        "system/cpu_percent": [5.0]
    }
    uid = make_run(store, metrics=metrics)
    for rank in range(2):
        recorder = store.open_run(uid).record()
        recorder.columns({"rank": rank})
        recorder.scalar("train/loss", 1.0 + rank, step=0)
        recorder.close()
    (found,) = api.get(f"runs/{uid}/lanes").json()["resources"]
    assert found["resource"] == "system/gpu/*/utilization_percent"
    assert found["lanes"] == ["gpu 0", "gpu 1", "gpu 2", "gpu 3"]
    assert [row[-1] for row in found["mean"]] == [90, 89, 88, 87]
    assert (found["low"][-1], found["high"][-1]) == (87, 90)
    (loss,) = api.get(f"runs/{uid}/lanes?key=train/loss&buckets=1").json()["resources"]
    assert loss["lanes"] == ["rank 0", "rank 1"]
    assert (loss["low"], loss["mean"], loss["high"]) == ([1], [[1], [2]], [2])
    assert api.get(f"runs/{uid}/lanes?key=none").json() == {"resources": []}
    for wrong in ("buckets=0", "buckets=1001", "buckets=x", "&".join(["key=x"] * 201)):
        assert api.get(f"runs/{uid}/lanes?{wrong}").status_code == 400
    assert api.get("runs/none/lanes").status_code == 404
