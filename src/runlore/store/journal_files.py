"""The journals of a run as files: which there are, whether they are closed, and reading them in pieces."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from runlore.files import open_binary
from runlore.journal import format as fmt
from runlore.journal.decode import read
from runlore.journal.format import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from runlore.journal.decode import Chunk, Context

PIECE_BYTES = 1 << 26


def journal_paths(directory: str) -> list[tuple[str, str]]:
    """(writer, path) of the journals of a run, in the order of their writers."""
    folder = os.path.join(directory, JOURNAL)
    if not os.path.isdir(folder):
        return []
    names = sorted(name.removesuffix(fmt.SUFFIX) for name in os.listdir(folder) if name.endswith(fmt.SUFFIX))
    return [(name, os.path.join(folder, name + fmt.SUFFIX)) for name in names]


def is_closed(path: str) -> bool:
    """Whether the journal ends with the record that closes it: closing cuts the file behind that."""
    size = os.stat(path).st_size
    if size < fmt.HEADER_BYTES + fmt.RECORD_BYTES:
        return False
    with open(path, "rb") as file:
        file.seek(size - 4)
        return file.read(4) == fmt.TAIL.pack(fmt.CLOSE_TAIL)


def header_of(path: str) -> dict[str, Any]:
    """What a journal says of its writer: host, boot, pid …; a damaged one, that a lock tells whether it lives."""
    with open_binary(path) as file:
        data = file.read(fmt.FRAME_BYTES)
    if len(data) < fmt.HEADER_BYTES or data[:8] != fmt.MAGIC:
        return {"lock": True}
    length = fmt.FILE_HEADER.unpack_from(data)[4]
    try:
        return dict(json.loads(data[fmt.HEADER_BYTES : fmt.HEADER_BYTES + length]))
    except ValueError:
        return {"lock": True}  # the decoder says what is damaged


def chunks(path: str, context: Context | None = None) -> Iterator[Chunk]:
    """What a journal gained since the context, in pieces that fit into memory; at least one."""
    while True:
        chunk = read(path, context, max_bytes=PIECE_BYTES)
        yield chunk
        if not chunk.more:
            return
        context = chunk.context
