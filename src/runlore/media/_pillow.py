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
_CONVERTED = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
"""Modes with alpha in another form. All others become RGB."""
_OTHER_COLOURS = frozenset({"CMYK", "HSV", "LAB", "YCbCr"})
_ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held."""


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
    """A Pillow image as PNG, which shows the same: pixel for pixel, or as Pillow converts it to RGB.

    Raises:
        InvalidArgument: it has pixels that could only be clipped or blackened.
    """
    out = io.BytesIO()
    _for_png(image).save(out, format="PNG")
    return out.getvalue()


def _for_png(image: Any) -> Any:
    """The image in a mode that PNG has."""
    if image.mode in _PNG_MODES:
        return image
    if image.mode.startswith("I;16"):
        return _wide(image)
    if image.mode in ("I", "F"):
        return _narrow(image)
    converted = image.convert(_CONVERTED.get(image.mode, "RGB"))
    if image.mode in _OTHER_COLOURS:
        converted.info.pop("icc_profile", None)  # it describes the colours that were converted
    return converted


def _wide(image: Any) -> Any:
    """16-bit grey of another byte order."""
    import numpy as np

    return _image_module("storing an image as PNG").fromarray(np.asarray(image.convert("I")).astype(np.uint16))


def _narrow(image: Any) -> Any:
    """Grey of 32 bits, of which Pillow shows 0..255."""
    import numpy as np

    pixels = np.asarray(image)
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 255):
        raise InvalidArgument(
            f"image has the mode {image.mode!r} and values from {low:g} to {high:g}; 0 to 255 can be shown in it. "
            "Scale it, or make it 16-bit grey with PIL.Image.fromarray(array.astype('uint16'))"
        )
    if image.mode == "F" and 0 < high <= 1:
        raise InvalidArgument(
            f"image has the mode 'F' and values up to {high:g}, which would be black: it runs from 0 to 255. Pass "
            "numpy.asarray(image) where 1 is white"
        )
    return image.convert("L")


def array_to_png(array: npt.NDArray[Any]) -> bytes:
    """`(H, W)` or `(H, W, 2, 3 or 4)` uint8, or `(H, W)` uint16, as PNG."""
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
        image = _turned(image)
    except (OSError, SyntaxError, ValueError, module.DecompressionBombError) as error:
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument(f"the image cannot be read: {str(error)[:200]}") from error
    return image


def _turned(image: Any) -> Any:
    """The image as viewers show it: turned as its EXIF orientation says."""
    if image.getexif().get(_ORIENTATION, 1) == 1:
        return image
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def image_size(path: str) -> tuple[int, int]:
    """Width and height of an image file in pixels as viewers show it, from its header.

    Raises:
        InvalidArgument: Pillow cannot read it, or it has more than `MAX_PIXELS`.
        MissingDependency: Pillow is not installed.
    """
    module = _image_module("checking an image file")
    try:
        with module.open(path, formats=_READABLE) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION) in (5, 6, 7, 8) and image.format != "TIFF":  # Pillow turns that itself
                width, height = height, width
    except (OSError, SyntaxError, ValueError, module.DecompressionBombError) as error:
        raise InvalidArgument(f"image={path!r} cannot be read: {str(error)[:200]}") from error
    return width, height
