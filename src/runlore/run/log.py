"""`Run.log`: values as they come, each recorded by the call that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, RunEnded, WrongType
from runlore.journal.leaves import shown
from runlore.journal.plain import MAX_NESTING, named
from runlore.names import check_path_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.media.encoded import Encoded
    from runlore.run.handle import Run

_TABLES = frozenset({"pandas", "polars", "pyarrow"})
_FIGURES = frozenset({"matplotlib", "plotly", "seaborn"})


def log(run: Run, values: Any, step: Any, time: Any) -> None:
    """See `Run.log`."""
    if run.ended:
        raise RunEnded("log() was called on a run that was finished; start or resume one")
    flat: dict[str, Any] = {}
    _flatten(values, "", flat, 0)
    encoders = {name: found for name, value in flat.items() if (found := _encoder(name, value)) is not None}
    for name in encoders:
        check_path_name(name, "name")
    encoded: dict[str, Encoded] = {}
    try:
        for name, encode in encoders.items():
            encoded[name] = encode(flat[name])
        numbers = {name: value for name, value in flat.items() if name not in encoders}
        if numbers:
            run.log_metrics(numbers, step=step, time=time)
        while encoded:
            name = next(iter(encoded))
            run.log_encoded(encoded.pop(name), name, step)
    finally:
        for left in encoded.values():
            left.discard()


def _flatten(values: Any, prefix: str, flat: dict[str, Any], depth: int) -> None:
    """Nested mappings as one level. A table is a value here, though it has keys."""
    if not isinstance(values, Mapping):
        raise WrongType(f"values={shown(values)} must be a mapping of names to values, not {type(values).__name__}")
    if depth > MAX_NESTING:
        raise InvalidArgument(f"values: {prefix[:80]!r} is nested deeper than {MAX_NESTING} levels")
    for text, _, value in named(list(values.items()), "values"):
        name = f"{prefix}{text}"
        if isinstance(value, Mapping):
            _flatten(value, f"{name}/", flat, depth + 1)
        elif name in flat:
            raise InvalidArgument(f"values: two of them would be {name!r}; rename one of them")
        else:
            flat[name] = value


def _encoder(name: str, value: Any) -> Callable[[Any], Encoded] | None:
    """What makes an artifact of the value; None: it is a number."""
    if isinstance(value, str):
        from runlore.media.text import encode_text

        return encode_text
    library = type(value).__module__.partition(".")[0]
    if library == "PIL":
        from runlore.media.image import encode_image

        return encode_image
    if library in _FIGURES or getattr(value, "__name__", "") == "matplotlib.pyplot":
        from runlore.media.figure import encode_figure

        return encode_figure
    if library in _TABLES and len(getattr(value, "shape", ())) == 2:
        from runlore.media.table import encode_table

        return encode_table
    if _is_number(value):
        return None
    raise WrongType(f"values[{name!r}]={shown(value)} is a {type(value).__name__}; {_advice(value)}")


def _advice(value: Any) -> str:
    """What to do with a value that could be several things, or is none that can be logged."""
    if value is None:
        return "leave out what has no value, or give float('nan')"
    if isinstance(value, (list, tuple)):
        return "give each item a name of its own; log_histogram takes many numbers as one, log_params settings"
    if hasattr(value, "shape"):
        return "log_image, log_histogram, log_table or log_audio says what it is"
    return "give numbers, texts, images, figures and tables; log_params takes settings, log_artifact files"


def _is_number(value: Any) -> bool:
    """Whether it is one number: what `log_metric` takes, which judges it."""
    if isinstance(value, (int, float)):
        return True
    shape = getattr(value, "shape", None)
    if shape is not None:
        return all(length == 1 for length in shape)
    return hasattr(value, "__float__") or hasattr(value, "item")
