"""Model interfaces: what a ModelCard holds, and how it is stored without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.dialects._absent import absent_names
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
        ValidationError: there is no model.
    """

    def __init__(
        self, model: Any = None, sample_data: Any = None, preprocessor: Any = None,
        task_type: TaskType | str | None = None, allow_pickle: bool = False, **_: Any,
    ) -> None:  # fmt: skip
        if model is None:
            raise ValidationError(f"{type(self).__name__}: model=None; give a fitted model")
        self.model = model
        self.preprocessor = preprocessor
        self.task_type = str(getattr(task_type, "value", task_type) or "undefined")
        self.allow_pickle = allow_pickle
        self.onnx_model: Any = None
        self._example = sample_data
        self.sample_data = None if sample_data is None else sample_data[:1]

    def contents(self, *, to_onnx: bool) -> dict[str, Any]:
        """What is stored, by artifact name.

        Raises:
            ValidationError: ONNX is wanted, and there is no sample of the data.
            InvalidArgument: the ONNX graph predicts something else than the model.
            MissingDependency: skl2onnx or onnxruntime is not installed (extra `onnx`).
        """
        from runlore.media import encode_model, encode_object, encode_onnx

        encoded = encode_model(self.model, allow_pickle=self.allow_pickle, example=self.sample_data)
        found: dict[str, Any] = {f"{MODEL}{encoded.suffix}": encoded}
        if self.preprocessor is not None:
            found[PREPROCESSOR] = encode_object(self.preprocessor, self.allow_pickle)
        if self.sample_data is not None:
            found[SAMPLE] = encode_object(self.sample_data)
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
            "model_type": kind.__name__,
            "model_class": f"{kind.__module__}.{kind.__qualname__}",
            "task_type": self.task_type,
        }


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
