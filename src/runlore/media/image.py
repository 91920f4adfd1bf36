"""Images."""

from __future__ import annotations

import os
from typing import Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media import _pillow
from runlore.media._arrays import masked_values, to_array, type_name
from runlore.media._content import Content, fs_path
from runlore.media._libraries import is_tensor
from runlore.media._pixels import MAX_PIXELS, to_image
from runlore.media.annotations import check_boxes, check_masks
from runlore.media.encoded import IMAGE, Encoded

_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (0, b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (0, b"GIF8", "image/gif", ".gif"),
    (8, b"WEBP", "image/webp", ".webp"),
    (0, b"BM", "image/bmp", ".bmp"),
    (0, b"II*\0", "image/tiff", ".tiff"),
    (0, b"MM\0*", "image/tiff", ".tiff"),
)
SVG_MEDIA_TYPE = "image/svg+xml"


def encode_image(image: Any, *, boxes: Any = None, masks: Any = None, caption: str | None = None) -> Encoded:
    """An image. Files are kept byte by byte; arrays and Pillow images become PNG, which loses nothing.

    Arrays may be grey `(H, W)`, `(H, W, C)`, `(C, H, W)` or a batch `(N, C, H, W)`, `(N, H, W, C)`, which is laid out
    as a grid; C is 1, 3 or 4. Where both the last and the third axis from the end could be the channels, the last one
    is. Values are uint8 or other integers 0..255, floats 0..1, or booleans; nothing is rescaled silently. Masked pixels
    are transparent.

    A Pillow image is stored as Pillow shows it, whatever its mode; pixels that it could only show clipped are refused.
    Of a file, width and height are those of the picture as viewers show it, turned as its EXIF orientation says.

    Args:
        image: a path, a Pillow image, an array or a tensor.
        boxes: see `runlore.media.annotations.check_boxes`.
        masks: see `runlore.media.annotations.check_masks`.
        caption: a text for the image.

    Raises:
        WrongType: nothing that is an image.
        InvalidArgument: a file that is no image, a shape that fits no rule, values out of range, bad boxes or masks.
        MissingDependency: Pillow is not installed.

    Example:
        >>> import numpy as np
        >>> encode_image(np.zeros((3, 8, 6)), caption="black").metadata
        {'width': 6, 'height': 8, 'caption': 'black'}
    """
    if caption is not None and not isinstance(caption, str):
        raise WrongType(f"caption={caption!r} must be a string, not {type(caption).__name__}")
    if isinstance(image, (str, os.PathLike)):
        encoded, width, height = _from_file(fs_path(image, "image"))
    else:
        encoded, width, height = _from_pixels(image)
    if width is not None:
        encoded.metadata.update(width=width, height=height)
    if caption is not None:
        encoded.metadata["caption"] = caption
    if boxes is not None:
        encoded.metadata["boxes"] = check_boxes(boxes, width, height)
    if masks is not None:
        encoded.metadata["masks"] = check_masks(masks, width, height)
    return encoded


def _from_pixels(image: Any) -> tuple[Encoded, int, int]:
    if _pillow.is_image(image):
        width, height = image.size
        if not 0 < width * height <= MAX_PIXELS:
            raise InvalidArgument(f"image has {width} x {height} pixels; 1 to {MAX_PIXELS:,} can be stored")
        data = _pillow.image_to_png(image)
    elif is_tensor(image) or hasattr(image, "__array__") or isinstance(image, (list, tuple)):
        masked = masked_values(image)
        pixels = to_image(to_array(image if masked is None else image.data, "image"), masked=masked)
        height, width = pixels.shape[:2]
        data = _pillow.array_to_png(pixels)
    else:
        raise WrongType(
            f"image is a {type_name(image)}; a path, a Pillow image or an array can be stored. "
            "For figures of Matplotlib or Plotly use log_figure"
        )
    return Encoded(data=data, media_type="image/png", suffix=".png", kind=IMAGE), width, height


def _from_file(path: str) -> tuple[Encoded, int | None, int | None]:
    with open(path, "rb") as file:
        head = file.read(1024)
    for at, signature, media_type, suffix in _SIGNATURES:
        if head[at : at + len(signature)] == signature:
            width, height = _pillow.image_size(path)
            return Encoded(path=path, media_type=media_type, suffix=suffix, kind=IMAGE), width, height
    if b"<svg" in head:
        return Encoded(path=path, media_type=SVG_MEDIA_TYPE, suffix=".svg", kind=IMAGE), None, None
    raise InvalidArgument(
        f"image={path!r} starts with {head[:8]!r}, as no PNG, JPEG, GIF, WebP, BMP, TIFF or SVG does; "
        "use log_artifact for other files"
    )


def decode_image(content: Content, media_type: str, *, as_array: bool = False) -> Any:
    """A stored image as a Pillow image, or as an array with `as_array=True`; an SVG as its text.

    Raises:
        InvalidArgument: a damaged image, one of too many pixels, or an array of an SVG.
        MissingDependency: Pillow is not installed.
    """
    if media_type == SVG_MEDIA_TYPE:
        from runlore.media.text import decode_text

        if as_array:
            raise InvalidArgument("an SVG image has no pixels; leave out as_array=True to get its text")
        return decode_text(content)
    image = _pillow.open_image(content)
    if not as_array:
        return image
    import numpy as np

    return np.asarray(image.convert("RGBA") if image.mode == "P" else image)
