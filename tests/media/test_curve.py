from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from tests.examples import examples

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_curve, encode_pr, encode_roc

RANDOM = np.random.default_rng(0)


def back(encoded):
    return decode("curve", encoded.media_type, encoded.metadata, encoded.data)


SCORES = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, -3.0, 1e9])), min_size=2, max_size=40
).filter(lambda pairs: len({truth for truth, _ in pairs}) == 2)


@settings(deadline=None, max_examples=examples(100))
@given(SCORES)
def test_roc_equals_scikit_learn(pairs):
    truth, score = [truth for truth, _ in pairs], [score for _, score in pairs]
    line = back(encode_roc(truth, score)).line
    false_positive_rate, true_positive_rate, thresholds = metrics.roc_curve(truth, score)
    np.testing.assert_array_equal(line.x, false_positive_rate)
    np.testing.assert_array_equal(line.y, true_positive_rate)
    np.testing.assert_array_equal(line.thresholds, thresholds)
    assert line.auc == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-12)


@settings(deadline=None, max_examples=examples(100))
@given(SCORES)
def test_pr_equals_scikit_learn_with_recall_on_x(pairs):
    truth, score = [truth for truth, _ in pairs], [score for _, score in pairs]
    curve = back(encode_pr(truth, score))
    precision, recall, thresholds = metrics.precision_recall_curve(truth, score)
    assert (curve.x_label, curve.y_label) == ("recall", "precision")
    np.testing.assert_allclose(curve.x, recall, atol=1e-15)
    np.testing.assert_allclose(curve.y, precision, atol=1e-15)
    np.testing.assert_array_equal(curve.line.thresholds, [*thresholds, np.inf])
    assert curve.line.average_precision == pytest.approx(metrics.average_precision_score(truth, score), abs=1e-12)


def test_large_random_scores_equal_scikit_learn():
    truth, score = RANDOM.integers(0, 2, 5000), RANDOM.random(5000)
    line = back(encode_roc(truth, score)).line
    false_positive_rate, true_positive_rate, _ = metrics.roc_curve(truth, score)
    np.testing.assert_allclose(line.x, false_positive_rate, atol=1e-15)
    np.testing.assert_allclose(line.y, true_positive_rate, atol=1e-15)


def test_an_area_of_exactly_zero_is_kept():
    curve = back(encode_roc([1, 0], [0.1, 0.9]))
    assert curve.line.auc == 0.0
    assert curve.annotation == "AUC = 0"
    assert encode_roc([1, 0], [0.1, 0.9]).metadata["lines"][0]["auc"] == 0.0
    assert back(encode_roc([1, 0], [0.1, 0.9], annotation="mine")).annotation == "mine"


@pytest.mark.parametrize("encode", [encode_roc, encode_pr])
def test_one_line_a_class(encode):
    truth = np.array(["cat", "dog", "owl"])[RANDOM.integers(0, 3, 60)]
    score = RANDOM.random((60, 3))
    curve = back(encode(truth, score))
    assert [line.name for line in curve.lines] == ["cat", "dog", "owl"]
    for column, line in enumerate(curve.lines):
        alone = back(encode(truth == line.name, score[:, column])).line
        np.testing.assert_array_equal(line.x, alone.x)
        np.testing.assert_array_equal(line.y, alone.y)
    with pytest.raises(InvalidArgument, match="3 lines"):
        _ = curve.x
    assert set(curve.to_frame()["name"]) == {"cat", "dog", "owl"}
    assert list(curve.to_frame().columns) == ["name", "x", "y", "threshold"]


def test_two_columns_are_one_line_of_the_positive_class():
    truth, score = np.array(["no", "yes", "yes", "no"]), np.array([0.2, 0.9, 0.4, 0.6])
    both = np.stack([1 - score, score], axis=1)
    assert back(encode_roc(truth, both)).line.auc == back(encode_roc(truth, score)).line.auc == 0.75
    assert back(encode_roc(truth, both, positive="no")).line.auc == 0.75
    assert back(encode_roc(truth, 1 - score, positive="no")).line.auc == 0.75


def test_classes_without_samples_are_nan_as_in_scikit_learn():
    line = back(encode_roc([1, 1], [0.2, 0.8])).line
    assert np.isnan(line.auc)
    assert np.isnan(line.x).all()
    assert not np.isnan(line.y).any()
    line = back(encode_pr([0, 0], [0.2, 0.8])).line
    assert line.average_precision == 0.0
    np.testing.assert_array_equal(line.x, [1, 1, 0])
    several = back(encode_roc([0, 1, 0], np.eye(3), labels=[0, 1, 2]))
    assert np.isnan(several.lines[2].auc)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0, 1], [0.5]), InvalidArgument, "shape"),
        (([0, 1], [0.5, float("nan")]), InvalidArgument, "NaN"),
        (([], []), InvalidArgument, "at least one"),
        (([0, 1, 2], [0.1, 0.2, 0.3]), InvalidArgument, "positive="),
        (([5, 5], [0.1, 0.2]), InvalidArgument, "positive="),
        (([0, 1], np.zeros((2, 3))), InvalidArgument, "3 columns"),
        (([0, 1], ["a", "b"]), WrongType, "real numbers"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        encode_roc(*arguments)


def test_labels_and_positive_must_exist():
    with pytest.raises(InvalidArgument, match="lacks"):
        encode_roc([0, 3], np.zeros((2, 2)), labels=[0, 1])
    with pytest.raises(InvalidArgument, match="none of the classes"):
        encode_roc([0, 1], [0.1, 0.2], positive=7)


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1), st.text(), st.text(), st.none() | st.text())
def test_any_points_and_labels_come_back(points, x_label, y_label, annotation):
    x, y = (list(values) for values in zip(*points, strict=True))
    curve = back(encode_curve(x, y, x_label=x_label, y_label=y_label, annotation=annotation))
    assert (curve.curve, curve.x_label, curve.y_label, curve.annotation) == ("xy", x_label, y_label, annotation)
    np.testing.assert_array_equal(curve.x, x)
    np.testing.assert_array_equal(curve.y, y)


def test_several_lines_on_one_x():
    curve = back(encode_curve([0, 1], {"a|b": [1, 2], "c": [3, 4]}))
    assert [(line.name, line.y.tolist()) for line in curve.lines] == [("a|b", [1, 2]), ("c", [3, 4])]
    assert list(curve.to_frame().columns) == ["name", "x", "y"]


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1]), ([], []), ([[1, 2]], [1, 2]), ([1], {})])
def test_bad_curves(x, y):
    with pytest.raises(InvalidArgument):
        encode_curve(x, y)
    with pytest.raises(WrongType, match="x_label"):
        encode_curve([1], [1], x_label=3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"lines": []}',
        b'{"lines": [3]}',
        b'{"lines": [{"x": [1], "y": [1]}]}',
        b'{"curve": "xy", "x_label": "", "y_label": "", "lines": [{"x": [1], "y": [1, 2]}]}',
        b'{"curve": "xy", "x_label": "", "y_label": "", "lines": [{"x": [1], "y": [1], "auc": []}]}',
        b"\x80\x04N.",
    ],
)
def test_damaged(content):
    with pytest.raises(InvalidArgument):
        decode("curve", "application/json", {}, content)
