from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.examples import examples

from runlore.errors import InvalidArgument, WrongType
from runlore.media import Histogram, decode, encode_histogram


def back(encoded) -> Histogram:
    return decode("histogram", encoded.media_type, encoded.metadata, encoded.data)


@settings(deadline=None, max_examples=examples(200))
@given(hnp.arrays(np.float64, st.integers(0, 40)), st.integers(1, 512))
@example(np.array([-1.7e308, 1.7e308]), 64)
@example(np.array([1.7976931348623157e308]), 2)
@example(np.array([1e16, 1e16 + 2]), 512)
@example(np.array([5e-324, 0.0]), 64)
def test_every_value_is_counted_once(values, bins):
    histogram = back(encode_histogram(values, bins))
    finite = values[np.isfinite(values)]
    assert histogram.counts.sum() == len(finite)
    assert histogram.nan_count == np.isnan(values).sum()
    assert histogram.positive_infinity_count == np.isposinf(values).sum()
    assert histogram.negative_infinity_count == np.isneginf(values).sum()
    assert len(histogram.edges) == len(histogram.counts) + 1 <= bins + 1
    assert (np.diff(histogram.edges) > 0).all() or not np.isfinite(np.diff(histogram.edges)).all()
    if len(set(finite.tolist())) > 1:
        assert (histogram.edges[0], histogram.edges[-1]) == (finite.min(), finite.max())


def test_equals_numpy():
    values = np.random.default_rng(1).normal(size=1000)
    counts, edges = np.histogram(values, 64)
    histogram = back(encode_histogram(values))
    np.testing.assert_array_equal(histogram.counts, counts)
    np.testing.assert_array_equal(histogram.edges, edges)


def test_counted_before():
    histogram = back(encode_histogram(counts=[1, 2.5], edges=[0, 1, 3]))
    assert histogram.to_frame().to_dict("list") == {"left": [0, 1], "right": [1, 3], "count": [1, 2.5]}


def test_edges_and_counts_are_named_in_the_file_and_cannot_be_swapped():
    document = json.loads(encode_histogram([0.0, 1.0], bins=2).data)
    assert (document["edges"], document["counts"]) == ([0.0, 0.5, 1.0], [1.0, 1.0])
    with pytest.raises(InvalidArgument, match="swapped"):
        encode_histogram(counts=[0, 1, 3], edges=[1, 2])


@pytest.mark.parametrize("values", [[1, 2, 3], np.arange(6).reshape(2, 3), [True, False], 3.5, range(5), iter([1, 2])])
def test_shapes_and_types(values):
    assert back(encode_histogram(values)).counts.sum() >= 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, InvalidArgument, "either"),
        ({"values": [1], "counts": [1], "edges": [0, 1]}, InvalidArgument, "either"),
        ({"counts": [1]}, InvalidArgument, "together"),
        ({"values": [1], "bins": 513}, InvalidArgument, "512"),
        ({"values": [1], "bins": 0}, InvalidArgument, "512"),
        ({"values": [1], "bins": 2.5}, InvalidArgument, "512"),
        ({"counts": [1, 1], "edges": [0, 2, 1]}, InvalidArgument, "ascending"),
        ({"counts": [-1], "edges": [0, 1]}, InvalidArgument, "negative"),
        ({"counts": [1], "edges": [0, float("inf")]}, InvalidArgument, "finite"),
        ({"counts": [1] * 513, "edges": range(514)}, InvalidArgument, "512"),
        ({"values": ["a"]}, WrongType, "real numbers"),
        ({"values": [1j]}, WrongType, "real numbers"),
        ({"values": "abc"}, WrongType, "abc"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        encode_histogram(**arguments)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\x80\x04N.",
        b'{"edges": [0, 1]}',
        b'{"edges": [0], "counts": [1, 2]}',
        b'{"edges": "x", "counts": [1]}',
        b'{"edges": [0, 1], "counts": [1], "nan": "x"}',
        b'{"edges": [0, 1], "counts": [null]}',
        b"[" * 200_000,
    ],
)
def test_damaged(content):
    with pytest.raises(InvalidArgument):
        decode("histogram", "application/json", {}, content)
