"""The protocol of sending, as its client speaks it: each method is one request that can be repeated."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from runlore.ship.connection import Answer, Connection, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PREFIX = "/api/v1/send"
_JSON = {"Content-Type": "application/json"}
_BYTES = {"Content-Type": "application/octet-stream"}
_WORTH_PACKING_BYTES = 512
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_ON_THE_WAY = ("x-runlore-crc32", "body")
"""Fields of which the server complains where bytes were changed on their way."""
_FINAL = frozenset({400, 409, 415, 422})
_MOST_WAIT_S = 60.0


class Later(Unreachable):
    """The server says that it cannot do it now.

    Attributes:
        after_s: it wants to be asked again after so many seconds; 0: it does not say.
    """

    def __init__(self, text: str, after_s: float = 0.0) -> None:
        super().__init__(text)
        self.after_s = after_s


class NotAllowed(Unreachable):
    """The token is none, or does not allow it (401, 403). Another one may."""


class Refused(Exception):
    """The server will not take this, however often it is sent.

    Attributes:
        status: of HTTP.
        said: the problem document; empty if there is none.
    """

    def __init__(self, text: str, status: int, said: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.status = status
        self.said = said


class Gone(Refused):
    """The server does not know the run: it was not announced, or the store was emptied."""


class TooLarge(Refused):
    """The server, or a proxy before it, takes less at once (413)."""


class Busy(Refused):
    """Somebody else sends the same contents just now."""


class Gap(Refused):
    """The server has less than was thought.

    Attributes:
        offset: where to go on.
    """

    def __init__(self, text: str, said: Mapping[str, Any], offset: int) -> None:
        super().__init__(text, 409, said)
        self.offset = offset


class SentRun(NamedTuple):
    """A run as the server has it."""

    uid: str
    experiment: str
    number: int | None
    name: str | None
    is_new: bool
    """Whether this announcement made it."""


class Client:
    """Speaks to one server, in one thread.

    Args:
        address: of the server.
        patience_s: see `runlore.ship.connection.Connection`.

    Raises:
        InvalidArgument: it is none.

    All methods raise `Unreachable` where trying again later may help, and `Refused` where it does not.
    """

    def __init__(self, address: str, patience_s: float | None = None) -> None:
        self._connection = Connection(address, patience_s)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def announce(self, experiment: str, uid: str) -> SentRun:
        """Have the run made, if it is new, and get its number."""
        return _run(self._json("POST", "/runs", {"experiment": experiment, "uid": uid}))

    def look(self, uid: str) -> SentRun:
        """A run of the server's; `Gone` if it has none."""
        return _run(self._json("GET", f"/runs/{quote(uid, safe='')}"))

    def append(
        self, experiment: str, uid: str, writer: str, offset: int, content: bytes, beginning: bytes = b""
    ) -> int:  # fmt: skip
        """Append to a journal; returns how much of it the server has."""
        headers = {**_BYTES, "X-Runlore-CRC32": f"{zlib.crc32(content):08x}"}
        if beginning:
            headers["X-Runlore-Beginning"] = beginning.hex()
        body = content
        if len(content) >= _WORTH_PACKING_BYTES and not self._connection.is_here:
            packed = zlib.compress(content, 1)
            if len(packed) < len(content):
                body, headers["Content-Encoding"] = packed, "deflate"
        path = f"{_journal(experiment, uid, writer)}&offset={offset}"
        return _offset(self._json("PUT", path, body, headers))

    def end(
        self, experiment: str, uid: str, writer: str, *, size: int, crc32: int, beginning: bytes, died: bool
    ) -> int:  # fmt: skip
        """Say that all of a journal was sent. When it returns, the server has it on its disk."""
        about = {"size": size, "crc32": crc32, "beginning": beginning.hex(), "died": died}
        return _offset(self._json("POST", _journal(experiment, uid, writer, "/end"), about))

    def missing(self, digests: Sequence[str]) -> dict[str, int]:
        """Those contents that the server does not have: SHA-256 → how many of their bytes it has."""
        found = self._json("POST", "/contents/missing", {"digests": list(digests)}).get("missing")
        if not isinstance(found, dict) or not all(_is_count(count) for count in found.values()):
            raise Unreachable(_STRANGE)
        return {digest: found[digest] for digest in digests if digest in found}

    def put(self, digest: str, size: int, offset: int, pieces: Iterable[bytes], length: int) -> bool:
        """Send contents from an offset on, so many bytes; whether the server has all of them now."""
        path = f"/contents/{digest}?size={size}&offset={offset}"
        answer = self._connection.request("PUT", _PREFIX + path, pieces, _BYTES, length=length)
        return bool(_checked(answer).get("complete"))

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | bytes = b"", headers: Mapping[str, str] = _JSON
    ) -> dict[str, Any]:  # fmt: skip
        raw = body if isinstance(body, bytes) else json.dumps(body).encode("ascii")
        return _checked(self._connection.request(method, _PREFIX + path, raw, headers))


_STRANGE = "it answers something else than a Runlore server does"


def _checked(answer: Answer) -> dict[str, Any]:
    """What a good answer says; anything else is raised."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if answer.status == 200 and isinstance(said, dict):
        return said
    if answer.status == 200:
        raise Unreachable(_STRANGE)
    about: dict[str, Any] = said if isinstance(said, dict) else {}
    detail = about.get("detail")
    shown = detail[:300] if isinstance(detail, str) and detail[:300].isprintable() else ""
    text = f"it answers {answer.status}" + (f": {shown}" if shown else "")
    raise _refusal(answer, about, text) or _obstacle(answer, text)


def _refusal(answer: Answer, about: Mapping[str, Any], text: str) -> Refused | None:
    """What a Runlore server refuses for good; None: it is something else, or somebody else's answer."""
    if answer.status == 413:
        return TooLarge(text, 413, about)
    if answer.status == 409 and about.get("reason") == "busy":
        return Busy(text, 409, about)
    if answer.status == 409 and about.get("reason") == "gap" and _is_count(about.get("offset")):
        return Gap(text, about, about["offset"])
    if answer.status == 404 and about.get("error") == "RunNotFound":
        return Gone(text, 404, about)
    was_mangled = about.get("field") in _ON_THE_WAY
    if about.get("status") == answer.status and answer.status in _FINAL and not was_mangled:
        return Refused(text, answer.status, about)
    return None


def _obstacle(answer: Answer, text: str) -> Unreachable:
    """What may be otherwise later."""
    if answer.status in _LATER or answer.status >= 500:
        return Later(text, _after(answer.headers))
    if answer.status in (401, 403):
        hint = "; give a token that may record, by RUNLORE_TOKEN" if answer.status == 401 else ""
        return NotAllowed(text + hint)
    if 300 <= answer.status < 400:
        place = answer.headers.get("location", "")[:200]
        return Unreachable(f"it sends us on to {place!r}, which is not followed; use that address as the store")
    return Unreachable(text)  # a proxy, or no server of ours at all


def _after(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "").strip()
    return min(float(text), _MOST_WAIT_S) if text.isdecimal() and len(text) < 10 else 0.0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _offset(said: Mapping[str, Any]) -> int:
    found = said.get("offset")
    if not _is_count(found):
        raise Unreachable(_STRANGE)
    return int(said["offset"])


def _run(said: Mapping[str, Any]) -> SentRun:
    number, name = said.get("number"), said.get("name")
    uid, experiment = said.get("uid"), said.get("experiment")
    if not isinstance(uid, str) or not isinstance(experiment, str) or not (number is None or _is_count(number)):
        raise Unreachable(_STRANGE)
    return SentRun(uid, experiment, number, name if isinstance(name, str) else None, said.get("is_new") is True)


def _journal(experiment: str, uid: str, writer: str, what: str = "") -> str:
    name = quote(experiment, safe="", errors="surrogatepass")
    return f"/runs/{uid}/journals/{writer}{what}?experiment={name}"
