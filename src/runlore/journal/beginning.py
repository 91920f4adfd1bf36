"""The first bytes of a journal, for who copies it by offset: whose it is, and the few of them that change later."""

from __future__ import annotations

import json
from contextlib import suppress
from zlib import crc32

from runlore.errors import InvalidArgument
from runlore.journal import format as fmt

BEGINNING_BYTES = fmt.HEADER_BYTES
"""Among so many first bytes are those that the writer changes after they were written."""
FRAME_BYTES = fmt.FRAME_BYTES
"""Records do not cross multiples of this, but for large ones: a good place to cut."""

_CHANGING = slice(fmt.LOST_OFFSET, fmt.ENDED_OFFSET + fmt.ENDED.size)


def check_beginning(content: bytes, uid: str, writer: str) -> None:
    """Refuse bytes that do not begin a journal of this run and writer.

    Raises:
        InvalidArgument: they do not, or are too few to tell.
    """
    about: object = None
    if len(content) >= fmt.HEADER_BYTES:
        magic, version, _, length, text_bytes, check = fmt.FILE_HEADER.unpack_from(content)
        text = content[fmt.HEADER_BYTES : fmt.HEADER_BYTES + text_bytes]
        is_whole = magic == fmt.MAGIC and fmt.CRC.unpack_from(content, fmt.FILE_HEADER.size)[0] == crc32(content[:24])
        if is_whole and version == fmt.VERSION and len(content) >= length and crc32(text) == check:
            with suppress(ValueError, RecursionError):
                about = json.loads(text)
    if not isinstance(about, dict):
        raise InvalidArgument(
            f"the bytes at offset 0 do not begin a journal of format version {fmt.VERSION}: send at least the whole "
            "header"
        )
    if about.get("uid") != uid or about.get("writer") != writer:
        raise InvalidArgument(
            f"the journal says that it is of run {about.get('uid')!r} and writer {about.get('writer')!r}, and was sent "
            f"as {uid!r} and {writer!r}"
        )


def without_changing(offset: int, content: bytes) -> bytes:
    r"""Bytes of a journal from this offset on, but for those that its writer changes later.

    Example:
        >>> without_changing(30, bytes(range(40)))
        b'\x00\x01\x1a\x1b\x1c\x1d\x1e\x1f !"#$%&\''
    """
    if offset >= fmt.HEADER_BYTES:
        return content
    low, high = (max(at - offset, 0) for at in (_CHANGING.start, _CHANGING.stop))
    return content[:low] + content[high:]


def changes(before: bytes, after: bytes) -> tuple[int, bytes]:
    """What of the first bytes is to be written so that they become others: offset and bytes.

    Raises:
        InvalidArgument: they are not the first bytes of the same journal, or are damaged.
    """
    lost, ended = after[fmt.LOST_OFFSET : fmt.ENDED_OFFSET], after[fmt.ENDED_OFFSET : _CHANGING.stop]
    count, complement = fmt.LOST.unpack(lost)
    is_same = without_changing(0, before) == without_changing(0, after)
    if not is_same or count != complement ^ 0xFFFFFFFF or not fmt.is_end_mark(ended):
        raise InvalidArgument("beginning: these are not the first bytes of this journal; send them as they are")
    return fmt.LOST_OFFSET, after[_CHANGING]
