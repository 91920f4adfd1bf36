"""What servers answer: good answers, problems, and what is no answer of a Runlore server at all."""

from __future__ import annotations

import http.client
import json
import ssl
import zlib
from time import monotonic
from typing import TYPE_CHECKING

from runlore.errors import NotAllowed, NotReachable, NotStored, RunloreError
from runlore.wire import problems, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.remote.address import Address
    from runlore.remote.sockets import Deadline

MOST_BYTES = 1 << 30
"""Of an answer that is read as a whole."""

_MOST_PROBLEM_BYTES = 1 << 20
_PIECE_BYTES = 1 << 20
_SILENCE_S = 60.0
"""For one piece of a stream."""
_LONGEST_PAUSE_S = 30.0


class Response:
    """An answer that is read, by pieces or as a whole."""

    def __init__(self, address: Address, response: http.client.HTTPResponse, deadline: Deadline) -> None:
        self.address = address
        self.response = response
        self.status = response.status
        self.headers = response.headers
        self._deadline = deadline
        self._machine = zlib.decompressobj(wbits=31) if _is_gzip(response) else None

    def read_exactly(self, count: int) -> bytes:
        """So many bytes of a stream, however long the stream takes as a whole.

        Raises:
            NotReachable: it breaks off, or stands still.
        """
        pieces = []
        while count > 0:
            self._deadline.at = monotonic() + _SILENCE_S
            piece = self._some(min(count, _PIECE_BYTES))
            if not piece:
                raise http.client.IncompleteRead(b"", count)
            pieces.append(piece)
            count -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_end(self) -> None:
        """See that a stream ends, behind its last part: its connection can be used again then."""
        self._deadline.at = monotonic() + _SILENCE_S
        self._some(1)

    def _some(self, most: int) -> bytes:
        """Some bytes of a stream, unpacked; none at its end."""
        machine = self._machine
        if machine is None:
            return _read(self.response, most)
        try:
            while True:
                packed = machine.unconsumed_tail or self.response.read1(_PIECE_BYTES)
                piece = machine.decompress(packed, most)
                if piece or not packed:
                    return piece
        except zlib.error as error:
            raise not_understood(self.address, f"it says that it is gzip: {error}") from None

    def pieces(self) -> Iterator[bytes]:
        """All of it, piece by piece."""
        while True:
            self._deadline.at = monotonic() + _SILENCE_S
            piece = _read(self.response, _PIECE_BYTES)
            if not piece:
                return
            yield piece


def read_body(found: Response, most: int = MOST_BYTES) -> bytes:
    """All of an answer, unpacked.

    Raises:
        NotReachable: it breaks off, or is too large.
    """
    pieces, size = [], 0
    while size <= most and (piece := _read(found.response, min(_PIECE_BYTES, most + 1 - size))):
        pieces.append(piece)
        size += len(piece)
    raw = b"".join(pieces)
    if _is_gzip(found.response):
        machine = zlib.decompressobj(wbits=31)
        try:
            raw = machine.decompress(raw, most + 1)
        except zlib.error as error:
            raise not_understood(found.address, f"it says that it is gzip: {error}") from None
        if not machine.eof and len(raw) <= most:
            raise not_understood(found.address, "it breaks off")
    if len(raw) > most:
        raise not_understood(found.address, f"it has more than {most:,} bytes")
    return raw


def _is_gzip(response: http.client.HTTPResponse) -> bool:
    return response.headers.get("Content-Encoding", "identity").lower() == "gzip"


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    """Some bytes of an answer; none at its end.

    Raises:
        IncompleteRead: it broke off. `http.client` itself is silent about that.
    """
    piece = response.read(most)
    if not piece and response.length:
        raise http.client.IncompleteRead(piece, response.length)
    return piece


def check(address: Address, response: http.client.HTTPResponse) -> None:
    """Let a good answer pass.

    Raises:
        NotReachable: it comes from no Runlore server, or none of this version.
        NotAllowed, RunloreError: what it says.
    """
    if response.status in (200, 206):
        if response.headers.get(text.HEADER) != str(text.VERSION):
            said = response.headers.get(text.HEADER)
            why = "it is no answer of a Runlore server" if said is None else f"it speaks version {said[:20]!r}"
            raise not_understood(address, why)
        return
    raise refused(address, response)


def refused(address: Address, response: http.client.HTTPResponse) -> Exception:
    """The error that an answer tells of."""
    status = response.status
    if 300 <= status < 400:
        there = response.headers.get("Location", "")[:200]
        return NotReachable(f"the server {address} sends on to {there!r}; name that address, if you trust it")
    document = _document(response)
    known = problems.unpack(document) if document is not None else None
    if known is not None:
        return known
    detail = str((document or {}).get("detail") or response.reason or "").strip()[:500] or "without a reason"
    if status in (401, 403):
        hint = f"type `runlore login {address}`, or set RUNLORE_TOKEN"
        if not address.is_private:
            hint = "tokens are sent over https only, or to this machine: others could read them on the way"
        return NotAllowed(f"the server {address} does not let you: {detail}; {hint}")
    if status in (413, 507):
        return NotStored(f"the server {address} has no room for that: {detail}")
    if status == 404:
        return NotReachable(f"there is no Runlore server of this version at {address} ({detail})")
    return NotReachable(f"the server {address} answers {status}: {detail}")


def _document(response: http.client.HTTPResponse) -> dict[str, object] | None:
    if response.headers.get_content_type() != problems.MEDIA_TYPE:
        return None
    try:
        raw = response.read(_MOST_PROBLEM_BYTES)
        if _is_gzip(response):
            raw = zlib.decompressobj(wbits=31).decompress(raw, _MOST_PROBLEM_BYTES)
        found = json.loads(raw)
    except (ValueError, RecursionError, zlib.error):
        return None
    return found if isinstance(found, dict) else None


def pause_of(response: http.client.HTTPResponse) -> float | None:
    """After how many seconds the server wants to be asked again, if it says so."""
    said = response.headers.get("Retry-After", "")
    return min(float(said), _LONGEST_PAUSE_S) if said.isascii() and said.isdigit() else None


def is_of_connection(error: BaseException) -> bool:
    """Whether a connection failed, and no answer was read."""
    return isinstance(error, (OSError, http.client.HTTPException)) and not isinstance(error, RunloreError)


def broken(address: Address, error: BaseException) -> NotReachable:
    """What to say of a connection that failed."""
    if isinstance(error, TimeoutError):
        return NotReachable(f"the server {address} does not answer in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotReachable(f"the certificate of {address} is not trusted: {error.verify_message}")
    if isinstance(error, ConnectionRefusedError):
        return NotReachable(f"no server answers at {address}; start one with `runlore server`, or name another store")
    if isinstance(error, http.client.IncompleteRead):
        return NotReachable(f"the answer of {address} breaks off")
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return NotReachable(f"the server {address} cannot be reached: {str(why)[:200]}")


def too_slow(address: Address, limit_s: float) -> NotReachable:
    """What to say when the time is up."""
    return NotReachable(f"the server {address} does not answer within {limit_s:g} s")


def not_understood(address: Address, why: str) -> NotReachable:
    """What to say of an answer that is none."""
    return NotReachable(f"what {address} answers cannot be understood: {why[:300]}")
