"""A picture or document that a plotting library drew, as it was stored."""

from __future__ import annotations

from typing import Any

from runlore import notebook


class Picture(bytes):
    """A drawn figure: its bytes, and a picture where one is looked for.

    It is the contents of its file: write it, hash it, compare it as bytes. A notebook shows it; `image()` opens it.

    Attributes:
        media_type: `image/png`, `image/svg+xml`, `application/pdf` …

    Example:
        >>> from matplotlib.figure import Figure
        >>> from runlore.media import decode, encode_figure
        >>> encoded = encode_figure(Figure(figsize=(2, 1)), dpi=50)
        >>> drawn = decode("figure", encoded.media_type, encoded.metadata, encoded.data)
        >>> drawn.image().size, drawn.bytes[1:4]
        ((100, 50), b'PNG')
    """

    media_type: str

    def __new__(cls, data: bytes, media_type: str) -> Picture:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """From the bytes of a file and what they are."""
        made = super().__new__(cls, data)
        made.media_type = media_type
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return bytes(self), self.media_type

    def __repr__(self) -> str:
        return f"<Picture {self.media_type}, {len(self):,} bytes>"

    @property
    def bytes(self) -> bytes:
        """The plain bytes of the file."""
        return bytes(self)

    def image(self) -> Any:
        """The picture as a Pillow image.

        Raises:
            InvalidArgument: it has no pixels (SVG, PDF), or is damaged.
            MissingDependency: Pillow is not installed.
        """
        from runlore.errors import InvalidArgument
        from runlore.media import _pillow

        if self.media_type in ("image/svg+xml", "application/pdf"):
            raise InvalidArgument(
                f"a figure of the type {self.media_type} has no pixels; write its `bytes` into a file, or log the "
                "figure with format='png'"
            )
        return _pillow.open_image(bytes(self))

    def _repr_png_(self) -> Any:
        return bytes(self) if self.media_type == "image/png" else None

    def _repr_jpeg_(self) -> Any:
        return bytes(self) if self.media_type == "image/jpeg" else None

    def _repr_html_(self) -> str | None:
        """For what notebooks have no other way of showing."""
        if self.media_type in ("image/png", "image/jpeg"):
            return None
        return notebook.picture(self, self.media_type)
