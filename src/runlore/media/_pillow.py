"""Pillow: PNG from arrays, and images read back."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, MissingDependency
from runlore.media._content import read_content
from runlore.media._pixels import MAX_PIXELS

if TYPE_CHECKING:
    import numpy.typing as npt

    from runlore.media._content import Content

_READABLE = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
"""Decoders that are used. Pillow has others that start programs (EPS) or that nobody needs here."""
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


def _image_module(purpose: str) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependency("pillow", "media", purpose) from error
    return Image


def is_image(value: Any) -> bool:
    """Whether this is a Pillow image. Imports nothing."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def image_to_png(image: Any) -> bytes:
    """A Pillow image as PNG; modes that PNG lacks (CMYK, YCbCr, …) become RGB."""
    out = io.BytesIO()
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(out, format="PNG")
    return out.getvalue()


def array_to_png(array: npt.NDArray[Any]) -> bytes:
    """`(H, W)` or `(H, W, 3 or 4)` uint8, or `(H, W)` uint16, as PNG."""
    import numpy as np

    return image_to_png(_image_module("storing an array as PNG").fromarray(np.ascontiguousarray(array)))


def open_image(content: Content) -> Any:
    """A Pillow image, its pixels loaded.

    Raises:
        InvalidArgument: no image of a usual format, a damaged one, or more than `MAX_PIXELS`.
        MissingDependency: Pillow is not installed.
    """
    module = _image_module("reading an image")
    source = io.BytesIO(read_content(content, "the image"))  # in memory: formats with several frames keep it open
    try:
        image = module.open(source, formats=_READABLE)
        if image.width * image.height > MAX_PIXELS:
            raise InvalidArgument(f"the image has {image.width} x {image.height} pixels, more than {MAX_PIXELS:,}")
        image.load()
    except (OSError, SyntaxError, ValueError, module.DecompressionBombError) as error:
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument(f"the image cannot be read: {str(error)[:200]}") from error
    return image


def image_size(path: str) -> tuple[int, int]:
    """Width and height of an image file in pixels, from its header.

    Raises:
        InvalidArgument: Pillow cannot read it, or it has more than `MAX_PIXELS`.
        MissingDependency: Pillow is not installed.
    """
    module = _image_module("checking an image file")
    try:
        with module.open(path, formats=_READABLE) as image:
            width, height = image.size
    except (OSError, SyntaxError, ValueError, module.DecompressionBombError) as error:
        raise InvalidArgument(f"image={path!r} cannot be read: {str(error)[:200]}") from error
    return width, height
