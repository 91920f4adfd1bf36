"""ONNX: the graph predicts what the model predicts, or is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_model, encode_onnx

ROWS = np.random.default_rng(0).normal(size=(60, 3))


def predictions(encoded, rows):
    session = decode(encoded.kind, encoded.media_type, encoded.metadata, encoded.data)
    return session.run(None, {session.get_inputs()[0].name: rows.astype(np.float32)})[0]


def test_a_regression_predicts_the_same():
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(ROWS, ROWS @ [1.0, -2.0, 0.5] + 3)
    encoded = encode_model(model, format="onnx", example=ROWS)
    np.testing.assert_allclose(predictions(encoded, ROWS).ravel(), model.predict(ROWS), atol=1e-4)
    assert encoded.metadata["inputs"] == [{"name": "X", "type": "tensor(float)", "shape": [None, 3]}]
    assert encoded.metadata["largest_difference"] < 1e-4


def test_a_classifier_in_a_pipeline_predicts_the_same_classes():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classes = np.where(ROWS[:, 0] > 0, "yes", "no")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, classes)
    assert predictions(encode_onnx(model, ROWS), ROWS).tolist() == model.predict(ROWS).tolist()


def test_a_frame_of_numbers_is_one_input():
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    encoded = encode_onnx(LinearRegression().fit(frame, ROWS[:, 0]), frame)
    assert [item["shape"] for item in encoded.metadata["inputs"]] == [[None, 3]]


def test_a_mixed_frame_is_one_input_a_column():
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame({"colour": ["red", "blue", "red", "green"], "size": [1.0, 2.0, 3.0, 4.0]})
    columns = make_column_transformer((OneHotEncoder(), ["colour"]), ("passthrough", ["size"]))
    encoded = encode_onnx(make_pipeline(columns, LinearRegression()).fit(frame, frame["size"] * 2), frame)
    assert [item["name"] for item in encoded.metadata["inputs"]] == ["colour", "size"]
    assert encoded.metadata["checked_rows"] == 4


def test_a_graph_that_predicts_something_else_is_refused():
    from sklearn.linear_model import LinearRegression

    class Shifted(LinearRegression):
        def predict(self, X):
            return super().predict(X) + 1

    from skl2onnx import update_registered_converter
    from skl2onnx.operator_converters.linear_regressor import convert_sklearn_linear_regressor
    from skl2onnx.shape_calculators.linear_regressor import calculate_linear_regressor_output_shapes

    shapes, convert = calculate_linear_regressor_output_shapes, convert_sklearn_linear_regressor
    update_registered_converter(Shifted, "Shifted", shapes, convert)
    with pytest.raises(InvalidArgument, match="differ from the model's own by up to 1"):
        encode_onnx(Shifted().fit(ROWS, ROWS[:, 0]), ROWS)


def test_what_has_no_onnx_form_is_refused():
    from sklearn.base import BaseEstimator

    class Own(BaseEstimator):
        pass

    with pytest.raises(WrongType, match="Own has no ONNX form"):
        encode_onnx(Own(), ROWS)
    with pytest.raises(InvalidArgument, match="only scikit-learn"):
        encode_onnx(object(), ROWS)
    with pytest.raises(InvalidArgument, match="needs example="):
        encode_model(Own(), format="onnx")


def test_a_graph_that_cannot_be_run_with_the_example_is_refused():
    from sklearn.neighbors import RadiusNeighborsRegressor

    rows = np.array([[0.0], [0.5], [9.0]])
    model = RadiusNeighborsRegressor().fit(rows, [0.0, 1.0, 2.0])
    with pytest.raises(InvalidArgument, match="cannot be run"):
        encode_onnx(model, rows)


def test_what_only_transforms_is_compared_by_that():
    from sklearn.preprocessing import StandardScaler

    rows = np.array([[0.0], [2.0]])
    assert encode_onnx(StandardScaler().fit(rows), rows).metadata["checked_rows"] == 2


def test_damaged_graphs_are_refused():
    with pytest.raises(InvalidArgument, match="no readable ONNX graph"):
        decode("model", "application/onnx", {}, b"nonsense")


def boosted(library, task):
    if library == "lightgbm":
        from lightgbm import LGBMClassifier, LGBMRegressor

        kind = LGBMClassifier if task == "classes" else LGBMRegressor
        return kind(n_estimators=5, min_child_samples=3, verbose=-1)
    from xgboost import XGBClassifier, XGBRegressor

    return (XGBClassifier if task == "classes" else XGBRegressor)(n_estimators=5)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("task", ["classes", "numbers"])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_boosted_trees_predict_the_same(library, task, in_pipeline):
    pytest.importorskip("onnxmltools")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = ROWS.astype(np.float32)
    wanted = (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 1) if task == "classes" else rows @ [1.0, -2.0, 0.5]
    model = boosted(library, task)
    if (
        in_pipeline
    ):  # a scaler that changes nothing: trees split between neighbours that float32 may take for one another
        model = make_pipeline(StandardScaler(with_mean=False, with_std=False), model)
    model.fit(rows, wanted)
    found = predictions(encode_onnx(model, rows), rows).ravel()
    np.testing.assert_allclose(found, model.predict(rows), atol=1e-3)
