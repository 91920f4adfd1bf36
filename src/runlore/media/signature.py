"""What a model takes and gives, inferred from an example; and the example itself, small enough to travel along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media._arrays import json_number, to_array
from runlore.media._content import dump_json
from runlore.media._libraries import is_tensor, library_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EXAMPLE_ROWS = 5
MAX_EXAMPLE_BYTES = 64 << 10


def infer_schema(value: Any) -> dict[str, Any]:
    """Names, types and shapes of one input or output. The first axis of an array counts samples: its length is null.

    Raises:
        WrongType: nothing that a model takes.

    Example:
        >>> import numpy as np
        >>> infer_schema(np.zeros((10, 4), dtype="float32"))
        {'type': 'array', 'dtype': 'float32', 'shape': [None, 4]}
    """
    if library_of(value) in ("pandas", "polars") and hasattr(value, "columns"):
        dtypes = list(value.dtypes)
        columns = [{"name": str(name), "dtype": str(dtype)} for name, dtype in zip(value.columns, dtypes, strict=True)]
        return {"type": "dataframe", "columns": columns}
    if library_of(value) in ("pandas", "polars") and hasattr(value, "name"):
        name = None if value.name is None else str(value.name)
        return {"type": "series", "name": name, "dtype": str(value.dtype)}
    if isinstance(value, dict):
        return {"type": "mapping", "fields": {str(name): infer_schema(item) for name, item in value.items()}}
    if isinstance(value, str):
        return {"type": "text"}
    if isinstance(value, tuple) and value and all(hasattr(item, "shape") for item in value):
        return {"type": "tuple", "items": [infer_schema(item) for item in value]}
    if is_tensor(value):
        return {"type": "tensor", "dtype": str(value.dtype).removeprefix("torch."), "shape": _shape(value.shape)}
    if library_of(value) == "scipy" and hasattr(value, "tocsr"):
        return {"type": "sparse", "dtype": str(value.dtype), "shape": _shape(value.shape)}
    array = to_array(value, "example")
    return {"type": "array", "dtype": str(array.dtype), "shape": _shape(array.shape)}


def _shape(shape: tuple[int, ...]) -> list[int | None]:
    return [None, *(int(length) for length in shape[1:])] if len(shape) else []


def check_signature(signature: Any) -> dict[str, Any]:
    """A signature that the user gives: a JSON-able mapping with `inputs`, and `outputs` if wanted.

    Raises:
        WrongType: not a mapping, or not JSON-able.
        InvalidArgument: other keys.
    """
    if not isinstance(signature, dict):
        raise WrongType(f"signature must be a mapping with 'inputs' and 'outputs', not {type(signature).__name__}")
    if "inputs" not in signature or set(signature) - {"inputs", "outputs"}:
        raise InvalidArgument(
            f"signature has the keys {sorted(map(str, signature))}; it must have 'inputs', and may have 'outputs'"
        )
    try:
        dump_json(signature)
    except (TypeError, ValueError) as error:
        raise WrongType(f"signature must be JSON-able: {error}") from error
    return dict(signature)


def encode_example(example: Any) -> dict[str, Any] | None:
    """The first rows of an example as JSON, or None when it has no such form or a row is too large.

    At most `MAX_EXAMPLE_ROWS` rows and `MAX_EXAMPLE_BYTES` bytes. Dates become text.
    """
    schema = infer_schema(example)
    if schema["type"] not in ("dataframe", "array", "tensor"):
        return None
    if not schema.get("shape", True):
        return None
    head: Any = (example if hasattr(example, "shape") else list(example))[:MAX_EXAMPLE_ROWS]
    if schema["type"] == "dataframe":
        rows = [
            [_cell(cell) for cell in row]
            for row in (head.rows() if hasattr(head, "rows") else head.itertuples(index=False))
        ]
        stored = {"type": "dataframe", "columns": schema["columns"], "rows": rows}
    else:
        array = to_array(head, "example")
        stored = {
            "type": "array",
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "values": _nested(array.tolist()),
        }
    return stored if len(dump_json(stored)) <= MAX_EXAMPLE_BYTES else None


def _nested(value: Any) -> Any:
    return [_nested(item) for item in value] if isinstance(value, list) else _cell(value)


def _cell(value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    if isinstance(plain, float):
        return json_number(plain)
    return plain if isinstance(plain, (str, int, bool, type(None))) else str(plain)


def decode_example(metadata: Mapping[str, Any]) -> Any:
    """The example of a stored model: a pandas DataFrame or an array; None when there is none.

    Args:
        metadata: the model's metadata.

    Raises:
        InvalidArgument: the metadata is damaged.

    Example:
        >>> import numpy as np
        >>> decode_example({"example": encode_example(np.array([[1.0, 2.0]]))})
        array([[1., 2.]])
    """
    import numpy as np
    import pandas as pd

    example = metadata.get("example")
    if example is None:
        return None
    try:
        if example["type"] == "array":
            return np.asarray(example["values"]).astype(np.dtype(example["dtype"])).reshape(example["shape"])
        names = [column["name"] for column in example["columns"]]
        frame = pd.DataFrame(example["rows"], columns=names)
        return frame.astype({column["name"]: column["dtype"] for column in example["columns"]})
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgument(f"the stored example is damaged: {error!r}") from error
