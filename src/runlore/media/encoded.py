"""What every encoder returns: bytes (or a file on disk) and what must be known to read them again."""

from __future__ import annotations

import os
from typing import Any

from runlore.errors import InvalidArgument

IMAGE = "image"
TABLE = "table"
HTML = "html"
TEXT = "text"
AUDIO = "audio"
VIDEO = "video"
FIGURE = "figure"
HISTOGRAM = "histogram"
CURVE = "curve"
CONFUSION_MATRIX = "confusion_matrix"
MODEL = "model"
OBJECT = "object"
DOCUMENT = "document"

KINDS = frozenset(
    {IMAGE, TABLE, HTML, TEXT, AUDIO, VIDEO, FIGURE, HISTOGRAM, CURVE, CONFUSION_MATRIX, MODEL, OBJECT, DOCUMENT}
)
"""Every kind that `runlore.media.decode` reads."""


class Encoded:
    """One object, ready to be stored as an artifact.

    Exactly one of `data` and `path` is set. A file at `path` is meant to be streamed into the store; when
    `delete_after` is true it is a temporary file of the encoder's, and whoever stores it removes it (`discard`).

    Attributes:
        data: the bytes, or None.
        path: absolute path of a file that holds the bytes, or None.
        delete_after: whether `path` is a temporary file.
        media_type: an IANA-style media type, such as `image/png`.
        suffix: the usual file name suffix with its dot, such as `.png`.
        kind: one of `KINDS`.
        metadata: JSON-able facts about the object; no NaN and no infinity in it.

    Example:
        >>> Encoded(data=b"hello", media_type="text/plain", suffix=".txt", kind=TEXT)
        Encoded(kind='text', media_type='text/plain', suffix='.txt', 5 bytes)
    """

    __slots__ = ("data", "delete_after", "kind", "media_type", "metadata", "path", "suffix")

    def __init__(
        self,
        *,
        data: bytes | None = None,
        path: str | None = None,
        delete_after: bool = False,
        media_type: str,
        suffix: str,
        kind: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if (data is None) == (path is None):
            raise InvalidArgument("exactly one of data= and path= must be given")
        self.data = data
        self.path = path
        self.delete_after = delete_after
        self.media_type = media_type
        self.suffix = suffix
        self.kind = kind
        self.metadata: dict[str, Any] = metadata or {}

    @property
    def content(self) -> bytes | str:
        """The bytes, or the path of the file that holds them: what `decode` takes."""
        if self.data is not None:
            return self.data
        return str(self.path)

    @property
    def size_bytes(self) -> int:
        """Size of the content in bytes."""
        return len(self.data) if self.data is not None else os.path.getsize(str(self.path))

    def read(self) -> bytes:
        """The whole content in memory."""
        if self.data is not None:
            return self.data
        with open(str(self.path), "rb") as file:
            return file.read()

    def discard(self) -> None:
        """Remove the temporary file, if there is one. Safe to call twice; a user's own file is never touched."""
        if self.delete_after and self.path is not None and os.path.exists(self.path):
            os.unlink(self.path)

    def __repr__(self) -> str:
        return (
            f"Encoded(kind={self.kind!r}, media_type={self.media_type!r}, suffix={self.suffix!r}, "
            f"{self.size_bytes:,} bytes)"
        )
