from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics
from tests.examples import examples

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_confusion_matrix


def back(encoded):
    return decode("confusion_matrix", encoded.media_type, encoded.metadata, encoded.data)


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1))
def test_equals_scikit_learn(pairs):
    true, predicted = [true for true, _ in pairs], [predicted for _, predicted in pairs]
    result = back(encode_confusion_matrix(true, predicted))
    found = sorted(set(true) | set(predicted))
    assume(len(found) > 1)  # scikit-learn warns of a single one
    np.testing.assert_array_equal(result.matrix, metrics.confusion_matrix(true, predicted, labels=found))
    assert list(result.labels) == found
    order = [4, 3, 2, 1, 0]
    result = back(encode_confusion_matrix(true, predicted, labels=order))
    np.testing.assert_array_equal(result.matrix, metrics.confusion_matrix(true, predicted, labels=order))


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.text(), min_size=1, max_size=6, unique=True))
def test_any_label_text_comes_back(labels):
    matrix = np.arange(len(labels) ** 2).reshape(len(labels), -1)
    result = back(encode_confusion_matrix(matrix=matrix, labels=labels))
    assert list(result.labels) == labels
    np.testing.assert_array_equal(result.matrix, matrix)


def test_rows_are_true_and_columns_predicted():
    frame = back(encode_confusion_matrix(["a|b", "c", "c"], ["a|b", "a|b", "a|b"])).to_frame()
    assert frame.loc["c", "a|b"] == 2
    assert frame.loc["a|b", "c"] == 0
    assert (frame.index.name, frame.columns.name) == ("true", "predicted")


def test_matrix_without_labels_and_float_counts():
    result = back(encode_confusion_matrix(matrix=[[0.5, 0.5], [0, 1]]))
    assert result.labels == (0, 1)
    assert result.matrix[0, 0] == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs either"),
        ({"y_true": [1], "matrix": [[1]]}, "needs either"),
        ({"y_true": [1]}, "together"),
        ({"y_true": [1, 2], "y_pred": [1]}, "2 elements"),
        ({"y_true": [], "y_pred": []}, "at least 1"),
        ({"matrix": [[1, 2]]}, "square"),
        ({"matrix": [1, 2]}, "square"),
        ({"matrix": [[-1]]}, "negative"),
        ({"matrix": [[float("nan")]]}, "finite"),
        ({"matrix": [[1]], "labels": ["a", "b"]}, "equal"),
        ({"matrix": [[1, 0], [0, 1]], "labels": ["a", "a"]}, "differ"),
        ({"y_true": [1, 2], "y_pred": [1, 2], "labels": [1]}, "lacks"),
        ({"matrix": np.zeros((2001, 2001))}, "2,000"),
    ],
)
def test_bad_arguments_raise_before_anything_is_stored(arguments, message):
    with pytest.raises(InvalidArgument, match=message):
        encode_confusion_matrix(**arguments)


def test_text_is_no_matrix():
    with pytest.raises(WrongType):
        encode_confusion_matrix(matrix="abc")


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"matrix": [[1, 2]], "labels": [1]}',
        b'{"matrix": [1], "labels": [1]}',
        b'{"matrix": [["x"]], "labels": [1]}',
        b'{"matrix": [[1]], "labels": [[]]}',
    ],
)
def test_damaged(content):
    with pytest.raises(InvalidArgument):
        decode("confusion_matrix", "application/json", {}, content)
