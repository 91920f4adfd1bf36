"""Model interfaces: what a ModelCard holds, and how it is stored without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.dialects._absent import absent_names, refuse
from runlore.dialects.opsml._errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.dialects.opsml.types import TaskType

MODEL = "trained-model"
PREPROCESSOR = "preprocessor"
SAMPLE = "sample-model-data"
ONNX = "onnx-model.onnx"


class ModelInterface:
    """A fitted model, and a row of what goes into it.

    Args:
        model: the model.
        sample_data: some rows that it accepts; the first is kept.
        preprocessor: what has to be applied before, kept beside it.
        task_type: what it is for; only recorded.
        allow_pickle: pickle a model that no other format takes. Whoever loads it has to allow it too.

    Raises:
        ValidationError: there is no model, or the sample has no rows that could be told apart.
    """

    def __init__(
        self, model: Any = None, sample_data: Any = None, preprocessor: Any = None,
        task_type: TaskType | str | None = None, allow_pickle: bool = False, **others: Any,
    ) -> None:  # fmt: skip
        refuse(type(self).__name__, others, _NOT_KEPT)
        if model is None:
            raise ValidationError(f"{type(self).__name__}: model=None; give a fitted model")
        self.model = model
        self.model_type = type(model).__name__
        self.preprocessor = preprocessor
        self.task_type = str(getattr(task_type, "value", task_type) or "undefined")
        self.allow_pickle = allow_pickle
        self.onnx_model: Any = None
        self._example = sample_data
        self.sample_data = None if sample_data is None else _first_row(sample_data)

    def contents(self, *, to_onnx: bool) -> dict[str, Any]:
        """What is stored, by artifact name.

        Raises:
            ValidationError: ONNX is wanted, and there is no sample of the data.
            InvalidArgument: the ONNX graph predicts something else than the model.
            MissingDependency: skl2onnx or onnxruntime is not installed (extra `onnx`).
        """
        from runlore.media import encode_model, encode_object, encode_onnx, encode_table

        encoded = encode_model(self.model, allow_pickle=self.allow_pickle, example=self.sample_data)
        found: dict[str, Any] = {f"{MODEL}{encoded.suffix}": encoded}
        if self.preprocessor is not None:
            found[PREPROCESSOR] = encode_object(self.preprocessor, self.allow_pickle)
        if self.sample_data is not None:
            polars = type(self.sample_data).__module__.partition(".")[0] == "polars"
            found[SAMPLE] = (encode_table if polars else encode_object)(self.sample_data)
        if to_onnx:
            if self._example is None:
                raise ValidationError("to_onnx=True needs sample_data: some rows that the model accepts")
            found[ONNX] = encode_onnx(self.model, self._example)
        return found

    def describe(self) -> dict[str, Any]:
        """All but the model, as JSON."""
        kind = type(self.model)
        return {
            "interface": type(self).__name__,
            "model_type": self.model_type,
            "model_class": f"{kind.__module__}.{kind.__qualname__}",
            "task_type": self.task_type,
        }


_NOT_KEPT = {
    "preprocessor_name": "the preprocessor is kept as `preprocessor`; give preprocessor=",
    "modelcard_uid": "a card's uid is given to the ModelCard",
    "onnx_args": "to_onnx=True of the ModelCard makes the ONNX graph",
    "onnx_model": "to_onnx=True of the ModelCard makes the ONNX graph",
    "drift_profile": "keep a profile with Run.log_dict, or as metadata with runlore.registry.register",
    "drift_type": "keep a profile with Run.log_dict, or as metadata with runlore.registry.register",
}


def _first_row(sample: Any) -> Any:
    """The first of some rows: of an array, a frame or a list; of a mapping or tuple of these, of each."""
    if isinstance(sample, dict):
        return {name: _first_row(part) for name, part in sample.items()}
    if isinstance(sample, tuple):
        return tuple(_first_row(part) for part in sample)
    try:
        return sample[:1]
    except TypeError as error:
        raise ValidationError(
            f"sample_data is a {type(sample).__name__}, which has no rows to take the first of; give the array or "
            "DataFrame that it was made from"
        ) from error


def load_sample(artifact: Any, **safety: Any) -> Any:
    """The sample as it was: a polars frame was stored as a table."""
    from runlore.dialects.opsml import _polars

    return _polars.read_parquet(artifact.path) if artifact.kind == "table" else artifact.load(**safety)


class SklearnModel(ModelInterface):
    """A scikit-learn estimator or pipeline.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
        >>> SklearnModel(model=fitted, sample_data=[[0.5], [0.7]]).sample_data
        [[0.5]]
    """


class XGBoostModel(ModelInterface):
    """An XGBoost model."""


class LightGBMModel(ModelInterface):
    """A LightGBM model."""


class TorchModel(ModelInterface):
    """A PyTorch module: its weights are stored, not its code."""


INTERFACES: dict[str, type[ModelInterface]] = {
    kind.__name__: kind for kind in (SklearnModel, XGBoostModel, LightGBMModel, TorchModel)
}


class OnnxModel:
    """A model as an ONNX graph.

    Attributes:
        sess: an `onnxruntime.InferenceSession`.
    """

    def __init__(self, session: Any, about: Mapping[str, Any]) -> None:
        self.sess = session
        self.metadata = dict(about)

    def run(self, feed: Mapping[str, Any], output_names: Any = None) -> Any:
        """What the graph gives for some inputs by name."""
        return self.sess.run(output_names, dict(feed))


__all__ = ["LightGBMModel", "ModelInterface", "OnnxModel", "SklearnModel", "TorchModel", "XGBoostModel"]

_NO_FORM = "keep it with Run.log_model or Run.log_artifact, which names what it can keep"

__getattr__ = absent_names(
    __name__,
    {
        **dict.fromkeys(
            (
                "CatBoostModel",
                "HuggingFaceModel",
                "LightningModel",
                "OnnxModelInterface",
                "TensorFlowModel",
                "VowpalWabbitModel",
            ),
            _NO_FORM,
        ),
        "ModelSaveKwargs": "give to_onnx=True to the card, and allow_pickle=True where a pickle is wanted",
        "ModelLoadKwargs": "give trusted=[…] or allow_pickle=True to load()",
        "HuggingFaceTask": _NO_FORM,
        "ProcessorType": "give preprocessor= to the model",
    },
)
