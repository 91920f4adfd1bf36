"""LightGBM models in LightGBM's own text format."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, MissingDependency
from runlore.media._content import Content, read_content
from runlore.media._params import json_params, restore_params

if TYPE_CHECKING:
    from collections.abc import Mapping

_WRAPPERS = ("LGBMClassifier", "LGBMRegressor", "LGBMRanker")


def is_model(value: Any) -> bool:
    """Whether this is a Booster or one of LightGBM's scikit-learn wrappers. Imports nothing."""
    module = sys.modules.get("lightgbm")
    if module is None:
        return False
    return type(value) is module.Booster or any(type(value) is getattr(module, name, None) for name in _WRAPPERS)


def dump(model: Any) -> tuple[bytes, dict[str, Any]]:
    """The model's text, and what it does not hold: best iteration, and for a wrapper its parameters and classes.

    Raises:
        InvalidArgument: the model was never fitted.
    """
    module = sys.modules["lightgbm"]
    extra: dict[str, Any] = {"wrapper": None}
    if type(model) is module.Booster:
        booster = model
    else:
        if not model.__sklearn_is_fitted__():
            raise InvalidArgument(f"the model {type(model).__name__} was never fitted; there is nothing to store yet")
        params, omitted = json_params(model.get_params())
        booster = model.booster_
        extra = {"wrapper": type(model).__name__, "params": params, "omitted_params": omitted}
        extra["features_named"] = bool(getattr(model, "_fitted_with_feature_names", False))
        if hasattr(model, "classes_"):
            extra["classes"], extra["classes_dtype"] = model.classes_.tolist(), model.classes_.dtype.str
    extra["best_iteration"] = max(0, booster.best_iteration)
    return booster.model_to_string(num_iteration=-1).encode("utf-8"), extra


def load(content: Content, metadata: Mapping[str, Any]) -> Any:
    """A Booster, or the wrapper that was stored.

    Raises:
        InvalidArgument: no LightGBM model, or a wrapper that does not exist.
        MissingDependency: LightGBM is not installed.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise MissingDependency("lightgbm", "models", "loading a LightGBM model") from error
    raw = read_content(content, "the model")
    if not raw.startswith(b"tree\n"):
        raise InvalidArgument(f"the model starts with {raw[:8]!r}, as no text of LightGBM does")
    wrapper = metadata.get("wrapper")
    if wrapper is not None and wrapper not in _WRAPPERS:
        raise InvalidArgument(f"the model says it is a {wrapper!r}, which is none of {list(_WRAPPERS)}")
    try:
        booster = lightgbm.Booster(model_str=raw.decode("utf-8"))
        booster.best_iteration = int(metadata.get("best_iteration", 0))
        return booster if wrapper is None else _wrap(getattr(lightgbm, wrapper), booster, metadata)
    except (lightgbm.basic.LightGBMError, TypeError, ValueError) as error:
        raise InvalidArgument(f"the model is not one that LightGBM can read: {str(error)[:300]}") from error


def _wrap(wrapper: Any, booster: Any, metadata: Mapping[str, Any]) -> Any:
    """A fitted wrapper around a Booster, by the attributes that `fit` sets: LightGBM has no function for it."""
    import numpy as np

    model = wrapper(**restore_params(metadata.get("params", {}), "the model"))
    state: dict[str, Any] = {
        "_Booster": booster,
        "_best_iteration": booster.best_iteration,
        "_n_features": booster.num_feature(),
        "_n_features_in": booster.num_feature(),
        "_fitted_with_feature_names": metadata.get("features_named") is True,
        "fitted_": True,
    }
    if "classes" in metadata:
        from sklearn.preprocessing import LabelEncoder

        classes = np.asarray(metadata["classes"], dtype=np.dtype(str(metadata.get("classes_dtype", "<i8"))))
        state.update(_le=LabelEncoder().fit(classes), _classes=classes, _n_classes=len(classes))
        state["_class_map"] = {label: index for index, label in enumerate(classes)}
    vars(model).update(state)
    return model
