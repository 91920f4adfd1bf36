"""What may stand between a client and a server: answers that get lost, or are none."""

from __future__ import annotations

import contextlib
import http.client
import socketserver
import threading
from urllib.parse import urlsplit


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while self._one():
                pass

    def _one(self) -> bool:
        line = self.rfile.readline()
        if not line:
            return False
        method, target, _ = line.decode().split(" ")
        headers = http.client.parse_headers(self.rfile)
        body = self.rfile.read(int(headers.get("Content-Length", 0)))
        self.server.seen.append((method, target, headers, body))
        return self.server.answer(self, method, target, headers, body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def answering(answer):
    """A server that answers by a function of (handler, method, target, headers, body), which says whether to go on.

    Gives the address and the list of requests.
    """
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.answer, server.seen = answer, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.seen
        finally:
            server.shutdown()
            thread.join()


def saying(raw: bytes):
    """An answer that is always the same bytes, after which the connection is closed."""

    def answer(handler, *_):
        handler.wfile.write(raw)
        return False

    return answer


class Losing:
    """Passes requests on to a server, and loses answers.

    Attributes:
        lose: how many of the next answers get lost, after the server did what was asked.
        between: called after each answer that got lost.
    """

    def __init__(self, address: str) -> None:
        self.upstream = urlsplit(address).netloc
        self.lose = 0
        self.cut = None
        self.between = lambda: None

    def __call__(self, handler, method, target, headers, body):
        connection = http.client.HTTPConnection(self.upstream, timeout=30)
        connection.request(method, target, body or None, {k: v for k, v in headers.items() if k.lower() != "host"})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if self.lose > 0:
            self.lose -= 1
            self.between()
            return False
        kept = {k: v for k, v in response.headers.items() if k.lower() not in ("transfer-encoding", "content-length")}
        length = response.headers.get("Content-Length", str(len(content)))
        head = "".join(f"{name}: {value}\r\n" for name, value in {**kept, "Content-Length": length}.items())
        handler.wfile.write(f"HTTP/1.1 {response.status} OK\r\n{head}\r\n".encode("latin-1"))
        cut, self.cut = self.cut, None
        handler.wfile.write(content if cut is None else content[:cut])
        return cut is None
