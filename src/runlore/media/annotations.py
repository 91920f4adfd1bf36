"""Boxes and masks over an image: kept beside it as data, never burnt into its pixels."""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media import _pillow
from runlore.media._arrays import is_tensor, to_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

MAX_BOXES = 10_000
MAX_MASK_BYTES = 1 << 20
"""All masks of an image together, compressed: they travel with the event. Larger ones are images of their own."""

_CORNERS = ("x_min", "y_min", "x_max", "y_max")
_BOX_KEYS = frozenset({"box", "label", "score"})


def check_boxes(boxes: Any, width: int | None, height: int | None) -> list[dict[str, Any]]:
    """Validated boxes as JSON: `x_min`, `y_min`, `x_max`, `y_max` in pixels, and `label` and `score` where given.

    Args:
        boxes: a list of `(x_min, y_min, x_max, y_max)`, an `(N, 4)` array of such, or a list of mappings with `box`
            and, if wanted, `label` (text or number) and `score` (a number).
        width: of the image in pixels, or None when it is not known.
        height: likewise.

    Raises:
        WrongType: a box that is none of these.
        InvalidArgument: a box with its corners the wrong way round, outside the image or not finite.

    Example:
        >>> check_boxes([{"box": (1, 2, 3, 4), "label": "cat"}], 10, 10)
        [{'x_min': 1.0, 'y_min': 2.0, 'x_max': 3.0, 'y_max': 4.0, 'label': 'cat'}]
    """
    if is_tensor(boxes) or hasattr(boxes, "tolist"):
        boxes = to_array(boxes, "boxes").tolist()
    if not isinstance(boxes, (list, tuple)):
        raise WrongType(f"boxes must be a list or an (N, 4) array, not {type(boxes).__name__}")
    if len(boxes) > MAX_BOXES:
        raise InvalidArgument(f"boxes has {len(boxes):,} elements; at most {MAX_BOXES:,} can be stored with an image")
    return [_check_box(box, f"boxes[{index}]", width, height) for index, box in enumerate(boxes)]


def _check_box(box: Any, argument: str, width: int | None, height: int | None) -> dict[str, Any]:
    given: Mapping[str, Any] = box if isinstance(box, dict) else {"box": box}
    unknown = set(given) - _BOX_KEYS
    if unknown or "box" not in given:
        raise InvalidArgument(
            f"{argument} has the keys {sorted(map(str, given))}; it must have 'box', and may have 'label', 'score'"
        )
    corners = to_array(given["box"], argument)
    if corners.shape != (4,) or corners.dtype.kind not in "iuf":
        raise WrongType(f"{argument} has the box {given['box']!r}; it must be four numbers: x_min, y_min, x_max, y_max")
    x_min, y_min, x_max, y_max = checked = [float(corner) for corner in corners]
    if not all(map(math.isfinite, checked)) or x_min > x_max or y_min > y_max:
        raise InvalidArgument(f"{argument}={checked} must be finite, with x_min <= x_max and y_min <= y_max, in pixels")
    if x_min < 0 or y_min < 0 or (width is not None and x_max > width) or (height is not None and y_max > height):
        raise InvalidArgument(f"{argument}={checked} reaches out of the image, which is {width} x {height} pixels")
    result: dict[str, Any] = dict(zip(_CORNERS, checked, strict=True))
    if given.get("label") is not None:
        if not isinstance(given["label"], (str, int)):
            raise WrongType(f"{argument} has the label {given['label']!r}; it must be text or a whole number")
        result["label"] = given["label"]
    if given.get("score") is not None:
        score = float(given["score"])
        if not math.isfinite(score):
            raise InvalidArgument(f"{argument} has the score {score}; it must be finite")
        result["score"] = score
    return result


def check_masks(masks: Any, width: int | None, height: int | None) -> list[dict[str, Any]]:
    """Validated masks as JSON: `name`, `labels`, and the class of each pixel as a grey PNG in base64 (`png`).

    Args:
        masks: a mapping of names to masks. A mask is an `(H, W)` array of class numbers 0..65535 or of booleans, or a
            mapping with `mask` and `labels`, a mapping of class numbers to texts.
        width: of the image in pixels, or None when it is not known.
        height: likewise.

    Raises:
        WrongType: a mask that is none of these.
        InvalidArgument: a mask of another size than the image, or all of them together too large.
    """
    if not isinstance(masks, dict):
        raise WrongType(f"masks must be a mapping of names to arrays, not {type(masks).__name__}")
    stored = [_check_mask(name, mask, width, height) for name, mask in masks.items()]
    size = sum(len(mask["png"]) for mask in stored)
    if size > MAX_MASK_BYTES:
        raise InvalidArgument(
            f"masks take {size:,} bytes compressed, more than {MAX_MASK_BYTES:,}; store them as images of their own"
        )
    return stored


def _check_mask(name: Any, mask: Any, width: int | None, height: int | None) -> dict[str, Any]:
    import numpy as np

    if not isinstance(name, str):
        raise WrongType(f"masks has the name {name!r}; it must be a string")
    labels = mask.get("labels", {}) if isinstance(mask, dict) else {}
    values = mask.get("mask") if isinstance(mask, dict) else mask
    array = to_array(values, f"masks[{name!r}]")
    if array.ndim != 2 or array.dtype.kind not in "biu" or not array.size:
        raise WrongType(
            f"masks[{name!r}] has shape {array.shape} and type {array.dtype}; it must be (H, W) of integers or bool"
        )
    if width is not None and array.shape != (height, width):
        raise InvalidArgument(
            f"masks[{name!r}] has shape {array.shape} and the image ({height}, {width}); they must be equal"
        )
    if int(array.min()) < 0 or int(array.max()) > 65535:
        raise InvalidArgument(
            f"masks[{name!r}] has classes from {array.min()} to {array.max()}; 0 to 65535 can be stored"
        )
    narrow = array.astype(np.uint8 if int(array.max()) < 256 else np.uint16)
    return {
        "name": name,
        "labels": {str(int(number)): str(text) for number, text in labels.items()},
        "png": base64.b64encode(_pillow.array_to_png(narrow)).decode("ascii"),
    }


def decode_masks(metadata: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """The masks of a stored image, by name: `(H, W)` arrays of class numbers.

    Args:
        metadata: the image's metadata.

    Raises:
        InvalidArgument: the metadata is damaged.
    """
    import numpy as np

    try:
        pngs = {str(mask["name"]): base64.b64decode(mask["png"], validate=True) for mask in metadata.get("masks", [])}
    except (KeyError, TypeError, binascii.Error) as error:
        raise InvalidArgument(f"a stored mask is damaged: {error!r}") from error
    return {name: np.asarray(_pillow.open_image(png)) for name, png in pngs.items()}
