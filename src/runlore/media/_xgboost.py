"""XGBoost models in XGBoost's own formats: UBJSON, or JSON."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from runlore.errors import InvalidArgument, MissingDependency
from runlore.media._content import Content, read_content
from runlore.media._params import json_params, restore_params

_WRAPPERS = ("XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor")


def is_model(value: Any) -> bool:
    """Whether this is a Booster or one of XGBoost's scikit-learn wrappers. Imports nothing."""
    module = sys.modules.get("xgboost")
    return module is not None and (type(value) is module.Booster or type(value).__name__ in _wrapper_of(value, module))


def _wrapper_of(value: Any, module: Any) -> tuple[str, ...]:
    return tuple(name for name in _WRAPPERS if type(value) is getattr(module, name, None))


def dump(model: Any, format: str) -> tuple[bytes, dict[str, Any]]:  # noqa: A002 - the word in XGBoost's own API
    """The model's bytes, and what a wrapper needs besides: `wrapper`, `params`, `omitted_params`.

    Raises:
        InvalidArgument: the model was never fitted.
    """
    module = sys.modules["xgboost"]
    if type(model) is module.Booster:
        return bytes(model.save_raw(raw_format=format)), {"wrapper": None}
    if not hasattr(model, "_Booster"):
        raise InvalidArgument(f"the model {type(model).__name__} was never fitted; there is nothing to store yet")
    params, omitted = json_params(model.get_params())
    handle, path = tempfile.mkstemp(prefix="runlore-", suffix=f".{format}")
    os.close(handle)
    try:
        model.save_model(path)
        raw = read_content(path, "the model")
    finally:
        os.unlink(path)
    return raw, {"wrapper": type(model).__name__, "params": params, "omitted_params": omitted}


def load(content: Content, metadata: dict[str, Any]) -> Any:
    """A Booster, or the wrapper that was stored.

    Raises:
        InvalidArgument: no XGBoost model, or a wrapper that does not exist.
        MissingDependency: XGBoost is not installed.
    """
    try:
        import xgboost
    except ImportError as error:
        raise MissingDependency("xgboost", "models", "loading an XGBoost model") from error
    raw = read_content(content, "the model")
    if raw[:1] != b"{":
        raise InvalidArgument(f"the model starts with {raw[:8]!r}, as no UBJSON or JSON of XGBoost does")
    wrapper = metadata.get("wrapper")
    if wrapper is not None and wrapper not in _WRAPPERS:
        raise InvalidArgument(f"the model says it is a {wrapper!r}, which is none of {list(_WRAPPERS)}")
    try:
        if wrapper is None:
            return xgboost.Booster(model_file=bytearray(raw))
        model = getattr(xgboost, wrapper)(**restore_params(metadata.get("params", {}), "the model"))
        model.load_model(bytearray(raw))
    except (xgboost.core.XGBoostError, TypeError, ValueError) as error:
        raise InvalidArgument(f"the model is not one that XGBoost can read: {str(error)[:300]}") from error
    return model
