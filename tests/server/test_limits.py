"""Slow clients, too many requests, compression, and what the server says of itself."""

from __future__ import annotations

import gzip
import socket
import threading
import urllib.request
from urllib.parse import urlsplit

import httpx
import pytest
from tests.reader.made_runs import make_run
from tests.server.live import serving

from runlore.store import open_store


def raw(address, *pieces):
    """What a server answers to bytes, until it closes the connection."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        found = b""
        while data := connection.recv(65_536):
            found += data
    return found


BEGUN = (
    b"POST /api/v1/runs/table HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
)


@pytest.mark.parametrize("sent", [b"", b"GET /health HTT", BEGUN], ids=["nothing", "a line", "headers"])
def test_a_head_that_does_not_come_is_not_waited_for(store_path, sent):
    with serving(store_path, slow_client_s=0.3) as address:
        assert raw(address, sent).startswith(b"HTTP/1.1 408")


def test_a_second_head_is_not_waited_for_either(store_path):
    with serving(store_path, slow_client_s=0.3) as address:
        found = raw(address, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /hea")
        assert found.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 408" in found


def test_a_body_that_stops_is_ended_with_a_problem(store_path):
    with serving(store_path, slow_client_s=0.3) as address:
        found = raw(address, BEGUN + b"\r\n{")
        assert found.startswith(b"HTTP/1.1 408")
        assert b"application/problem+json" in found


def test_a_slow_answer_is_not_a_slow_client(store_path):
    with serving(store_path, slow_client_s=0.3) as address, httpx.stream("GET", f"{address}/api/v1/live") as answer:
        lines = answer.iter_lines()
        next(lines)
        waited = threading.Event()
        assert not waited.wait(1)
        make_run(open_store(store_path))
        assert any(line.startswith("event: runs") for line in lines)


def test_what_is_too_much_is_put_off(store_path):
    with serving(store_path, max_requests=1) as address, httpx.stream("GET", f"{address}/api/v1/live") as answer:
        lines = answer.iter_lines()
        next(lines)
        refused = httpx.get(f"{address}/api/v1/info")
        assert (refused.status_code, refused.headers.get("retry-after")) == (503, "1"), refused.text
        assert httpx.get(f"{address}/health").status_code == 200


def test_long_answers_are_compressed_where_that_is_asked_for(store_path):
    make_run(open_store(store_path), params={f"key {place}": "value" for place in range(200)})
    with serving(store_path) as address:
        check_compression(address)


def check_compression(address):
    plain = httpx.post(f"{address}/api/v1/runs/table", json={}, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "accept-encoding"
    request = urllib.request.Request(
        f"{address}/api/v1/runs/table", b"{}", {"accept-encoding": "gzip", "content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        packed = answer.read()
        assert answer.headers["content-encoding"] == "gzip"
        assert len(packed) < len(plain.content) / 3
    assert gzip.decompress(packed) == plain.content
    assert "content-encoding" not in httpx.get(f"{address}/health").headers


def test_what_the_server_says_of_itself(address, client):
    client.get("/api/v1/info")
    client.get("/api/v1/runs/nothing/metrics")
    client.get("/nothing")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'runlore_requests_total{method="GET",route="/info",status="200"} 1' in lines
    assert 'runlore_requests_total{method="GET",route="/runs/{uid:text}/metrics",status="404"} 1' in lines
    assert 'runlore_requests_total{method="GET",route="",status="404"} 1' in lines
    assert 'runlore_request_duration_seconds_count{route="/info"} 1' in lines
    for line in lines:
        assert line.startswith(("# HELP runlore_", "# TYPE runlore_", "runlore_"))
        if not line.startswith("#"):
            float(line.rpartition(" ")[2])
