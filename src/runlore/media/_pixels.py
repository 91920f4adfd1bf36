"""Arrays of pixels: which axis is which, and which values are black and white.

The rule for shapes, the same for images and for the frames of a video: a last axis of 1, 3 or 4 is the channels
(channels-last, as in Matplotlib and TensorFlow); else a first axis of 1, 3 or 4 is (channels-first, as in PyTorch).
When both fit, channels-last wins.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CHANNELS = (1, 3, 4)
MAX_PIXELS = 178_956_970
"""Pixels in one image, on writing and on reading: twice Pillow's own warning level."""


def to_uint8(array: npt.NDArray[Any], argument: str) -> npt.NDArray[np.uint8]:
    """Brightness 0..255. Booleans are black and white, floats run from 0 to 1, integers from 0 to 255.

    A float outside is taken where it is so by less than the rounding: half of one of the 256 levels.

    Raises:
        InvalidArgument: a value outside, or NaN.
        WrongType: values that are no brightness.
    """
    import numpy as np

    if array.dtype == np.uint8:
        exact: npt.NDArray[np.uint8] = array
        return exact
    if array.dtype.kind == "b":
        lit: npt.NDArray[np.uint8] = np.where(array, 255, 0).astype(np.uint8)
        return lit
    if array.dtype.kind not in "iuf":
        raise WrongType(
            f"{argument} holds {array.dtype}; pixels are bool, uint8, other integers 0..255, or floats 0..1"
        )
    if not array.size:
        return array.astype(np.uint8)
    whole = array if array.dtype.kind != "f" else np.rint(array.astype(np.float64) * 255.0)
    if not (whole.min() >= 0 and whole.max() <= 255):  # NaN is neither
        low, high, top = float(array.min()), float(array.max()), 1.0 if array.dtype.kind == "f" else 255.0
        advice = "divide by 255, or use astype('uint8')" if top == 1.0 and low >= 0 else "scale it"
        if array.dtype == np.uint16 and array.ndim == 2:
            advice = "scale it, or pass PIL.Image.fromarray(array), which is kept with 16 bits"
        raise InvalidArgument(
            f"{argument} has values from {low:g} to {high:g}; {array.dtype} pixels run from 0 to {top:g}: {advice}"
        )
    return whole.astype(np.uint8)


def channels_last(array: npt.NDArray[Any], argument: str) -> npt.NDArray[Any]:
    """The last three axes as height, width, channels; see the rule above.

    Raises:
        InvalidArgument: neither the last nor the third axis from the end is 1, 3 or 4 long.
    """
    import numpy as np

    if array.shape[-1] in CHANNELS:
        return array
    if array.shape[-3] in CHANNELS:
        return np.moveaxis(array, -3, -1)
    raise InvalidArgument(
        f"{argument} has shape {array.shape}: no axis of 1, 3 or 4 channels is where it should be, last or third from "
        "the end. Several grey images are (images, height, width, 1)"
    )


def to_image(
    array: npt.NDArray[Any], argument: str = "image", masked: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.uint8]:
    """One image, `(height, width)` grey, or `(height, width, channels)` with 2 (grey, alpha), 3 or 4 channels.

    Args:
        array: `(H, W)`, `(H, W, C)`, `(C, H, W)`, or, for a grid, `(N, C, H, W)` or `(N, H, W, C)`; C is 1, 3 or 4.
        argument: its name, for messages.
        masked: of the same shape: which values are masked. A pixel of which one is is transparent.

    Raises:
        InvalidArgument: another shape, no pixels, too many, or values out of range.
        WrongType: values that are no brightness.
    """
    import numpy as np

    if array.ndim not in (2, 3, 4):
        raise InvalidArgument(
            f"{argument} has shape {array.shape}; (H, W), (H, W, C), (C, H, W), "
            "(N, C, H, W) or (N, H, W, C) can be stored"
        )
    if not array.size or array.size > MAX_PIXELS * 4:
        raise InvalidArgument(
            f"{argument} has shape {array.shape}, that is {array.size:,} values; 1 to {MAX_PIXELS * 4:,} fit"
        )
    if masked is not None:
        array = np.where(masked, array.dtype.type(0), array)  # what is masked may hold anything
    pixels = to_uint8(array, argument)
    pixels = pixels[:, :, np.newaxis] if pixels.ndim == 2 else channels_last(pixels, argument)
    if masked is not None:
        masked = masked[:, :, np.newaxis] if masked.ndim == 2 else channels_last(masked, argument)
        pixels = _transparent(pixels, np.asarray(masked.any(axis=-1)))
    if pixels.ndim == 4:
        pixels = _grid(pixels)
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def _transparent(pixels: npt.NDArray[np.uint8], hidden: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The same with an alpha channel, which is 0 where pixels are hidden."""
    import numpy as np

    if pixels.shape[-1] != 4:
        opaque = np.full((*pixels.shape[:-1], 1), 255, dtype=np.uint8)
        pixels = np.concatenate([pixels, opaque], axis=-1)
    pixels = pixels.copy()
    pixels[hidden] = 0
    return pixels


def _grid(images: npt.NDArray[np.uint8], gap_pixels: int = 2) -> npt.NDArray[np.uint8]:
    """`(N, H, W, C)` as one image: as square a grid as possible, filled row by row, on black."""
    import numpy as np

    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    shape = (rows * (height + gap_pixels) - gap_pixels, columns * (width + gap_pixels) - gap_pixels, channels)
    grid = np.zeros(shape, dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap_pixels), index % columns * (width + gap_pixels)
        grid[top : top + height, left : left + width] = image
    return grid


def to_frames(array: npt.NDArray[Any], argument: str = "video") -> npt.NDArray[np.uint8]:
    """Frames of a video as `(frames, height, width, 3)`.

    Raises:
        InvalidArgument: not `(T, H, W, C)` or `(T, C, H, W)`, no pixels, or values out of range.
        WrongType: values that are no brightness.
    """
    import numpy as np

    if array.ndim != 4 or not array.size:
        raise InvalidArgument(f"{argument} has shape {array.shape}; (T, H, W, C) or (T, C, H, W) can be stored")
    pixels = channels_last(to_uint8(array, argument), argument)
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels[:, :, :, :3]
