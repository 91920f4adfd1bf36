"""Every address that the server has: refused to whoever shows nothing, and to whoever may not."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from runlore.server.app import list_endpoints, list_routes
from runlore.server.endpoint import ADMIN, OPEN, READ, SIGNED_IN, WRITE

ANYBODYS = {
    "GET /health", "GET /ready", "GET /api/v1/openapi.json", "GET /version", "GET /sign-in", "POST /sign-in",
    "GET /sign-in/provider", "GET /sign-in/provider/back",
    "GET /{root:mlflow_root}/mlflow/server-info", "GET /assets/{name}", "GET /theme.js", "GET /favicon.svg",
}  # fmt: skip
"""What is answered without an account: none of it knows anything of runs. A new one is added here on purpose."""

ROUTES = [(endpoint.method, prefix + endpoint.path, endpoint) for prefix, endpoint in list_endpoints()]


def path_of(path, values):
    filled = re.sub(r"\{root:mlflow_root\}", "api/2.0", path)
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: values.get(found[1], "x"), filled)


def ask(client, method, path, endpoint, values=None):
    known = {parameter.name: parameter.example or "x" for parameter in endpoint.parameters if parameter.required}
    body = {} if endpoint.example is None else endpoint.example
    kind = endpoint.body if isinstance(endpoint.body, str) else "application/json"
    sent = {} if endpoint.body is None else {"content": json.dumps(body), "headers": {"content-type": kind}}
    if path.endswith("/live"):
        with client.stream(method, path_of(path, values or {}), params=known) as answer:
            return answer
    return client.request(method, path_of(path, values or {}), params=known, **sent)


def test_what_is_open_is_a_short_list():
    assert {f"{method} {path}" for method, path, endpoint in ROUTES if endpoint.needs == OPEN} == ANYBODYS


def test_there_is_no_route_beside_the_endpoints():
    assert len(list_routes()) == len(ROUTES) > 120
    assert all(endpoint.needs in {READ, WRITE, ADMIN, SIGNED_IN, OPEN} for _, _, endpoint in ROUTES)


def test_every_other_route_refuses_who_shows_nothing(world):
    with world.client() as client:
        for method, path, endpoint in ROUTES:
            if endpoint.needs != OPEN:
                answer = ask(client, method, path, endpoint)
                assert answer.status_code == 401, (method, path, answer.status_code)
                assert "bearer" in answer.headers["www-authenticate"].lower()


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer", "Bearer rlt_0123456789abcdef_" + "A" * 43, "Bearer admin", "Basic !!!!", "Basic YWRtaW46YWRtaW4=",
        "Basic cm9vdDo=", "Digest x", "bearer\ttoken",
    ],
)  # fmt: skip
def test_what_is_no_token_opens_nothing(world, shown):
    with world.client() as client:
        for path in ("/api/v1/experiments", "/metrics", "/api/v1/accounts/users", "/api/v1/live"):
            assert client.get(path, headers={"authorization": shown}).status_code in {401, 429}, path


def test_whoever_has_no_role_is_refused_everywhere(world):
    with world.client("nobody") as client:
        for method, path, endpoint in ROUTES:
            if endpoint.needs in {READ, WRITE, ADMIN}:
                assert ask(client, method, path, endpoint).status_code == 403, (method, path)


def test_who_views_changes_nothing_and_who_edits_manages_nothing(world):
    for who, refused in (("eve", {WRITE, ADMIN}), ("ada", {ADMIN}), ("ada reads", {WRITE, ADMIN}),
                         ("ada writes", {READ, ADMIN})):  # fmt: skip
        with world.client(who) as client:
            for method, path, endpoint in ROUTES:
                if endpoint.needs in refused:
                    assert ask(client, method, path, endpoint).status_code == 403, (who, method, path)


@pytest.mark.parametrize(("who", "name"), [("ada", "speech/digits"), ("bob", "vision/cifar")])
def test_nothing_of_another_team_is_in_any_answer_nor_changed(world, who, name):
    """Each asks every address for the other's run, by uid and by number, for its contents, and for everything."""
    theirs, asked, before = world.runs[name], 0, as_admin_sees(world, world.runs[name])
    marks = [f"of_{name[:3]}", f"contents of {name}", f'"{name}"']
    with world.client(who) as client:
        for method, path, endpoint in ROUTES:
            for value in (theirs, f"{name}%231"):
                values = dict.fromkeys(("uid", "run_id", "run", "name"), value)
                values |= dict.fromkeys(("digest", "sha256"), world.digests[name])
                text = json.dumps(endpoint.example) if endpoint.example is not None else "{}"
                body = json.loads(text.replace("0" * 32, theirs).replace("iris/baseline", name).replace("iris", name))
                answer = ask(client, method, path, replace(endpoint, example=body), values)
                assert answer.status_code != 500, (method, path, answer.text)
                if path.endswith("/live"):
                    continue
                assert world.store.encode() not in answer.content, (method, path, "tells where the store is")
                if not answer.is_success:
                    continue
                asked += 1
                for mark in marks:
                    assert mark.encode() not in answer.content, (method, path, mark)
    assert asked > 40
    assert as_admin_sees(world, theirs) == before, f"{who} changed another's run"


def as_admin_sees(world, uid):
    """All of a run: what it is, its artifacts, its events."""
    with world.client("root") as client:
        parts = [client.get(f"/api/v1/runs/{uid}{part}") for part in ("", "/artifacts", "/events", "/metrics")]
    assert all(part.is_success for part in parts)
    return [part.json() for part in parts]
