"""Boxes and masks over an image: kept beside it as data, never burnt into its pixels."""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media import _pillow
from runlore.media._arrays import to_array
from runlore.media._libraries import is_tensor

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
            and, if wanted, `label` (text or a whole number) and `score` (a number). A corner less than a pixel outside
            the image is on its edge.
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
    edges = (width, height, width, height)
    placed = [_within(corner, edge) for corner, edge in zip(checked, edges, strict=True)]
    if None in placed:
        raise InvalidArgument(f"{argument}={checked} reaches out of the image, which is {width} x {height} pixels")
    result: dict[str, Any] = dict(zip(_CORNERS, placed, strict=True))
    if given.get("label") is not None:
        result["label"] = _check_label(given["label"], argument)
    if given.get("score") is not None:
        result["score"] = _check_score(given["score"], argument)
    return result


def _within(corner: float, edge: int | None) -> float | None:
    """The corner; on the edge, if it is less than a pixel outside; None, if it is farther."""
    if corner <= -1 or (edge is not None and corner >= edge + 1):
        return None
    return max(corner, 0.0) if edge is None else min(max(corner, 0.0), float(edge))


def _check_label(label: Any, argument: str) -> str | int:
    """Text, or a whole number: an int, one of NumPy's or torch's, a float such as 3.0."""
    item = label.item() if hasattr(label, "item") and getattr(label, "ndim", 1) == 0 else label
    if isinstance(item, str):
        return str(item)
    if isinstance(item, (int, float)) and math.isfinite(item) and item == int(item):
        return int(item)
    raise WrongType(f"{argument} has the label {label!r}; it must be text or a whole number")


def _check_score(score: Any, argument: str) -> float:
    try:
        number = float(score)
    except (TypeError, ValueError) as error:
        raise WrongType(f"{argument} has the score {score!r}; it must be a number") from error
    if not math.isfinite(number):
        raise InvalidArgument(f"{argument} has the score {number}; it must be finite")
    return number


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
    array = _whole(to_array(values, f"masks[{name!r}]"))
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
        "labels": _check_labels(labels, name),
        "png": base64.b64encode(_pillow.array_to_png(narrow)).decode("ascii"),
    }


def _whole(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Floats that are all whole numbers as integers; anything else as it is."""
    import numpy as np

    if array.dtype.kind != "f" or not array.size or not np.isfinite(array).all() or (array != np.rint(array)).any():
        return array
    return array.astype(np.int64) if np.abs(array.astype(np.float64)).max() < 1 << 53 else array


def _check_labels(labels: Any, name: str) -> dict[str, str]:
    try:
        return {str(int(number)): str(text) for number, text in labels.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise WrongType(
            f"masks[{name!r}] has the labels {labels!r}; they must be a mapping of class numbers to texts"
        ) from error


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
