"""What stands between a client and a server in earnest: TLS, and a proxy for HTTP."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

from tests.ship.faulty import read_message


def relay(one, other):
    """Pass on bytes both ways, until either side ends."""

    def pump(source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    there = threading.Thread(target=pump, args=(one, other), daemon=True)
    there.start()
    pump(other, one)
    there.join()


@contextlib.contextmanager
def listening(serve):
    """A port at which a function serves each connection in a thread of its own."""

    def served(client):
        with client, contextlib.suppress(OSError):
            serve(client)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=served, args=(made.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as made:
        threading.Thread(target=accept, daemon=True).start()
        yield made.getsockname()[1]
        with contextlib.suppress(OSError):
            made.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def secured(port, certificate):
    """TLS before a server at a port of this machine; gives the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def serve(client):
        with context.wrap_socket(client, server_side=True) as inside, socket.create_connection(
            ("127.0.0.1", port)
        ) as server:  # fmt: skip
            relay(inside, server)

    with listening(serve) as found:
        yield found


class HttpProxy:
    """A proxy for HTTP that leads every name to one port of this machine.

    Args:
        port: where it leads.
        wants: the `Proxy-Authorization` that it wants, if any.

    Attributes:
        heads: of the requests that it could read.
        at: its own port, while it is open.
    """

    def __init__(self, port, wants=None):
        self.heads = []
        self.at = 0
        self._port = port
        self._wants = wants

    @contextlib.contextmanager
    def open(self):
        """Listen; gives the address for `HTTPS_PROXY`."""
        with listening(self._serve) as self.at:
            yield f"127.0.0.1:{self.at}"

    def _serve(self, client):
        while True:
            head, body = read_message(client)
            if not head:
                return
            self.heads.append(head.decode("latin-1"))
            if self._wants and f"Proxy-Authorization: {self._wants}" not in self.heads[-1]:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._port)) as server:
                if head.startswith(b"CONNECT "):
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    relay(client, server)
                    return
                method, target, rest = head.split(b" ", 2)
                assert target.startswith(b"http://"), "a proxy has to be told where to"
                rest = rest.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
                server.sendall(b" ".join((method, b"/" + target.split(b"/", 3)[3], rest)) + body)
                while piece := server.recv(1 << 16):
                    client.sendall(piece)
                return
