"""Points of runs as a stream of binary parts, and events as a stream of tables.

    part    length of the rest (u32), length of the header (u32), header (JSON, blanks up to 8 bytes), columns
    header  {"uid", "names", "writers", "headers", "extras", "points": how many, "columns": [[name, type], …]}
    end     a part with the header {"end": true}: without it the stream broke off
    error   a part with the header {"problem": {…}}: what went wrong after the first part was sent

All numbers are little-endian. Columns stand one behind the other, each filled up to 8 bytes. Floats are sent as their
bits: NaN, -0.0 and infinities are what they were. A part has at most `PART_POINTS` points; the further ones of a run
follow in parts of their own with `"more": true`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore.store.points import RunPoints
from runlore.wire import text
from runlore.wire.text import Garbled, expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

MEDIA_TYPE = "application/vnd.runlore.points"

PART_POINTS = 1 << 18
"""Points in one part: what is in memory twice at a time, about 10 MB."""

MOST_BYTES = 1 << 30
"""Of one part."""

COLUMNS = (
    ("key", "<u4"),
    ("writer", "<u4"),
    ("step", "<f8"),
    ("time_ns", "<i8"),
    ("value", "<f8"),
    ("sequence", "<i8"),
)

_LENGTHS = struct.Struct("<II")
_PAD = 8


class Part(NamedTuple):
    """A part, read: what its header says, and the rest of it."""

    header: dict[str, Any]
    body: memoryview


def part(header: dict[str, Any], *pieces: bytes) -> bytes:
    """A part as bytes."""
    head = text.dumps(header)
    head += b" " * (-len(head) % _PAD)
    size = _LENGTHS.size - 4 + len(head) + sum(map(len, pieces))
    return b"".join((_LENGTHS.pack(size, len(head)), head, *pieces))


END = part({"end": True})


def pack_points(uid: str, points: RunPoints) -> Iterator[bytes]:
    """The points of one run, in parts."""
    about = {
        "uid": uid, "names": points.names, "writers": points.writers, "headers": points.headers,
        "extras": points.extras,
    }  # fmt: skip
    count = len(points)
    for start in range(0, max(count, 1), PART_POINTS):
        stop = min(count, start + PART_POINTS)
        header = about if start == 0 else {"uid": uid, "more": True}
        columns = [_padded(getattr(points, name)[start:stop].astype(kind).tobytes()) for name, kind in COLUMNS]
        yield part({**header, "points": stop - start, "columns": COLUMNS, "last": stop == count}, *columns)


def _padded(raw: bytes) -> bytes:
    return raw + b"\0" * (-len(raw) % _PAD)


def read_parts(read: Callable[[int], bytes]) -> Iterator[Part]:
    """The parts of a stream, to its end.

    Args:
        read: gives exactly so many bytes, or raises.

    Raises:
        Garbled: it is no such stream.
    """
    while True:
        size, length = _LENGTHS.unpack(read(_LENGTHS.size))
        rest = size - 4
        if not 0 <= length <= rest <= MOST_BYTES:
            raise Garbled(f"a part says that it has {size} bytes and a header of {length}")
        body = memoryview(read(rest))
        header = expect(text.loads(body[:length]), dict, "the header of a part")
        if "end" in header:
            return
        yield Part(header, body[length:])


def unpack_points(parts: Iterator[Part]) -> Iterator[tuple[str, RunPoints]]:
    """(uid, points) of each run in a stream.

    Raises:
        Garbled: it is no such stream.
    """
    for first in parts:
        uid = expect(first.header.get("uid"), str, "uid")
        pieces, header = [_columns(first)], first.header
        while not header.get("last"):
            following = next(parts, None)
            if following is None or following.header.get("uid") != uid or not following.header.get("more"):
                raise Garbled(f"the points of run {uid} break off")
            header = following.header
            pieces.append(_columns(following))
        yield uid, _joined(first.header, pieces)


def _columns(found: Part) -> dict[str, NDArray[Any]]:
    import numpy as np

    count = expect(found.header.get("points"), int, "points")
    columns: dict[str, NDArray[Any]] = {}
    offset = 0
    for named in expect(found.header.get("columns"), list, "columns"):
        name, kind = (expect(item, str, "a column") for item in expect(named, list, "a column"))
        if kind not in ("<u4", "<f8", "<i8"):
            raise Garbled(f"a column is of the type {kind!r:.20}")
        size = int(kind[-1]) * count
        if count < 0 or offset + size > len(found.body):
            raise Garbled(f"{count} points do not fit into {len(found.body)} bytes")
        columns[name] = np.frombuffer(found.body, dtype=kind, count=count, offset=offset)
        offset += size + -size % _PAD
    return columns


def _joined(header: dict[str, Any], pieces: list[dict[str, NDArray[Any]]]) -> RunPoints:
    import numpy as np

    names, writers = (text.texts(header.get(name), name) for name in ("names", "writers"))
    columns: dict[str, NDArray[np.generic]] = {}
    for name, _ in COLUMNS:
        if any(name not in piece for piece in pieces):
            raise Garbled(f"there is no column {name!r}")
        columns[name] = pieces[0][name] if len(pieces) == 1 else np.concatenate([piece[name] for piece in pieces])
    for name, names_ in (("key", names), ("writer", writers)):
        if len(columns[name]) and int(columns[name].max()) >= len(names_):
            raise Garbled(f"the column {name!r} counts beyond the {len(names_)} that there are")
    extras = [
        (expect(writer, int, "writer"), expect(sequence, int, "sequence"), expect(more, dict, "columns"))
        for writer, sequence, more in expect(header.get("extras"), list, "extras")
    ]
    return RunPoints(
        columns["key"], names, columns["step"], columns["time_ns"], columns["value"], columns["writer"], writers,  # type: ignore[arg-type]
        expect(header.get("headers"), list, "headers"), columns["sequence"], extras,  # type: ignore[arg-type]
    )  # fmt: skip
