"""From whatever a user holds to NumPy arrays, and from arrays to strict JSON."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media._libraries import is_tensor
from runlore.media._torch import tensor_to_array

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def type_name(value: object) -> str:
    """The full name of a value's type, for messages.

    Example:
        >>> type_name(1.5)
        'builtins.float'
    """
    return f"{type(value).__module__}.{type(value).__qualname__}"


def to_array(value: Any, argument: str) -> npt.NDArray[Any]:
    """The value as an array of numbers, strings or dates; never of objects.

    Tensors are detached and brought to the CPU. A view where possible: callers do not write to it.

    Raises:
        InvalidArgument: nested lists of unequal length, values of mixed types, or masked values.
        WrongType: nothing that NumPy can read.
    """
    import numpy as np

    if is_tensor(value):
        return tensor_to_array(value)
    if value is None or isinstance(value, (str, bytes, dict, set)):
        raise WrongType(
            f"{argument}={str(value)[:60]!r} must be an array or a list of numbers, not {type(value).__name__}"
        )
    if hasattr(value, "__next__"):
        value = list(value)
    if masked_values(value) is not None:
        raise InvalidArgument(
            f"{argument} has masked values, for which there is no place here; give them a value with .filled(…), or "
            "leave them out with .compressed()"
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"{argument} cannot be made an array: {error}") from error
    if array.dtype.kind == "O":
        array = _from_objects(array, argument)
    return array


def masked_values(value: Any) -> npt.NDArray[np.bool_] | None:
    """Which elements of a masked array of NumPy are masked; None where none is, or it is no such array."""
    module = sys.modules.get("numpy.ma")
    if module is None or not isinstance(value, module.MaskedArray):
        return None
    masked: npt.NDArray[np.bool_] = module.getmaskarray(value)
    return masked if masked.any() else None


def masked_as_nan(value: Any) -> Any:
    """The value; a masked array of numbers as floats, with NaN where it is masked."""
    import numpy as np

    if masked_values(value) is None or value.dtype.kind not in "biuf":
        return value
    return value.astype(np.float64).filled(np.nan)


def _from_objects(array: npt.NDArray[Any], argument: str) -> npt.NDArray[Any]:
    """Columns of strings and nullable numbers come as objects; give them their real type."""
    import numpy as np

    items = array.ravel().tolist()
    if all(isinstance(item, str) for item in items):
        return np.asarray(items, dtype=np.str_).reshape(array.shape)
    if all(isinstance(item, (int, float)) or item is None for item in items):
        floats = [np.nan if item is None else float(item) for item in items]
        return np.asarray(floats, dtype=np.float64).reshape(array.shape)
    found = sorted({type(item).__name__ for item in items})
    raise InvalidArgument(f"{argument} holds values of types {found}; give numbers of one type, in equally long rows")


def to_floats(value: Any, argument: str) -> npt.NDArray[np.float64]:
    """One-dimensional float64 values; masked ones are NaN.

    Raises:
        WrongType: the values are not real numbers.
        InvalidArgument: more than one dimension.
    """
    import numpy as np

    array = to_array(masked_as_nan(value), argument)
    if array.dtype.kind not in "biuf":
        raise WrongType(f"{argument} must hold real numbers, not {array.dtype}")
    if array.ndim != 1:
        raise InvalidArgument(f"{argument} has shape {array.shape}; it must have one dimension")
    return array.astype(np.float64)


def json_number(value: Any) -> float | int | str:
    """A number as strict JSON: NaN and infinities become the strings `NaN`, `Infinity`, `-Infinity`.

    Example:
        >>> json_number(0.5), json_number(float("-inf"))
        (0.5, '-Infinity')
    """
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def json_numbers(array: npt.NDArray[Any]) -> list[float | int | str]:
    """A one-dimensional float array as strict JSON; see `json_number`."""
    import numpy as np

    values: list[Any] = array.tolist()
    if np.isfinite(array).all():
        return values
    return [json_number(value) for value in values]


def floats_from_json(values: Any, what: str) -> npt.NDArray[np.float64]:
    """The reverse of `json_numbers`.

    Raises:
        InvalidArgument: not a list of numbers.
    """
    import numpy as np

    if not isinstance(values, list):
        raise InvalidArgument(f"{what} must be a list of numbers, not {type(values).__name__}")
    try:
        return np.asarray([float(value) for value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{what} holds something that is not a number: {error}") from error


def json_label(value: Any) -> str | int | float | bool:
    """A class label as JSON: text stays text, numbers stay numbers, anything else becomes its text."""
    item = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(item, float):
        return json_number(item)
    return item if isinstance(item, (str, int)) else str(item)
