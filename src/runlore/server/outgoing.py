"""To which addresses the server sends messages by itself: those that its admin named, whatever a client says.

An admin names beginnings of addresses, such as `https://hooks.example.com/ml/`. A client's address fits one of them if
scheme, host and port are the same, and its path begins with theirs, folder by folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

_PORTS = {"https": 443, "http": 80}
_MOST = 2_000


class Address(NamedTuple):
    """An address that is sent to.

    Attributes:
        scheme: `https` or `http`.
        host: name, or number, in lower case.
        port: of the host.
        path: with a slash at its beginning.
        query: without its question mark.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str


def read_address(url: str) -> Address:
    """An address in its parts.

    Raises:
        ValueError: it is none, or has what none needs.

    Example:
        >>> read_address("https://Hooks.example.com/a?b=1")
        Address(scheme='https', host='hooks.example.com', port=443, path='/a', query='b=1')
    """
    if len(url) > _MOST or any(letter <= " " or letter in {"\\", "\x7f"} for letter in url):
        raise ValueError(f"it should be without blanks and backslashes, and of at most {_MOST} characters")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"its scheme is {parts.scheme[:20]!r}, and not one of https, http")
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("it should be without a user, a password and a fragment")
    if {".", ".."} & set(_plain(parts.path).split("/")):
        raise ValueError("its path should not lead upwards")
    if not parts.hostname.isascii():
        raise ValueError("its host should be given in ASCII, as xn--…")
    return Address(
        parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme], parts.path or "/", parts.query
    )


def _plain(path: str) -> str:
    for _ in range(10):
        plain = unquote(path)
        if plain == path:
            break
        path = plain
    return path.replace("\\", "/")


def is_allowed(url: str, beginnings: Sequence[str]) -> bool:
    """Whether the admin lets the server send to an address.

    Example:
        >>> allowed = ["https://hooks.example.com/ml"]
        >>> is_allowed("https://hooks.example.com/ml/x", allowed), is_allowed("https://hooks.example.com/mlx", allowed)
        (True, False)
    """
    try:
        address = read_address(url)
    except ValueError:
        return False
    return any(_fits(address, read_address(beginning)) for beginning in beginnings)


def _fits(address: Address, beginning: Address) -> bool:
    folder = beginning.path.rstrip("/")
    same = address[:3] == beginning[:3]
    return same and (address.path == folder or address.path.startswith(f"{folder}/"))


def check_beginning(url: str) -> None:
    """See that an admin named what can be the beginning of addresses.

    Raises:
        InvalidArgument: it cannot.
    """
    try:
        read_address(url)
    except ValueError as error:
        raise InvalidArgument(
            f"webhooks={url[:200]!r} should be the beginning of addresses, as https://hooks.example.com/ml/ is: {error}"
        ) from None
