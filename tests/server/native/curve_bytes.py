"""Reading the binary answer of curves as its reader has to, from its description alone."""

from __future__ import annotations

import json
import struct


def read_curves(content: bytes):
    """(header, {(run, key): (x, y)})."""
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    at = 4 + length
    assert at % 8 == 0
    found = {}
    for curve in header["curves"]:
        n = curve["n"]
        x = struct.unpack_from(f"<{n}d", content, at)
        y = struct.unpack_from(f"<{n}d", content, at + 8 * n)
        at += 16 * n
        found[curve["run"], curve["key"]] = (list(x), list(y))
    assert at == len(content)
    return header, found
