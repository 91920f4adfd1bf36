"""`luml.integrations.sklearn`: estimators as model files, without pickle where skops can."""

from __future__ import annotations

import json
import platform
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore._version import __version__
from runlore.dialects.luml._archive import write_archive
from runlore.dialects.luml.modelref import ModelReference
from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_model
from runlore.media.encoded import MODEL
from runlore.model import new_uid

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from runlore.media import Encoded

__all__ = ["load_sklearn", "save_sklearn"]

MODEL_TAG = "runlore::model:v1"
_FOLDER = "variant_artifacts/extra_files"


def save_sklearn(
    estimator: Any,
    inputs: Any,
    path: str | os.PathLike[str] | None = None,
    dependencies: str | Sequence[str] = "default",
    extra_dependencies: Sequence[str] | None = None,
    extra_code_modules: Any = None,
    manifest_model_name: str | None = None,
    manifest_model_version: str | None = None,
    manifest_model_description: str | None = None,
    manifest_extra_producer_tags: Sequence[str] | None = None,
    *,
    allow_pickle: bool = False,
) -> ModelReference:
    """Save an estimator to a model file, with its inputs, outputs and the packages it needs.

    Args:
        estimator: fitted, with `predict`.
        inputs: some rows of what it takes: a DataFrame, or an array of two axes or more.
        path: of the file; by default a new name in the working directory.
        dependencies: `default`: scikit-learn, NumPy and skops as installed; or a list of requirements.
        extra_dependencies: further requirements.
        extra_code_modules: refused: a model file of Runlore holds data, and no code.
        manifest_model_name: name in the manifest.
        manifest_model_version: version in the manifest.
        manifest_model_description: description in the manifest.
        manifest_extra_producer_tags: further tags in the manifest.
        allow_pickle: pickle an estimator that skops cannot hold. Whoever loads it has to allow it too.

    Raises:
        WrongType: it is no estimator with `predict`, or cannot be stored without pickle.
        InvalidArgument: the inputs do not fit, or an argument is not supported. No file was written.
        MissingDependency: skops is not installed.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> reference = save_sklearn(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), [[0.5]], path="line.luml")
        >>> load_sklearn(reference).predict([[2.0]]).round(6).tolist()
        [4.0]
    """
    _check(estimator, dependencies, extra_code_modules)
    takes = _inputs(inputs)
    encoded = encode_model(estimator, example=_rows(inputs), allow_pickle=allow_pickle)
    try:
        manifest = {
            "variant": "pyfunc", "name": manifest_model_name, "version": manifest_model_version,
            "description": manifest_model_description, "producer_name": "runlore", "producer_version": __version__,
            "producer_tags": ["runlore::sklearn:v1", *(manifest_extra_producer_tags or ())], "inputs": takes,
            "outputs": [_output(estimator, inputs)], "dynamic_attributes": [], "env_vars": [],
        }  # fmt: skip
        environment = _environment(dependencies, extra_dependencies or ())
        target = str(path) if path is not None else f"sklearn_model_{time_ns()}.luml"
        write_archive(target, _members(encoded, manifest, environment))
    finally:
        encoded.discard()
    return ModelReference(target)


def _check(estimator: Any, dependencies: str | Sequence[str], extra_code_modules: Any) -> None:
    if not callable(getattr(estimator, "predict", None)) or not callable(getattr(estimator, "get_params", None)):
        raise WrongType(f"estimator of type {type(estimator).__name__} must be a scikit-learn estimator with predict()")
    if extra_code_modules is not None or dependencies == "all":
        raise InvalidArgument(
            "extra_code_modules and dependencies='all' would put code into the model file, which holds data only; "
            "name packages with extra_dependencies, and install your own code where the model is loaded"
        )


def _members(encoded: Encoded, manifest: dict[str, Any], environment: Any) -> dict[str, bytes | str]:
    """Every file of a model file, by its name in it: bytes, or the path of one."""
    member = f"{_FOLDER}/estimator{encoded.suffix}"
    order = [item["name"] for item in manifest["inputs"]]
    about = {
        "member": member, "media_type": encoded.media_type, "metadata": encoded.metadata, "input_order": order,
    }  # fmt: skip
    documents = {
        "manifest.json": manifest,
        "ops.json": [],
        "variant_config.json": {"extra_values": {"input_order": order}},
        "env.json": environment,
        "meta.json": [{"id": new_uid(), "tags": [MODEL_TAG], "payload": about}],
    }
    return {**{name: json.dumps(value).encode() for name, value in documents.items()}, member: encoded.content}


def load_sklearn(
    model: ModelReference | str | os.PathLike[str], *, trusted: Iterable[str] | bool = (), allow_pickle: bool = False
) -> Any:
    """The estimator that `save_sklearn` saved.

    Args:
        model: the file.
        trusted: types that you trust, beyond those that are known to be harmless; True for all of the file.
        allow_pickle: load a pickle, which runs code that the file brings. Only for files that you trust.

    Raises:
        UnsafeLoad: types that are not trusted, or a pickle without `allow_pickle`.
        InvalidArgument: the file holds no model that Runlore saved.
    """
    reference = model if isinstance(model, ModelReference) else ModelReference(model)
    for entry in reference.metadata():
        if MODEL_TAG in entry["tags"]:
            about = entry["payload"]
            content = reference.extract_file(about["member"])
            return decode(
                MODEL, about["media_type"], about["metadata"], content, trusted=trusted, allow_pickle=allow_pickle
            )
    raise InvalidArgument(
        f"the file {reference.path!r} holds no model that Runlore saved. One that LUML saved is a pickle within: "
        "load it with LUML"
    )


def _rows(inputs: Any) -> Any:
    import numpy as np

    return inputs if hasattr(inputs, "columns") else np.asarray(inputs)


def _inputs(inputs: Any) -> list[dict[str, Any]]:
    """One entry a column; one for the whole array where it has more than two axes."""
    if hasattr(inputs, "columns"):
        return [_io(str(name), inputs[name].dtype, ["batch"]) for name in inputs.columns]
    array = _rows(inputs)
    if array.ndim < 2:
        raise InvalidArgument(f"inputs of shape {array.shape} must have two axes or more: rows, and what they hold")
    if array.ndim > 2:
        return [_io("input", array.dtype, ["batch", *array.shape[1:]])]
    return [_io(f"x{index}", array.dtype, ["batch"]) for index in range(array.shape[1])]


def _output(estimator: Any, inputs: Any) -> dict[str, Any]:
    import numpy as np

    values = np.asarray(estimator.predict(_rows(inputs)))
    return _io("y", values.dtype, ["batch", *values.shape[1:]])


def _io(name: str, dtype: Any, shape: list[Any]) -> dict[str, Any]:
    kind = getattr(dtype, "kind", "O")
    word = "float" if kind == "f" else "int" if kind in "iu" else "str"
    return {"name": name, "content_type": "NDJSON", "dtype": f"Array[{word}]", "shape": shape}


def _environment(dependencies: str | Sequence[str], extra: Sequence[str]) -> dict[str, Any]:
    from importlib.metadata import version

    if dependencies == "default":
        needed = [f"{package}=={version(package)}" for package in ("scikit-learn", "numpy", "skops")]
    elif isinstance(dependencies, str):
        raise InvalidArgument(f"dependencies={dependencies!r} must be 'default' or a list of requirements")
    else:
        needed = list(dependencies)
    packages = [{"package": package} for package in [*needed, *extra]]
    return {"python3::conda_pip": {
        "python_version": platform.python_version(), "build_dependencies": [], "dependencies": packages,
    }}  # fmt: skip
