"""Values as JSON text, exactly: what one side writes is what the other reads, to the last bit.

It is JSON with two liberties, which Python's own reader takes: `NaN`, `Infinity` and `-Infinity` are numbers, and the
bytes are UTF-8 in which lone surrogates stand as they are. Integers have all their digits, floats their shortest exact
form, and whole floats a `.0`, so that `1` and `1.0` stay two values.
"""

from __future__ import annotations

import json
from typing import Any

from runlore.errors import InvalidArgument

VERSION = 1
"""Of everything in this package. Fields may be added within one version; whoever does not know them leaves them out."""

MEDIA_TYPE = "application/vnd.runlore.wire+json"

HEADER = "Runlore-Wire"
"""Header of requests and answers: the version."""

KEY_HEADER = "Runlore-Key"
"""Header of requests that change something: names the change. A change that comes again under its name, because the
answer was lost, is not made again, and gets the same answer."""

AGAIN_HEADER = "Runlore-Again"
"""Header of a request that was sent before: how many times."""

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Garbled(InvalidArgument):
    """What came is not what this protocol says."""


def dumps(value: Any) -> bytes:
    """The value as bytes."""
    return _encode(value).encode("utf-8", "surrogatepass")


def loads(data: bytes | bytearray | memoryview) -> Any:
    r"""What `dumps` wrote.

    Raises:
        Garbled: it is none of that.

    Example:
        >>> loads(dumps(["\ud800", 2**63, -0.0, 1, 1.0]))
        ['\ud800', 9223372036854775808, -0.0, 1, 1.0]
    """
    try:
        return json.loads(bytes(data).decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise Garbled("the body is nested too deep") from None
    except ValueError as error:  # no UTF-8, no JSON, or an integer of more digits than Python reads
        raise Garbled(f"the body is no JSON: {str(error)[:200]}") from None


def expect(value: Any, kind: type | tuple[type, ...], name: str) -> Any:
    """The value, which must be of a type; a truth value is no number.

    Raises:
        Garbled: it is not.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    wrong_truth = isinstance(value, bool) and bool not in kinds and object not in kinds
    if wrong_truth or not isinstance(value, kind):
        wanted = " or ".join(_WORDS[one] for one in kinds)
        raise Garbled(f"{name} should be {wanted}, not {_WORDS.get(type(value), 'that')}")
    return value


def texts(value: Any, name: str) -> list[str]:
    """A list of texts.

    Raises:
        Garbled: it is none.
    """
    for item in expect(value, list, name):
        expect(item, str, f"each of {name}")
    return list(value)


_WORDS: dict[type, str] = {
    str: "text", int: "an integer", float: "a number", bool: "true or false", list: "a list", dict: "an object",
    type(None): "null",
}  # fmt: skip
