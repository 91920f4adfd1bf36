"""Models with scikit-learn's interface as ONNX, checked against their own predictions before they are kept."""

from __future__ import annotations

from typing import Any

from runlore.errors import InvalidArgument
from runlore.media import _onnxruntime, _skl2onnx, _skops
from runlore.media._arrays import to_array, type_name
from runlore.media._libraries import library_of
from runlore.media.encoded import MODEL, Encoded

MEDIA_TYPE = "application/onnx"
RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 1e-4


def encode_onnx(
    model: Any, example: Any, *, relative_tolerance: float = RELATIVE_TOLERANCE,
    absolute_tolerance: float = ABSOLUTE_TOLERANCE,
) -> Encoded:  # fmt: skip
    """A model of scikit-learn, LightGBM or XGBoost as an ONNX graph that gives the same predictions for the example.

    Inputs of float64 become float32, as ONNX runtimes expect; the tolerance allows for that. A DataFrame of numbers is
    one input, another DataFrame one input a column. `load()` of the stored artifact gives an
    `onnxruntime.InferenceSession`.

    Args:
        model: a fitted estimator or pipeline.
        example: some rows that it accepts: an array or a DataFrame.
        relative_tolerance: how far a predicted number may be off, relative to the model's own.
        absolute_tolerance: and absolutely.

    Raises:
        WrongType: a model without an ONNX form.
        InvalidArgument: the graph gives something else than the model, or cannot be run. Nothing is to be stored.
        MissingDependency: skl2onnx, onnxmltools or onnxruntime is not installed (extra `onnx`).

    Example:
        >>> import numpy as np
        >>> from sklearn.linear_model import LinearRegression
        >>> fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
        >>> encode_onnx(fitted, np.array([[0.5]])).metadata["inputs"]
        [{'name': 'X', 'type': 'tensor(float)', 'shape': [None, 1]}]
    """
    if not _skops.is_estimator(model):
        raise InvalidArgument(f"model is a {type_name(model)}; only scikit-learn models can be converted to ONNX")
    given = _as_float32(example)
    content = _skl2onnx.convert(model, given)
    session = _onnxruntime.open_session(content)
    worst = _compare(model, session, example, given, relative_tolerance, absolute_tolerance)
    about = {
        "format": "onnx",
        "class": type_name(model),
        "inputs": [_describe(item) for item in session.get_inputs()],
        "outputs": [_describe(item) for item in session.get_outputs()],
        "checked_rows": len(given),
        "largest_difference": worst,
    }
    return Encoded(data=content, media_type=MEDIA_TYPE, suffix=".onnx", kind=MODEL, metadata=about)


def _describe(item: Any) -> dict[str, Any]:
    shape = [length if isinstance(length, int) else None for length in item.shape]
    return {"name": item.name, "type": item.type, "shape": shape}


def _as_float32(example: Any) -> Any:
    """A frame of numbers as one array, as its model takes it; a mixed one stays a frame, one input a column."""
    import numpy as np

    if library_of(example) == "pandas" and hasattr(example, "columns"):
        if all(getattr(dtype, "kind", "O") in "biuf" for dtype in example.dtypes):
            return example.to_numpy(dtype=np.float32)
        floats = [name for name, dtype in example.dtypes.items() if dtype == np.float64]
        return example.astype(dict.fromkeys(floats, np.float32))
    array = to_array(example, "example")
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _feed(session: Any, given: Any) -> dict[str, Any]:
    inputs = session.get_inputs()
    if not hasattr(given, "columns"):
        return {inputs[0].name: given}
    return {item.name: given[[name]].to_numpy() for item, name in zip(inputs, given.columns, strict=True)}


def _compare(
    model: Any, session: Any, example: Any, given: Any, relative_tolerance: float, absolute_tolerance: float
) -> float:
    """The largest difference between what both predict.

    Raises:
        InvalidArgument: it is larger than the tolerance.
    """
    import numpy as np

    answer = getattr(model, "predict", None) or getattr(model, "transform", None)
    if answer is None:
        raise InvalidArgument(f"model is a {type_name(model)}, which neither predicts nor transforms")
    expected = np.asarray(answer(example))
    found = np.asarray(_onnxruntime.run(session, _feed(session, given))[0]).reshape(expected.shape)
    if expected.dtype.kind not in "fc":
        wrong = int((found.astype(str) != expected.astype(str)).sum())
        if wrong:
            raise InvalidArgument(f"the ONNX model predicts another class for {wrong} of {len(expected)} rows")
        return 0.0
    difference = np.abs(found.astype(np.float64) - expected)
    if not bool((difference <= absolute_tolerance + relative_tolerance * np.abs(expected)).all()):
        raise InvalidArgument(
            f"the ONNX model's predictions differ from the model's own by up to {difference.max():g}. Nothing was "
            "stored"
        )
    return float(difference.max(initial=0.0))
