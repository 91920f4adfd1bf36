"""A proxy between client and server that misbehaves, one request at a time, as it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit

FAULTS = (
    "refuse", "hang", "status 500", "status 502", "status 401", "status 413", "status 429", "status 404", "redirect",
    "garbage", "not json", "wrong json", "half request", "half answer", "lost answer", "slow", "mangle", "huge answer",
)  # fmt: skip
"""What may become of a request."""


class FaultyProxy:
    """Listens on a port of its own and hands on to a server.

    Args:
        server: its address.
        choose: gives the fault of the n-th request, or "" for none.
    """

    def __init__(self, server, choose):
        parts = urlsplit(server)
        self.target = (parts.hostname, parts.port)
        self.choose = choose
        self.requests = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._over.set()
        self._listening.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError):
            while True:
                head, body = read_message(client)
                if not head:
                    return
                with self._lock:
                    fault = self.choose(len(self.requests))
                    self.requests.append((head.split(b"\r\n")[0].decode(), fault))
                if not self._answer(client, head, body, fault):
                    return

    def _answer(self, client, head, body, fault):
        """Answer one request; whether the connection stays open."""
        if fault == "refuse":
            return False
        if fault == "hang":
            self._over.wait(120)
            return False
        if fault.startswith("status"):
            client.sendall(plain(int(fault.split()[1]), b"<html>no</html>"))
            return True
        if fault in ANSWERS:
            client.sendall(ANSWERS[fault])
            return False
        answer = self._ask(head, body, fault)
        if fault == "half answer":
            client.sendall(answer[: len(answer) - 5])
            return False
        if fault in ("lost answer", "half request"):
            return False
        if fault == "slow":
            for start in range(0, len(answer), 40):
                client.sendall(answer[start : start + 40])
                time.sleep(0.02)
            return True
        client.sendall(answer)
        return True

    def _ask(self, head, body, fault):
        with socket.create_connection(self.target, timeout=30) as server:
            if fault == "half request":
                server.sendall(head + body[: len(body) // 2])
                return b""
            if fault == "mangle" and body:
                body = body[:-1] + bytes([body[-1] ^ 1])
            server.sendall(head + body)
            answer_head, answer_body = read_message(server)
            return answer_head + answer_body


def plain(status, body):
    """An answer of some proxy."""
    return f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\nRetry-After: 0\r\n\r\n".encode() + body


ANSWERS = {
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "garbage": b"\x00\xff\x17 what is this\r\n\r\n",
    "not json": plain(200, b"<html>Welcome</html>"),
    "wrong json": plain(200, b'{"offset": -5, "number": "x", "missing": []}'),
    "huge answer": b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n" + bytes(6 << 20),
}


def read_message(connection):
    """The head and the body of a request or an answer; empty where the connection was closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b"", b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    pieces, size = [body], len(body)
    while size < length:
        piece = connection.recv(min(1 << 20, length - size))
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return head + b"\r\n\r\n", b"".join(pieces)
