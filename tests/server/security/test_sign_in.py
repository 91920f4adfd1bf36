"""Signing in with a browser: cookies, changes from other pages, where one is sent to after."""

from __future__ import annotations

import contextlib
import json
import re

import httpx
import pytest
from tests.server.security.conftest import PASSWORD, made_world

import runlore


def origin(world):
    return {"origin": world.address}


@contextlib.contextmanager
def signed_in(world, name="ada"):
    with world.client() as client:
        answer = client.post("/sign-in", data={"name": name, "password": PASSWORD, "next": "/"}, headers=origin(world))
        assert answer.status_code == 303, answer.text
        yield client


def test_the_form_runs_no_script_and_cannot_be_framed(world):
    with world.client() as client:
        answer = client.get("/sign-in", params={"next": '/"><script>alert(1)</script>'})
    assert answer.status_code == 200
    assert "<script" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


def test_a_browser_is_sent_to_the_form_and_back(world):
    with world.client() as client:
        answer = client.get("/runs/vision/cifar?x=1", headers={"accept": "text/html,*/*"})
        assert answer.status_code == 303
        form = client.get(answer.headers["location"])
        after = re.search(r'name="next" value="([^"]*)"', form.text)[1]
        told = {"name": "ada", "password": PASSWORD, "next": after}
        answer = client.post("/sign-in", data=told, headers=origin(world))
        assert answer.headers["location"] == "/runs/vision/cifar?x=1"
        assert client.get("/api/v1/account").json()["name"] == "ada"


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)",
     "/\r\nset-cookie: a=b", "/\tx", "evil", ""],
)  # fmt: skip
def test_nobody_is_sent_to_another_place(world, wanted):
    with world.client() as client:
        told = {"name": "ada", "password": PASSWORD, "next": wanted}
        answer = client.post("/sign-in", data=told, headers=origin(world))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert [name for name, _ in answer.headers.multi_items()].count("set-cookie") == 1


def test_the_cookie_is_kept_from_scripts_and_other_sites(world):
    told = {"name": "ada", "password": PASSWORD}
    with world.client() as client:
        plain = client.post("/sign-in", data=told, headers=origin(world)).headers["set-cookie"].lower()
        proxied = {**origin(world), "x-forwarded-proto": "https"}
        by_tls = client.post("/sign-in", data=told, headers=proxied).headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=lax" in plain
    assert "secure" not in plain
    assert "; secure" in by_tls
    assert PASSWORD not in plain


def test_a_session_is_new_with_each_sign_in(world):
    with signed_in(world) as client:
        first = client.cookies["runlore_session"]
        client.post("/sign-in", data={"name": "ada", "password": PASSWORD}, headers=origin(world))
        assert client.cookies["runlore_session"] != first


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
     {"sec-fetch-site": "same-site"}, {"x-csrf-token": "0" * 64}, {"origin": "http://127.0.0.1:1"}],
)  # fmt: skip
def test_changes_from_other_pages_are_refused(world, headers):
    edit = {"runs": [world.runs["vision/cifar"]], "tags": {"csrf": "1"}}
    with signed_in(world) as client:
        assert client.post("/api/v1/runs/edit", json=edit, headers=headers).status_code == 403
        assert client.post("/sign-out", headers=headers).status_code == 403
        assert "csrf" not in client.get(f"/api/v1/runs/{world.runs['vision/cifar']}").json()["tags"]
    with world.client() as client:  # signing others in, as an account of the attacker's
        told = {"name": "bob", "password": PASSWORD}
        assert client.post("/sign-in", data=told, headers=headers).status_code == 403


def test_changes_from_our_page_are_made(world):
    edit = {"runs": [world.runs["vision/cifar"]], "note": "seen"}
    with signed_in(world) as client:
        csrf = client.get("/api/v1/account").json()["csrf"]
        for headers in (origin(world), {"sec-fetch-site": "same-origin"}, {"x-csrf-token": csrf}):
            assert client.post("/api/v1/runs/edit", json=edit, headers=headers).status_code == 200, headers


def test_signing_out_ends_the_session_everywhere(world):
    with signed_in(world) as client:
        session = client.cookies["runlore_session"]
        assert client.post("/sign-out", headers=origin(world)).headers["location"] == "/sign-in"
        again = client.get("/api/v1/experiments", headers={"cookie": f"runlore_session={session}"})
        assert again.status_code == 401


def test_wrong_passwords_are_said_alike_and_slowed_down(tmp_path):
    with made_world(tmp_path) as world, world.client() as client:
        texts = set()
        for name in ("ada", "nobody-of-this-name"):
            answer = client.post("/sign-in", data={"name": name, "password": "wrong"}, headers=origin(world))
            assert answer.status_code == 401
            texts.add(answer.text.replace(name, ""))
        assert len(texts) == 1
        for _ in range(9):
            client.post("/sign-in", data={"name": "ada", "password": "wrong"}, headers=origin(world))
        answer = client.post("/sign-in", data={"name": "ada", "password": PASSWORD}, headers=origin(world))
        assert answer.status_code == 429
        assert client.get("/api/v1/experiments", auth=("ada", PASSWORD)).status_code == 429
        refused = [entry.actor for entry in world.book.audit.entries() if entry.action == "sign-in refused"]
        assert refused.count("ada") == 10


def test_tokens_and_passwords_work_as_mlflow_sends_them(world):
    search = ("POST", "/api/2.0/mlflow/experiments/search")
    for auth in (("ada", PASSWORD), ("anything", world.tokens["ada"])):
        answer = httpx.request(search[0], world.address + search[1], json={"max_results": 10}, auth=auth)
        names = [found["name"] for found in answer.json()["experiments"]]
        assert "vision/cifar" in names
        assert "speech/digits" not in names
    answer = httpx.post(world.address + search[1], json={"max_results": 10})
    assert answer.status_code == 401


def test_one_s_own_tokens(world):
    with signed_in(world) as client:
        made = client.post("/api/v1/account/tokens", json={"name": "x", "scopes": ["read"]}, headers=origin(world))
        token, about = made.json()["token"], made.json()["about"]
        listed = client.get("/api/v1/account/tokens").text
        assert about["id"] in listed
        assert token not in listed
        with httpx.Client(base_url=world.address, headers={"authorization": f"Bearer {token}"}) as other:
            assert other.get("/api/v1/experiments").status_code == 200
            more = other.post("/api/v1/account/tokens", json={"name": "y", "scopes": ["write"]})
            assert more.status_code == 403, "a token that leaked makes others"
            change = other.post("/api/v1/account/password", json={"old": PASSWORD, "new": PASSWORD + "!"})
            assert change.status_code == 403
            gone = client.delete(f"/api/v1/account/tokens/{about['id']}", headers=origin(world))
            assert gone.status_code == 204
            assert other.get("/api/v1/experiments").status_code == 401


def test_what_an_admin_does_is_done_and_recorded(world):
    with world.client("root") as client:
        made = client.post("/api/v1/accounts/users", json={"name": "kim"})
        password = made.json()["password"]
        assert client.put("/api/v1/accounts/users/kim/roles", json={"path": "speech/**", "role": "viewer"}).is_success
        assert client.post("/api/v1/accounts/teams", json={"name": "crew"}).is_success
        assert client.put("/api/v1/accounts/teams/crew/members/kim").is_success
        assert client.put("/api/v1/accounts/teams/crew/roles", json={"path": "vision/**", "role": "viewer"}).is_success
        kim = httpx.get(f"{world.address}/api/v1/experiments", auth=("kim", password)).json()
        assert [found["name"] for found in kim["experiments"]] == ["speech/digits", "vision/cifar"]
        assert client.patch("/api/v1/accounts/users/kim", json={"is_disabled": True}).is_success
        assert httpx.get(f"{world.address}/api/v1/experiments", auth=("kim", password)).status_code == 401
        assert client.post("/api/v1/accounts/users", json={"name": "kim"}).status_code == 409
        assert client.delete("/api/v1/accounts/users/nobody-else").status_code == 404
        client.post("/api/v1/runs/edit", json={"runs": [world.runs["speech/digits"]], "archived": False})
        lines = client.get("/api/v1/accounts/audit").text
    for said in ("user.add", "user.role", "team.join", "user.disable", "POST /api/v1/runs/edit", "archived=False"):
        assert said in lines
    assert password not in lines
    assert world.tokens["root"] not in lines


def test_changes_are_recorded_by_whatever_way_they_are_made(tmp_path, monkeypatch):
    """The library, MLflow's protocol and names of the contract: each change has an entry, and no secret is in one."""
    mlflow = "/api/2.0/mlflow"
    with made_world(tmp_path) as world, world.client("root") as root:
        uid = world.runs["vision/cifar"]
        monkeypatch.setenv("RUNLORE_TOKEN", world.tokens["ada"])
        runlore.get_run(uid, store=world.address).set_tag("quality", "good")
        monkeypatch.setenv("RUNLORE_TOKEN", world.tokens["root"])
        hook = {
            "name": "h", "url": "https://hooks.example.com/", "secret": "a secret of hooks",
            "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
        }  # fmt: skip
        changes = [
            ("POST", "registered-models/create", {"name": "prod"}),
            ("POST", "model-versions/create", {"name": "prod", "source": f"runs:/{uid}/notes.txt", "run_id": uid}),
            ("POST", "registered-models/alias", {"name": "prod", "alias": "champion", "version": "1"}),
            ("POST", "model-versions/transition-stage", {"name": "prod", "version": "1", "stage": "Production"}),
            ("POST", "model-versions/set-tag", {"name": "prod", "version": "1", "key": "k", "value": "v"}),
            ("DELETE", "registered-models/alias", {"name": "prod", "alias": "champion"}),
            ("POST", "registered-models/rename", {"name": "prod", "new_name": "secret of naming"}),
            ("POST", "experiments/create", {"name": "vision/later"}),
            ("POST", "webhooks", hook),
        ]
        for method, path, body in changes:
            answer = root.request(method, f"{mlflow}/{path}", json=body)
            assert answer.is_success, (path, answer.text)
        webhook = answer.json()["webhook"]["webhook_id"]
        assert root.patch(f"{mlflow}/webhooks/{webhook}", json={"secret": "another secret"}).is_success
        assert root.delete(f"{mlflow}/webhooks/{webhook}").is_success
        lines = [json.loads(line) for line in root.get("/api/v1/accounts/audit").text.splitlines()]
    told = {(line["actor"], line["action"].replace(f"{mlflow}/", "")): line["target"] for line in lines}
    assert told["ada", "POST /api/v1/store/annotate"] == f"{uid}: tag quality"
    for method, path, body in changes:
        if path not in {"experiments/create", "webhooks"}:
            assert json.loads(told["root", f"{method} {path}"]) == body
    assert ("root", "POST experiments/create") not in told, "that is how recording begins"
    assert json.loads(told["root", "POST webhooks"])["url"] == hook["url"]
    assert {("root", f"{method} webhooks/{webhook}") for method in ("PATCH", "DELETE")} <= set(told)
    assert "a secret of hooks" not in json.dumps(lines)
    assert "another secret" not in json.dumps(lines)
