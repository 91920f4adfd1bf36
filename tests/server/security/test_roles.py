"""Roles on paths: what somebody with a role on vision/** sees of speech/**, asked in every way that there is."""

from __future__ import annotations

import json

import httpx
import pytest
from tests.server.security.conftest import made_world

import runlore
from runlore.errors import RunNotFound
from runlore.model import ATTRIBUTE, new_uid
from runlore.server.native import live
from runlore.wire import text as wire

OURS, THEIRS = "vision/cifar", "speech/digits"


@pytest.fixture
def ada(world):
    with world.client("ada") as client:
        yield client


def contract(client, path, body, **more):
    headers = {"content-type": wire.MEDIA_TYPE, wire.HEADER: str(wire.VERSION), **more}
    return client.post(f"/api/v1/{path}", content=wire.dumps(body), headers=headers)


QUERIES = [
    None, "metrics.loss > 0", "metrics.loss > 0 or experiment = 'speech/digits'", "experiment like 'speech%'",
    "not (experiment = 'vision/cifar')", "tags.secret = 'speech/digits' or status = 'succeeded'",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("experiment", [None, "**", "speech/**", ["speech/digits", "vision/cifar"], "*/*"])
def test_no_query_and_no_glob_finds_runs_of_others(world, ada, query, experiment):
    asked = {"query": query, "experiment": experiment, "limit": 10, "count": True, "include_deleted": True}
    answer = ada.post("/api/v1/runs/table", json=asked)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["uids"]) <= {world.runs[OURS]}
    assert answer.json()["total"] in {0, 1}


def test_a_table_of_everything_has_what_is_ours(world, ada):
    assert ada.post("/api/v1/runs/table", json={}).json()["uids"] == [world.runs[OURS]]
    with world.client("root") as root:
        assert len(root.post("/api/v1/runs/table", json={}).json()["uids"]) == 2


def test_pages_go_past_the_runs_of_others(tmp_path):
    with made_world(tmp_path) as world, world.client("ada") as client:
        for number in range(6):
            with runlore.start(OURS if number % 2 else THEIRS, store=world.store) as run:
                run.log_metric("n", number)
        assert contract(client, "index/refresh", {}, **{"Runlore-Fresh": "1"}).status_code == 200
        found, cursor = [], None
        while True:
            page = client.post("/api/v1/runs/table", json={"limit": 1, "cursor": cursor, "order_by": "started"}).json()
            found += page["uids"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(found) == len(set(found)) == 4


@pytest.mark.parametrize("name", ["speech/digits#1", "speech/digits#-1"])
def test_a_run_of_others_is_not_there_by_any_name(world, ada, name):
    uid = world.runs[THEIRS]
    for reference in (name, uid, uid[:12]):
        answer = ada.get(f"/api/v1/runs/{reference.replace('#', '%23').replace('/', '%2F')}")
        assert answer.status_code == 404
        missing = ada.get(f"/api/v1/runs/{'0' * 32}")
        assert answer.json()["title"] == missing.json()["title"]


def test_keys_experiments_groups_and_completion_know_nothing_of_others(ada):
    assert [found["name"] for found in ada.get("/api/v1/experiments").json()["experiments"]] == [OURS]
    keys = ada.get("/api/v1/keys", params={"kind": "params"})
    assert "of_vis" in keys.text
    assert "of_spe" not in keys.text
    assert "of_spe" not in ada.post("/api/v1/query/complete", json={"text": "params.of", "position": 9}).text
    groups = ada.post("/api/v1/runs/groups", json={"by": ["experiment"]}).json()["groups"]
    assert [group["keys"] for group in groups] == [[OURS]]


def test_curves_points_and_events_of_others_are_empty(world, ada):
    uids = list(world.runs.values())
    for path, body in (
        ("store/points", {"uids": uids}),
        ("store/events", {"uids": uids}),
        ("store/events", {"uids": uids, "experiment": THEIRS}),
        ("index/runs", {"uids": uids, "facts": True}),
        ("index/series", {"uids": uids}),
        ("index/artifacts", {"uids": uids}),
        ("index/find", {"reference": {"text": "speech/digits#1", "experiment": THEIRS, "number": 1}}),
        ("store/pack", {"uids": uids}),
    ):
        answer = contract(ada, path, body)
        assert world.runs[THEIRS].encode() not in answer.content, path
        assert b"speech" not in answer.content, path
    assert world.runs[OURS].encode() in contract(ada, "store/events", {"uids": uids}).content


def test_a_stream_of_changes_tells_of_ours_alone(tmp_path):
    with made_world(tmp_path) as world, world.client("ada") as client:
        with client.stream("GET", "/api/v1/live", timeout=20) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry")
            for experiment in (THEIRS, OURS):
                with runlore.start(experiment, store=world.store) as run:
                    run.log_metric("loss", 1.0)
            told = next(json.loads(line[6:]) for line in lines if line.startswith("data: ") and "uids" in line)
        assert run.uid in told["uids"]
        with world.client("root") as root:
            names = {root.get(f"/api/v1/runs/{uid}").json()["experiment"] for uid in told["uids"]}
        assert names == {OURS}


def test_an_open_stream_keeps_no_role_that_was_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "ASKED_S", 0.2)
    with made_world(tmp_path, rate_limit=0.1) as world, world.client("ada") as client:  # asking again costs no request
        people = world.book.people
        with client.stream("GET", "/api/v1/live", timeout=20) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry")
            people.grant(people.user("ada"), "speech/**", "viewer")  # first: without any role the stream would end
            assert next(line for line in lines if line.startswith("event: ")) == "event: reset"
            people.grant(people.user("ada"), "vision/**", None)
            assert next(line for line in lines if line.startswith("event: ")) == "event: reset"
            for experiment in (OURS, THEIRS):
                with runlore.start(experiment, store=world.store) as run:
                    run.log_metric("loss", 1.0)
            told = next(json.loads(line[6:]) for line in lines if line.startswith("data: ") and run.uid in line)
            assert told["uids"] == [run.uid], "Ada is told of a run that she may not see any more"
            people.disable("ada")
            assert list(lines)[-1:] in ([], [""]), "the stream goes on for who is let in no more"


def test_where_the_store_lies_is_told_to_admins_alone(world, ada):
    with world.client("root") as root:
        assert root.get("/api/v1/info").json()["store"] == {"location": world.store, "name": "store"}
    assert ada.get("/api/v1/info").json()["store"] == {"location": "store", "name": "store"}
    missing = contract(ada, "store/open_run", {"uid": "0" * 32})
    assert missing.status_code == 404
    assert world.store not in missing.text


def test_nothing_of_others_is_changed(world, ada):
    uid, new = world.runs[THEIRS], new_uid()
    refused = {403, 404}
    assert ada.post("/api/v1/runs/edit", json={"runs": [uid], "tags": {"x": "1"}}).status_code in refused
    for path, body in (
        ("store/create_run", {"experiment": THEIRS, "uid": new}),
        ("store/claim_number", {"experiment": THEIRS, "uid": new}),
        ("store/delete_experiment", {"experiment": THEIRS}),
        ("store/annotate", {"experiment": THEIRS, "uid": uid, "facts": [["tag", "x", "1"]]}),
        ("store/annotate", {"uid": uid, "facts": [["tag", "x", "1"]]}),
        ("store/record", {"experiment": THEIRS, "uid": uid, "writer": new_uid()}),
        ("store/append", {"uid": uid, "writer": new_uid(), "sequence": 1, "records": []}),
        ("store/claim", {"namespace": "views", "name": "x", "about": {"experiment": THEIRS}}),
        ("store/complete_card", {"card": ["model", "speech", "m"], "version": "1.0.0", "about": {}}),
    ):
        answer = contract(ada, path, body)
        assert answer.status_code in refused | {400}, (path, answer.status_code, answer.text)
    assert ada.post("/api/v1/send/runs", json={"experiment": THEIRS, "uid": new}).status_code in refused
    for call, body in (
        ("runs/set-tag", {"run_id": uid, "key": "x", "value": "1"}),
        ("runs/log-metric", {"run_id": uid, "key": "x", "value": 1, "timestamp": 1}),
        ("runs/update", {"run_id": uid, "status": "FAILED"}),
        ("runs/delete", {"run_id": uid}),
        ("experiments/create", {"name": "speech/new"}),
    ):
        answer = ada.post(f"/api/2.0/mlflow/{call}", json=body)
        assert answer.status_code in refused, (call, answer.text)
    with world.client("root") as root:
        found = root.get(f"/api/v1/runs/{uid}").json()
        assert found["tags"] == {"secret": THEIRS}
        assert found["status"] == "succeeded"
        names = [one["name"] for one in root.get("/api/v1/experiments").json()["experiments"]]
        assert names == [THEIRS, OURS]


def test_ours_cannot_be_moved_to_others_nor_removed_for_good_by_an_editor(world, ada):
    body = {"uid": world.runs[OURS], "facts": [[ATTRIBUTE, "experiment", THEIRS]]}
    assert contract(ada, "store/annotate", body).status_code == 403
    assert contract(ada, "store/delete_experiment", {"experiment": OURS}).status_code == 403
    assert ada.get(f"/api/v1/runs/{world.runs[OURS]}").json()["experiment"] == OURS


@pytest.mark.parametrize(("held", "wanted"), [(THEIRS, OURS), (OURS, THEIRS)])
def test_a_claim_of_others_is_not_taken_over_and_ours_not_put_among_theirs(tmp_path, held, wanted):
    with made_world(tmp_path) as world:
        with world.client("root") as root:
            claim = {"namespace": "views", "name": "x", "about": {"experiment": held}}
            assert contract(root, "store/claim", claim).status_code == 200
        with world.client("ada") as client:
            taken = contract(client, "store/reclaim", {**claim, "instead": {"experiment": wanted}})
            assert taken.status_code == 403, taken.text
        with world.client("root") as root:
            kept = wire.loads(contract(root, "store/claimed", {"namespace": "views", "name": "x"}).content)
        assert f"'experiment': '{held}'" in str(kept)


def test_one_s_own_runs_are_recorded_by_every_way(tmp_path):
    with made_world(tmp_path) as world:
        for who in ("ada", "ada writes"):
            with world.client(who) as client:
                new = new_uid()
                sent = client.post("/api/v1/send/runs", json={"experiment": "vision/new", "uid": new})
                assert sent.status_code == 200, sent.text
                assert sent.json()["is_new"]
        with world.client("ada") as client:
            named = client.post("/api/2.0/mlflow/experiments/create", json={"name": "vision/mlflow"})
            assert named.status_code == 200, named.text
            made = client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": named.json()["experiment_id"]})
            assert made.status_code == 200, made.text
            run = made.json()["run"]["info"]["run_id"]
            batch = {"run_id": run, "metrics": [{"key": "loss", "value": 1, "timestamp": 1, "step": 0}]}
            assert client.post("/api/2.0/mlflow/runs/log-batch", json=batch).status_code == 200
            assert client.get("/api/2.0/mlflow/runs/get", params={"run_id": run}).json()["run"]["data"]["metrics"]
            view = client.put("/api/v1/views/mine", json={"experiment": "vision/mlflow", "state": {}})
            assert view.status_code == 200, view.text
            assert view.json()["by"] == "ada"
        with world.client("bob") as client:
            assert client.get("/api/2.0/mlflow/runs/get", params={"run_id": run}).status_code == 404
            assert "mine" not in client.get("/api/v1/views").text
            log = client.post("/api/2.0/mlflow/runs/log-batch", json=batch)
            assert log.status_code in {403, 404}
            found = client.post("/api/2.0/mlflow/experiments/search", json={"max_results": 100}).text
            assert "vision" not in found


def test_a_role_that_is_taken_is_gone_with_the_next_request(tmp_path):
    with made_world(tmp_path) as world, world.client("ada") as client:
        assert client.post("/api/v1/runs/table", json={}).json()["uids"]
        world.book.people.grant(world.book.people.user("ada"), "vision/**", "viewer")
        edit = {"runs": [world.runs[OURS]], "tags": {"x": "1"}}
        assert client.post("/api/v1/runs/edit", json=edit).status_code == 403
        world.book.people.grant(world.book.people.user("ada"), "vision/**", None)
        assert client.post("/api/v1/runs/table", json={}).status_code == 403
        world.book.people.disable("ada")
        assert client.get("/api/v1/account").status_code == 401


def test_the_library_works_with_a_token_of_limited_roles(tmp_path, monkeypatch):
    with made_world(tmp_path) as world:
        monkeypatch.setenv("RUNLORE_TOKEN", world.tokens["ada"])
        assert runlore.runs(store=world.address)["experiment"].tolist() == [OURS]
        assert runlore.get_run(world.runs[OURS], store=world.address).metrics["loss"] == 0.25
        with pytest.raises(RunNotFound):
            runlore.get_run(world.runs[THEIRS], store=world.address)
        assert httpx.get(f"{world.address}/api/v1/experiments").status_code == 401
