"""Matplotlib. Only ever used when the user's process has loaded it; pyplot is never imported from here."""

from __future__ import annotations

import io
import sys
from typing import Any

from runlore.errors import InvalidArgument

MEDIA_TYPES = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
}


def find_figure(value: Any) -> Any:
    """The Matplotlib figure that the value is or belongs to, or None.

    Raises:
        InvalidArgument: the value is pyplot, and no figure is open.
    """
    module = sys.modules.get("matplotlib.figure")
    if module is None:
        return None
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and value is pyplot:
        if not pyplot.get_fignums():
            raise InvalidArgument(
                "figure=pyplot, but no figure is open (plt.close was called?); pass the figure itself"
            )
        return pyplot.gcf()
    for _ in range(8):  # an axes may sit in nested subfigures, each of which names the figure above it
        if isinstance(value, module.Figure):
            return value
        value = getattr(value, "figure", None)
    return None


def render(figure: Any, format: str, savefig_kwargs: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:  # noqa: A002
    """The drawn bytes and `width`, `height` in pixels (raster formats), `title`."""
    out = io.BytesIO()
    try:
        figure.savefig(out, format=format, **savefig_kwargs)
    except TypeError as error:
        raise InvalidArgument(f"savefig does not take these arguments {sorted(savefig_kwargs)}: {error}") from error
    data = out.getvalue()
    metadata: dict[str, Any] = {"library": "matplotlib", "format": format}
    title = _title(figure)
    if title:
        metadata["title"] = title
    if format == "png":
        metadata["width"], metadata["height"] = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return data, metadata


def _title(figure: Any) -> str:
    texts = [figure.get_suptitle() if hasattr(figure, "get_suptitle") else ""]
    texts += [axes.get_title() for axes in figure.axes]
    return next((text for text in texts if text), "")[:500]
