"""Text and HTML."""

from __future__ import annotations

import os
from typing import Any

from runlore.errors import WrongType
from runlore.media._content import Content, fs_path, read_content
from runlore.media.encoded import HTML, TEXT, Encoded


def encode_text(text: str) -> Encoded:
    r"""Text as UTF-8. Any Python string comes back equal, also one with lone surrogates.

    Raises:
        WrongType: not a string.

    Example:
        >>> encode_text("loss fell\n").data
        b'loss fell\n'
    """
    if not isinstance(text, str):
        raise WrongType(
            f"text={str(text)[:60]!r} must be a string, not {type(text).__name__}; use str() or log_artifact"
        )
    return Encoded(
        data=text.encode("utf-8", "surrogatepass"),
        media_type="text/plain",
        suffix=".txt",
        kind=TEXT,
        metadata={"characters": len(text)},
    )


def encode_html(html: Any) -> Encoded:
    """A page or fragment of HTML: a string, a path (`pathlib.Path`) of a file, or an object with `_repr_html_`.

    It is stored as it is, scripts included: whoever shows it must isolate it, as Runlore's page does.

    Raises:
        WrongType: none of these.
        InvalidArgument: the path is not an existing file.

    Example:
        >>> encode_html("<b>done</b>").media_type
        'text/html'
    """
    if isinstance(html, os.PathLike):
        return Encoded(path=fs_path(html, "html"), media_type="text/html", suffix=".html", kind=HTML)
    if not isinstance(html, str) and hasattr(html, "_repr_html_"):
        html = html._repr_html_()
    if not isinstance(html, str):
        raise WrongType(
            f"html must be a string, a pathlib.Path or an object with _repr_html_, not {type(html).__name__}"
        )
    return Encoded(data=html.encode("utf-8", "surrogatepass"), media_type="text/html", suffix=".html", kind=HTML)


def decode_text(content: Content, *, max_bytes: int | None = None) -> str:
    """Stored text or HTML as a string.

    Bytes that are not UTF-8 (a user's HTML file may hold any) become U+FFFD.
    """
    raw = read_content(content, "the text", max_bytes=max_bytes)
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")
