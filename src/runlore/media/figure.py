"""Figures of plotting libraries: Matplotlib as an image, Plotly as its interactive specification."""

from __future__ import annotations

from typing import Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media import _matplotlib, _plotly
from runlore.media._arrays import type_name
from runlore.media._content import MAX_JSON_BYTES, Content, load_json, read_content
from runlore.media.encoded import FIGURE, Encoded
from runlore.media.picture import Picture

PLOTLY_MEDIA_TYPE = "application/vnd.plotly.v1+json"


def encode_figure(figure: Any, *, format: str | None = None, **savefig_kwargs: Any) -> Encoded:  # noqa: A002 - Matplotlib's own name
    """A figure as an image or as its specification. The figure itself stays as it is; no window or backend is needed.

    Args:
        figure: a Matplotlib `Figure`, `Axes`, anything with a `.figure` (a seaborn grid), the `pyplot` module (its
            current figure), or a Plotly figure.
        format: `png` (default), `svg`, `pdf`, `jpg` or `webp` for Matplotlib; `json` for Plotly.
        **savefig_kwargs: passed on to Matplotlib's `savefig`, for example `dpi=200`, `bbox_inches="tight"`.

    Raises:
        WrongType: no figure that is known here; the message names those that are.
        InvalidArgument: an unknown format, arguments for Plotly, or `pyplot` without an open figure.

    Example:
        >>> from matplotlib.figure import Figure
        >>> figure = Figure(figsize=(2, 1))
        >>> _ = figure.subplots().plot([1, 2, 3])
        >>> encode_figure(figure, dpi=50).metadata["width"]
        100
    """
    drawn = _matplotlib.find_figure(figure)
    if drawn is not None:
        chosen = format or "png"
        media_type = _matplotlib.MEDIA_TYPES.get(chosen)
        if media_type is None:
            raise InvalidArgument(f"format={chosen!r} must be one of {sorted(_matplotlib.MEDIA_TYPES)} for Matplotlib")
        data, metadata = _matplotlib.render(drawn, chosen, savefig_kwargs)
        return Encoded(data=data, media_type=media_type, suffix=f".{chosen}", kind=FIGURE, metadata=metadata)
    if _plotly.is_figure(figure):
        if format not in (None, "json") or savefig_kwargs:
            raise InvalidArgument(
                f"format={format!r}, {sorted(savefig_kwargs)}: a Plotly figure is stored as its JSON specification and "
                "takes no other arguments"
            )
        data, metadata = _plotly.to_json(figure)
        return Encoded(data=data, media_type=PLOTLY_MEDIA_TYPE, suffix=".plotly.json", kind=FIGURE, metadata=metadata)
    raise WrongType(
        f"figure is a {type_name(figure)}; a Matplotlib Figure or Axes, the pyplot module, "
        "or a Plotly figure can be stored. For arrays and pictures use log_image, for files log_artifact"
    )


def decode_figure(content: Content, media_type: str) -> Any:
    """A stored figure: a Plotly figure, or the image or document that Matplotlib drew, as a `Picture`.

    Raises:
        MissingDependency: a Plotly figure, and Plotly is not installed.
        InvalidArgument: the content is no Plotly figure although it says so.
    """
    if media_type != PLOTLY_MEDIA_TYPE:
        return Picture(read_content(content, "the figure"), media_type)
    raw = read_content(content, "the figure", max_bytes=MAX_JSON_BYTES)
    load_json(raw, "the figure, which is not a Plotly specification")
    return _plotly.from_json(raw)
