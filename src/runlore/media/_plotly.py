"""Plotly. Writing needs what the user's process has loaded; reading imports it."""

from __future__ import annotations

import sys
from typing import Any

from runlore.errors import InvalidArgument, MissingDependency


def is_figure(value: Any) -> bool:
    """Whether this is a Plotly figure. Imports nothing."""
    module = sys.modules.get("plotly.basedatatypes")
    return module is not None and isinstance(value, module.BaseFigure)


def to_json(figure: Any) -> tuple[bytes, dict[str, Any]]:
    """The specification, and its number of traces and title."""
    metadata: dict[str, Any] = {"library": "plotly", "traces": len(figure.data)}
    title = figure.layout.title.text
    if title:
        metadata["title"] = str(title)[:500]
    return figure.to_json().encode("utf-8"), metadata


def from_json(data: bytes) -> Any:
    """A figure from its specification.

    Raises:
        MissingDependency: Plotly is not installed.
        InvalidArgument: it is not a specification.
    """
    try:
        from plotly import io
    except ImportError as error:
        raise MissingDependency("plotly", "media", "reading a Plotly figure back") from error
    try:
        return io.from_json(data.decode("utf-8"), engine="json")
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidArgument(f"the figure is not a Plotly specification: {str(error)[:300]}") from error
