"""skl2onnx: scikit-learn estimators as ONNX graphs."""

from __future__ import annotations

from typing import Any

from runlore.errors import MissingDependency, WrongType
from runlore.media import _onnxmltools


def convert(model: Any, example: Any) -> bytes:
    """The estimator as a serialised ONNX graph. `example` says what goes in: a float32 array, or a DataFrame.

    Raises:
        WrongType: there is no ONNX form of this estimator.
        MissingDependency: skl2onnx, or onnxmltools for LightGBM and XGBoost, is not installed.
    """
    try:
        import skl2onnx
        from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
    except ImportError as error:
        raise MissingDependency("skl2onnx", "onnx", "converting a model to ONNX") from error
    opsets = _onnxmltools.NEWEST_OPSETS if _onnxmltools.prepare(model) else None
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    options = {id(last): {"zipmap": False}} if hasattr(last, "predict_proba") else None
    try:
        graph = skl2onnx.to_onnx(model, example, options=options, target_opset=opsets)
    except (MissingConverter, MissingShapeCalculator, NotImplementedError, NameError, KeyError, ValueError) as error:
        raise WrongType(f"the model {type(model).__name__} has no ONNX form: {str(error)[:300]}") from error
    content: bytes = graph.SerializeToString()
    return content
