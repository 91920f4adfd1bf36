"""Journals arrive: bytes by offset, and the word that nothing more will come."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec

from runlore.journal.beginning import BEGINNING_BYTES
from runlore.server.endpoint import WRITE, Endpoint, Parameter, json_response
from runlore.server.problems import Problem
from runlore.server.receiving.inspecting import Inspections
from runlore.server.receiving.room import check_uid, disk, files_of, run_directory
from runlore.store.received import DIFFERS, MAX_JOURNAL_BYTES, Received, ReceivedJournal

if TYPE_CHECKING:
    from starlette.responses import Response

    from runlore.server.endpoint import Call

MAX_APPEND_BYTES = 16 << 20
"""Of one request, when it is unpacked."""
CHECK = "x-runlore-crc32"
BEGINNING = "x-runlore-beginning"
OFFSET_EXAMPLE = 65536
_FORMATS = {"deflate": zlib.MAX_WBITS, "gzip": zlib.MAX_WBITS | 16}


class Appended(msgspec.Struct):
    """How many bytes of the journal the server has: the offset to go on from."""

    offset: int


class Ending(msgspec.Struct):
    """All of a journal was sent.

    Attributes:
        size: of the journal, in bytes.
        crc32: of its bytes behind the first 64.
        beginning: those, in hexadecimal.
        died: its writer did not close it, and lives no more.
    """

    size: int
    crc32: int
    beginning: str
    died: bool = False


def append(call: Call) -> Response:
    """Append bytes to a journal, or none: that its sender lives.

    Raises:
        InvalidName, InvalidArgument: an address, a header or the beginning of the journal is wrong.
        RunNotFound: the run was not announced, or is gone.
        Problem: a gap would come about, or the journal has other bytes there (409); too many (413); no CRC, or
            another one (400).
        NotStored, ReadOnlyStore: they cannot be stored.
    """
    offset = call.integer("offset", -1, low=0, high=MAX_JOURNAL_BYTES)
    if offset < 0:
        raise Problem(400, "the parameter 'offset' is missing", field="offset")
    content = unpacked(call.raw, call.request.headers.get("content-encoding", "identity"))
    told = call.request.headers.get(CHECK, "")
    if told.lower() != f"{zlib.crc32(content):08x}":
        raise Problem(400, f"{CHECK}: {told[:20]!r} is not the CRC-32 of the {len(content)} bytes that arrived",
                      field=CHECK)  # fmt: skip
    given = call.request.headers.get(BEGINNING)
    beginning = read_beginning(given, BEGINNING) if given else b""
    journal = _journal(call)
    if content and call.context.sight is not None:
        call.context.sight.make_room(call.required("experiment"))
    with disk(f"journal {call.path('writer')}"):
        appended = Appended(_settled(journal.append(offset, content, beginning)))
    return json_response(appended)  # in this thread: going to another one takes as long as all the rest


def end(call: Call) -> Appended:
    """All of a journal was sent: compare it, and have it on the disk. After that the sender may forget it.

    Raises:
        As `append`.
    """
    told: Ending = call.body
    if not 0 <= told.size <= MAX_JOURNAL_BYTES:
        raise Problem(400, f"size={told.size} should be from 0 to {MAX_JOURNAL_BYTES}", field="size")
    beginning = read_beginning(told.beginning, "beginning")
    journal = _journal(call)
    with disk(f"journal {call.path('writer')}"):
        return Appended(_settled(journal.finish(told.size, told.crc32, beginning, died=told.died)))


def unpacked(raw: bytes, encoding: str) -> bytes:
    """A body without its Content-Encoding.

    Raises:
        Problem: it is of none that is read here (415), is damaged (400), or has too many bytes (413).
    """
    if encoding == "identity":
        content, is_whole = raw, True
    elif encoding in _FORMATS:
        opened = zlib.decompressobj(_FORMATS[encoding])
        try:
            content = opened.decompress(raw, MAX_APPEND_BYTES + 1)
        except zlib.error as error:
            raise Problem(400, f"Content-Encoding: the body is no {encoding}: {error}", field="body") from None
        is_whole = opened.eof or len(content) > MAX_APPEND_BYTES
    else:
        raise Problem(415, f"Content-Encoding: {encoding[:50]!r} is none of identity, deflate and gzip",
                      field="Content-Encoding")  # fmt: skip
    if len(content) > MAX_APPEND_BYTES:
        raise Problem(
            413, f"more than {MAX_APPEND_BYTES} bytes of a journal at once; send less", limit=MAX_APPEND_BYTES
        )
    if not is_whole:
        raise Problem(400, "Content-Encoding: the body ends before its end", field="body")
    return content


def read_beginning(text: str, field: str) -> bytes:
    """The first bytes of a journal from hexadecimal digits.

    Raises:
        Problem: they are none, or not as many.
    """
    try:
        beginning = bytes.fromhex(text)
    except ValueError:
        beginning = b""
    if len(beginning) != BEGINNING_BYTES:
        raise Problem(
            400, f"{field} should be the first {BEGINNING_BYTES} bytes of the journal in hexadecimal", field=field
        )
    return beginning


def _journal(call: Call) -> ReceivedJournal:
    uid, writer = call.path("uid"), check_uid(call.path("writer"), "writer")
    directory = run_directory(call, uid, call.required("experiment"))
    inspect = call.context.part(Inspections).inspector(call, uid, writer)
    return ReceivedJournal(files_of(call), directory, uid, writer, inspect)


def _settled(received: Received) -> int:
    """How many bytes there are.

    Raises:
        Problem: they do not fit to what was sent (409); its member `offset` says where to go on.
    """
    if not received.problem:
        return received.size
    if received.problem == DIFFERS:
        detail = (
            "the journal has other bytes there than were sent: it is not the same journal, or one of the two copies is "
            "damaged. Nothing was changed; the sender should keep its copy"
        )
    else:
        detail = f"bytes are missing before those that were sent; go on from offset {received.size}"
    raise Problem(409, detail, field="offset", offset=received.size, reason=received.problem)


_EXPERIMENT = Parameter("experiment", "The experiment of the run.", required=True, example="iris/baseline")

ENDPOINTS = (
    Endpoint(
        "PUT", "/runs/{uid}/journals/{writer}", append, "Append bytes to a journal.", WRITE,
        parameters=[
            _EXPERIMENT,
            Parameter("offset", "Where in the journal the bytes begin.", {"type": "integer", "minimum": 0},
                      required=True, example=OFFSET_EXAMPLE),
        ],
        body="application/octet-stream", answer=Appended, problems=[404, 409, 413, 415, 507],
        about=f"The header `{CHECK}` has the CRC-32 of the bytes, unpacked, as 8 hexadecimal digits; `{BEGINNING}` the "
        "journal's first 64 bytes, where its writer changed them since. `Content-Encoding` may be `deflate` or `gzip`.",
    ),
    Endpoint(
        "POST", "/runs/{uid}/journals/{writer}/end", end, "All of a journal was sent.", WRITE, parameters=[_EXPERIMENT],
        body=Ending, answer=Appended, problems=[404, 409, 413, 415, 507],
        example={"size": 131072, "crc32": 3735928559, "beginning": "52554e4c4f52450a".ljust(2 * BEGINNING_BYTES, "0")},
    ),
)  # fmt: skip
