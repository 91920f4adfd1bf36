"""onnxmltools: what skl2onnx needs to convert estimators of LightGBM and XGBoost, alone and inside pipelines."""

from __future__ import annotations

import sys
from typing import Any

from runlore.errors import MissingDependency

NEWEST_OPSETS = {"": 15, "ai.onnx.ml": 3}
"""Versions of ONNX's operators that its converters write."""


def prepare(model: Any) -> bool:
    """Make the converters of LightGBM and XGBoost known to skl2onnx, if the model may be made of these.

    Args:
        model: an estimator. It can only have parts of a library that the program has imported.

    Returns:
        Whether a part of it is of one of them.

    Raises:
        MissingDependency: it is, and onnxmltools is not installed.
    """
    found = {kind.__module__.partition(".")[0] for kind in map(type, _parts(model))} & {"lightgbm", "xgboost"}
    if not found:
        return False
    try:
        import onnxmltools  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingDependency("onnxmltools", "onnx", "converting models of LightGBM and XGBoost to ONNX") from error
    for library in sorted(found):
        _register_lightgbm() if library == "lightgbm" else _register_xgboost()
    return True


def _parts(model: Any) -> list[Any]:
    """The estimator and all that it is made of, as scikit-learn names them."""
    return [model, *(part for part in model.get_params(deep=True).values() if hasattr(part, "get_params"))]


def _register_lightgbm() -> None:
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    library = sys.modules["lightgbm"]
    _register(library.LGBMClassifier, "LightGbmLGBMClassifier", convert_lightgbm, classifies=True)
    _register(library.LGBMRegressor, "LightGbmLGBMRegressor", convert_lightgbm, classifies=False)


def _register_xgboost() -> None:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

    library = sys.modules["xgboost"]
    _register(library.XGBClassifier, "XGBoostXGBClassifier", convert_xgboost, classifies=True)
    _register(library.XGBRegressor, "XGBoostXGBRegressor", convert_xgboost, classifies=False)


def _register(kind: type, alias: str, convert: Any, *, classifies: bool) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator as shapes

    shape = (
        shapes.calculate_linear_classifier_output_shapes
        if classifies
        else shapes.calculate_linear_regressor_output_shapes
    )
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]} if classifies else None
    update_registered_converter(kind, alias, shape, convert, options=options)
