"""What every answer has: an id, headers that keep browsers from harm, and problems that say what to do."""

from __future__ import annotations

import httpx
import pytest
from tests.server.live import serving


def test_health_and_readiness(client):
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ok"}


def test_an_address_that_there_is_not_is_a_problem_document(client):
    answer = client.get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 404
    assert "/api/v1/nothing" in problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_where_the_store_is_stays_on_the_machine(client, store_path):
    for address in (f"/api/v1/runs/{'0' * 32}", f"/api/v1/send/runs/{'0' * 32}"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert store_path not in answer.text
        assert "in the store 'store'" in answer.json()["detail"]


def test_a_method_that_is_not_taken_is_a_problem_document(client):
    answer = client.delete("/api/v1/info")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert answer.json()["status"] == 405


@pytest.mark.parametrize(("given", "is_kept"), [("abc-1.2_3", True), ("a\tb", False), ("x" * 65, False), ("é", False)])
def test_only_a_plain_request_id_is_kept(client, given, is_kept):
    answer = client.get("/health", headers={"x-request-id": given.encode()})
    assert (answer.headers["x-request-id"] == given) == is_kept


def test_every_answer_keeps_browsers_from_harm(client):
    for path in ("/health", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "", "[", "127.0.0.2"])
def test_other_names_are_refused(client, host):
    answer = client.get("/health", headers={"host": host})
    assert answer.status_code in {400, 421}  # a host that is no host at all is refused by the parser


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:5"])
def test_names_of_this_machine_are_taken(client, host):
    assert client.get("/health", headers={"host": host}).status_code == 200


def test_other_pages_change_nothing(client):
    answer = client.post("/health", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert answer.json()["field"] == "Origin"
    assert client.post("/health", headers={"origin": "null"}).status_code == 403


def test_behind_a_proxy_all_is_below_its_path(store_path):
    with serving(store_path, base_path="/lore") as address:
        assert address.endswith("/lore")
        assert httpx.get(f"{address}/api/v1/info").json()["name"] == "runlore"
        assert httpx.get(address.removesuffix("/lore") + "/api/v1/info").status_code == 404


def test_a_body_that_is_not_utf8_is_refused(client):
    answer = client.post("/api/v1/send/runs", content=b'{"experiment": "\x8d", "uid": "x"}')
    assert (answer.status_code, answer.json()["field"]) == (400, "body")
    assert "not UTF-8" in answer.json()["detail"]
