"""One connection: kept open, opened again where the server closed it, and never trusting what comes back."""

from __future__ import annotations

import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from runlore.errors import InvalidArgument
from runlore.ship.connection import Connection, Unreachable


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.client_address[1], dict(self.headers), body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = self.path.endswith("/close")

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.daemon_threads = True
        made.seen = []
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def address(server):
    return f"http://127.0.0.1:{server.server_port}/base"


def test_requests_share_a_connection(server):
    with closing(Connection(address(server))) as connection:
        for body in (b"a", b"", b"c" * 100_000):
            assert connection.request("PUT", "/x", body).body == b"{}"
        pieces = iter([b"12", b"345"])
        assert connection.request("PUT", "/x", pieces, length=5).status == 200
    assert len({port for port, _, _ in server.seen}) == 1
    assert [body for _, _, body in server.seen] == [b"a", b"", b"c" * 100_000, b"12345"]


def test_a_connection_that_was_closed_is_opened_again(server):
    with closing(Connection(address(server))) as connection:
        for path in ("/close", "/x", "/close", "/x"):
            assert connection.request("PUT", path, b"a").status == 200
    assert len({port for port, _, _ in server.seen}) == 3


def test_the_token_is_sent(server, monkeypatch):
    monkeypatch.setenv("RUNLORE_TOKEN", "secret")
    with closing(Connection(address(server))) as connection:
        connection.request("PUT", "/x", b"")
    assert server.seen[0][1]["Authorization"] == "Bearer secret"


def test_a_token_that_cannot_be_sent_is_no_crash(server, monkeypatch):
    monkeypatch.setenv("RUNLORE_TOKEN", "a\r\nX-Evil: 1")
    with closing(Connection(address(server))) as connection, pytest.raises(Unreachable) as raised:
        connection.request("PUT", "/x", b"")
    assert "Evil" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["host", "ftp://x", "http://", "http://u:p@h", "http://h?x", "http://h:x", "http://[::"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InvalidArgument, match="store"):
        Connection(text)
