"""Where a page ended, as an opaque token: a position in an order, never SQL.

A token is checked for what it is (a checksum over its contents and over the query that it belongs to) and for what it
holds (the type of each value). It is no secret and grants nothing: whoever forges one only picks another position.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from runlore.errors import InvalidArgument, WrongType
from runlore.names import is_uid
from runlore.query.fields import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

SortValue: TypeAlias = "int | float | str"

MAX_TOKEN_LENGTH = 500_000
_CHECKSUM_BYTES = 12
_REFUSED = "the page cursor is not one of this query; start again without one"


@dataclass(frozen=True, slots=True)
class Position:
    """What the next page needs to know.

    Attributes:
        values: of the sort terms, of the last run that was visited in its place.
        now_ns: what `now` was on the first page, so that `started > '-7d'` means the same on every page.
        pending: uids of runs that were live on the first page and were not visited yet. Their sort keys can change;
            wherever they move, they are visited once.
        seen: uids of runs that were live when they were visited, and are not to be visited again.
    """

    values: tuple[SortValue, ...]
    now_ns: int
    pending: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()


def fingerprint(*parts: object) -> bytes:
    """What a token belongs to: the query, the order, the experiments."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def encode(position: Position, belongs_to: bytes) -> str:
    """The token: URL-safe text."""
    content = json.dumps(
        [list(position.values), position.now_ns, _pack(position.pending), _pack(position.seen)], separators=(",", ":")
    ).encode()
    return base64.urlsafe_b64encode(_checksum(content, belongs_to) + content).decode().rstrip("=")


def decode(token: str, belongs_to: bytes, types: Sequence[type]) -> Position:
    """The position that a token holds.

    Raises:
        InvalidArgument: it is damaged, was changed, or belongs to another query or order.
        WrongType: it is not text.
    """
    if not isinstance(token, str):
        raise WrongType(f"cursor={token!r} must be text, not {type(token).__name__}")
    if not token or len(token) > MAX_TOKEN_LENGTH:
        raise InvalidArgument(_REFUSED)
    try:
        data = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        content = data[_CHECKSUM_BYTES:]
        if data[:_CHECKSUM_BYTES] != _checksum(content, belongs_to):
            raise InvalidArgument(_REFUSED)
        return _read(json.loads(content), types)
    except (UnicodeError, binascii.Error, ValueError, RecursionError) as error:
        raise InvalidArgument(_REFUSED) from error


def _read(loaded: Any, types: Sequence[type]) -> Position:
    if not isinstance(loaded, list) or len(loaded) != 4 or not isinstance(loaded[0], list):
        raise InvalidArgument(_REFUSED)
    values, now_ns, pending, seen = loaded
    if len(values) != len(types) or not _is_int64(now_ns):
        raise InvalidArgument(_REFUSED)
    for value, expected in zip(values, types, strict=True):
        if type(value) is not expected or (expected is int and not _is_int64(value)):
            raise InvalidArgument(_REFUSED)
        if isinstance(value, float) and math.isnan(value):
            raise InvalidArgument(_REFUSED)
        if isinstance(value, str):
            check_text(value)
    return Position(tuple(values), now_ns, _unpack(pending), _unpack(seen))


def _is_int64(value: object) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _pack(uids: frozenset[str]) -> str:
    return base64.b64encode(b"".join(map(bytes.fromhex, sorted(uids)))).decode()


def _unpack(packed: object) -> frozenset[str]:
    if not isinstance(packed, str):
        raise InvalidArgument(_REFUSED)
    digits = base64.b64decode(packed, validate=True).hex()
    uids = frozenset(digits[start : start + 32] for start in range(0, len(digits), 32))
    if not all(map(is_uid, uids)):
        raise InvalidArgument(_REFUSED)
    return uids


def _checksum(content: bytes, belongs_to: bytes) -> bytes:
    return hashlib.blake2b(content, key=belongs_to, digest_size=_CHECKSUM_BYTES).digest()
