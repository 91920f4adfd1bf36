"""Single values that JSON has no word for, as numbers, texts and lists: dates, paths, arrays, functions, types.

Everything here comes back as itself, or as a text that says all of it: nothing is rounded and nothing cut.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DIGITS = 4300
"""Digits of an integer: as many as Python reads by default."""

TOO_LARGE = 10**MAX_DIGITS
_TYPE_WORDS = frozenset({"device", "layout", "memory_format"})
_ARRAY_LIBRARIES = frozenset(
    {"cupy", "jax", "jaxlib", "ml_dtypes", "mlx", "numpy", "pandas", "polars", "pyarrow", "tensorflow", "torch"}
)
_TEXT_LIBRARIES = frozenset({"ipaddress", "pandas", "polars", "pydantic", "pydantic_core", "uuid", "yarl"})


class Unstorable(Exception):
    """A value that has no form in JSON, and why.

    Attributes:
        is_value: its type has one; it is this value that has none.
    """

    def __init__(self, message: str, *, is_value: bool = False) -> None:
        super().__init__(message)
        self.is_value = is_value


def is_instance(value: object, module: str, name: str) -> bool:
    """Whether the value is one of a class that its module has, if that was imported. Imports nothing."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def shown(value: object) -> str:
    """The value as messages show it: its `repr`, cut to a line; its type, where that is long or impossible to make."""
    if isinstance(value, (str, bytes, list, tuple, dict, set)) and len(value) > 1000:
        value = value[:100] if isinstance(value, (str, bytes)) else type(value)
    if type(value) is str:  # no code of the user's: what is raised here is an alarm of the program's, and goes through
        text = repr(value)
        return text if len(text) <= 80 else f"{text[:77]}..."
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - an error is being said, in which this one has its place
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    return text if len(text) <= 80 else f"{text[:77]}..."


def leaf(value: Any) -> Any:
    """A number, a text, None, or a list of further values.

    Raises:
        Unstorable: it has no such form.
    """
    if value is None or isinstance(value, (int, float, str)):
        return _exact(value)
    for convert in (_enum, _array, _moment, _number, _text, _name):
        found = convert(value)
        if found is not _UNKNOWN:
            return found
    raise Unstorable(
        f"a value of type {type(value).__name__} has no form in JSON; give numbers, text, lists and mappings, or log "
        "it as an artifact"
    )


_UNKNOWN = object()


def _exact(value: Any) -> Any:
    """What is a number or text already, without its subclass."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value)
    if value is None or isinstance(value, bool):
        return value
    if not -TOO_LARGE < value < TOO_LARGE:
        raise Unstorable(
            f"an integer of more than {MAX_DIGITS:,} digits, which readers would not take; give it as text, for "
            "example hex(…)",
            is_value=True,
        )
    return int(value)


def _enum(value: Any) -> Any:
    """A member of an enum by its value where that is a number or text, else by its name."""
    if not is_instance(value, "enum", "Enum"):
        return _UNKNOWN
    inner = value.value
    return _exact(inner) if isinstance(inner, (int, float, str)) else str(value.name)


def _array(value: Any) -> Any:
    """Arrays and scalars of NumPy, pandas, torch and their like."""
    kind = type(value)
    if isinstance(value, (memoryview, type)):
        return _UNKNOWN
    dtype = getattr(getattr(value, "dtype", None), "kind", "")
    try:
        if dtype == "M":
            return value.astype(str).tolist()
        if dtype == "m":
            return (value / sys.modules["numpy"].timedelta64(1, "s")).tolist()
        for name in ("tolist", "item", "to_pylist", "as_py"):
            if callable(getattr(kind, name, None)):
                found = getattr(value, name)()
                return _wide(found) if type(found) is kind else found if isinstance(found, list) else leaf(found)
        return leaf(value.numpy()) if callable(getattr(kind, "numpy", None)) else _UNKNOWN
    except (TypeError, ValueError, RuntimeError) as error:
        raise Unstorable(f"a value of type {kind.__name__} cannot be read: {error}") from error


def _wide(value: Any) -> Any:
    """A float that is wider than float64: as one where it is exactly that, else its text."""
    number = float(value)
    return number if type(value)(number) == value or number != number else str(value)  # noqa: PLR0124 - NaN


def _moment(value: Any) -> Any:
    """Dates and times in ISO 8601; durations in seconds; zones by name."""
    if is_instance(value, "datetime", "timedelta"):
        return float(value.total_seconds())
    if callable(getattr(type(value), "isoformat", None)):
        return str(value.isoformat())
    return str(value) if is_instance(value, "datetime", "tzinfo") else _UNKNOWN


def _number(value: Any) -> Any:
    """Decimals and fractions as a float where that is exactly what they say, else as text; complex numbers as text."""
    if is_instance(value, "decimal", "Decimal"):
        number = float(value) if not value.is_snan() else float("nan")
        return number if number != number or type(value)(repr(number)) == value else str(value)  # noqa: PLR0124 - NaN
    if is_instance(value, "fractions", "Fraction"):
        return _fraction(value)
    if isinstance(value, complex):
        return str(value)
    return None if type(value).__name__ == "NAType" else _UNKNOWN


def _fraction(value: Any) -> float | str:
    try:
        number = float(value)
    except OverflowError:
        return str(value)
    return number if number == value else str(value)


def _text(value: Any) -> Any:
    """What is text by nature: paths, patterns, ids, addresses, ranges."""
    if hasattr(value, "__fspath__"):
        return os.fsdecode(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise Unstorable(
            "bytes, of which JSON has none; give value.decode() or value.hex(), or log them as an artifact"
        )
    if is_instance(value, "re", "Pattern"):
        return leaf(value.pattern)
    if isinstance(value, (range, slice)):
        return repr(value)
    return str(value) if _library_of(value) in _TEXT_LIBRARIES else _UNKNOWN


def _name(value: Any) -> Any:
    """Functions, classes and modules by their names; types of numbers; estimators as they write themselves."""
    kind = type(value)
    if isinstance(value, ModuleType):
        return value.__name__
    if is_instance(value, "functools", "partial"):
        given = [*map(_shown, value.args), *(f"{name}={_shown(item)}" for name, item in value.keywords.items())]
        return f"functools.partial({', '.join([_shown(value.func), *given])})"
    if kind.__module__ == "typing" or kind.__name__ in ("GenericAlias", "UnionType"):
        return repr(value)
    word = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if isinstance(value, type) or (callable(value) and isinstance(word, str)):
        module = getattr(value, "__module__", None) or kind.__module__
        return f"{word}" if module == "builtins" else f"{module}.{word}"
    if _library_of(value) in _ARRAY_LIBRARIES and ("type" in kind.__name__.lower() or kind.__name__ in _TYPE_WORDS):
        name = getattr(value, "name", None)
        return name if isinstance(name, str) else str(value)
    return _estimator(value) if _library_of(value) == "sklearn" else _UNKNOWN


def _estimator(value: Any) -> Any:
    """An estimator, a kernel, a splitter of scikit-learn, as it writes itself; where it cuts that, with all it has."""
    text = " ".join(repr(value).split())
    if "..." in text and is_instance(value, "sklearn.base", "BaseEstimator"):
        given = [f"{name}={_shown(item)}" for name, item in value.get_params(deep=False).items()]
        return f"{type(value).__name__}({', '.join(given)})"
    return _UNKNOWN if " at 0x" in text else text


def _library_of(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _shown(value: Any) -> str:
    """An argument within a text: as `leaf` has it, else as it shows itself."""
    if isinstance(value, (list, tuple)):
        marks = "[]" if isinstance(value, list) else "()"
        return f"{marks[0]}{', '.join(map(_shown, value))}{marks[1]}"
    try:
        found = leaf(value)
    except Unstorable:
        return repr(value)
    return found if callable(value) or _library_of(value) == "sklearn" else repr(found)
