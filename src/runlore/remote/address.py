"""Where a server is: `http://host:port/base` or `https://…`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from runlore.errors import InvalidArgument

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server, read.

    Attributes:
        scheme: `http` or `https`.
        host: name, or IP address without brackets.
        port: of the server.
        base: what comes before every path; empty, or `/runlore`.
    """

    scheme: str
    host: str
    port: int
    base: str

    @classmethod
    def parse(cls, text: str, argument: str = "store") -> Address:
        """What a text says.

        Raises:
            InvalidArgument: it is no address of a server.

        Example:
            >>> Address.parse("https://ML.example.com/runlore/")
            Address(scheme='https', host='ml.example.com', port=443, base='/runlore')
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise InvalidArgument(f"{argument}={text!r} is no address of a server: {error}") from None
        if parts.scheme not in PORTS:
            raise InvalidArgument(
                f"{argument}={text!r}: there is no kind of store with the scheme {parts.scheme!r}; name a directory, "
                "or a server such as 'https://host' or 'http://127.0.0.1:5005'"
            )
        if parts.username is not None or parts.password is not None:
            raise InvalidArgument(
                f"{argument} has a user or password in it, which would be shown wherever the address is; leave it out, "
                "and set RUNLORE_TOKEN or type `runlore login`"
            )
        if not parts.hostname or parts.query or parts.fragment or not text.isascii() or _has_blank(text):
            raise InvalidArgument(f"{argument}={text!r} is no address of a server, such as 'https://host/base'")
        return cls(parts.scheme, parts.hostname, port or PORTS[parts.scheme], parts.path.rstrip("/"))

    def __str__(self) -> str:
        return f"{self.origin}{self.base}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != PORTS[self.scheme] else "")

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read what is sent: it is encrypted, or does not leave the machine."""
        return self.scheme == "https" or self.is_here

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine: there is nothing to be gained by compressing."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def _has_blank(text: str) -> bool:
    return any(character <= " " or character == "\x7f" for character in text)
