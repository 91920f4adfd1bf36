"""Tables of every type that the libraries have: stored and read as they are, or refused with a clear error."""

from __future__ import annotations

import datetime as dt
import decimal
import enum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_curve, encode_histogram, encode_table


def back(data, **options):
    encoded = encode_table(data, **options)
    return decode("table", encoded.media_type, encoded.metadata, encoded.content)


COLUMNS = {
    **{name: pd.Series([0, 1, None], dtype=name) for name in ("Int8", "UInt64", "Float32", "boolean")},
    **{name: pd.Series([0, 1, 1]).astype(name) for name in ("int8", "uint64", "float16", "bool", "int64[pyarrow]")},
    **{name: pd.Series(["a", "b", None], dtype=name) for name in ("string", "string[pyarrow]", "category")},
    "ordered": pd.Series(pd.Categorical(["a", "b", None], ["b", "a"], ordered=True)),
    "time": pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", None])),
    "zone": pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", None]).tz_localize("Europe/Berlin")),
    "duration": pd.Series(pd.to_timedelta([1, 2, None], unit="s")),
    "days": pd.Series(pd.period_range("2024", periods=3, freq="D")),
    "months": pd.Series(pd.period_range("2024", periods=3, freq="M")),
    "interval": pd.Series(pd.interval_range(0, 3)),
    "bytes": pd.Series([b"a", b"\xff", None], dtype=object),
    "dates": pd.Series([dt.date(2024, 1, 1), None, dt.date(2024, 1, 3)], dtype=object),
    "decimals": pd.Series([decimal.Decimal("1.50"), None, decimal.Decimal("2.25")], dtype=object),
    "lists": pd.Series([[1], [2, 3], None], dtype=object),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_pandas_come_back_equal(name):
    frame = pd.DataFrame({"x": COLUMNS[name]})
    pd.testing.assert_frame_equal(back(frame), frame)


@pytest.mark.parametrize(
    "array",
    [
        pd.arrays.SparseArray([0, 0, 1]),
        pd.arrays.SparseArray([np.nan, 1.0, np.nan]),
        pd.arrays.SparseArray([True, False, False]),
        pd.arrays.SparseArray(["a", "b", "a"], dtype=pd.SparseDtype(object, "a")),
    ],
    ids=["int", "float", "bool", "text"],
)
def test_sparse_columns_become_dense(array):
    dense = np.asarray(array).tolist()
    np.testing.assert_equal(back(pd.DataFrame({"x": array, "y": [1, 2, 3]}))["x"].tolist(), dense)
    np.testing.assert_equal(back(pd.Series(array, name="x"))["x"].tolist(), dense)
    np.testing.assert_equal(back({"x": array})["x"].tolist(), dense)
    assert back(pd.DataFrame({"y": [1, 2, 3]}, index=pd.Index(array)))["y"].tolist() == [1, 2, 3]


SURROGATES = {
    "cell": lambda: pd.DataFrame({"x": pd.Series(["\ud800"], dtype=object)}),
    "column name": lambda: pd.DataFrame([[1]], columns=pd.Index(["\ud800"], dtype=object)),
    "index": lambda: pd.DataFrame({"x": [1]}, index=pd.Index(["\ud800"], dtype=object)),
    "mapping": lambda: {"x": ["\ud800"]},
    "mapping name": lambda: {"\ud800": [1]},
    "rows": lambda: [{"x": "\udcff"}],
    "list in a cell": lambda: {"x": [["\ud800"]]},
    "mapping in a cell": lambda: {"x": [{"y": "\ud800"}]},
    "array": lambda: np.array([["\ud800"]]),
}


@pytest.mark.parametrize("name", SURROGATES)
def test_text_that_is_no_valid_unicode_is_refused(name):
    with pytest.raises(InvalidArgument, match="no valid Unicode"):
        encode_table(SURROGATES[name]())


FRAMES = {
    "no columns": pd.DataFrame(index=[1, 2, 3]),
    "nothing": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="Int8"), "b": pd.Series([], dtype="string")}),
    "levels of columns": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),
    "levels of rows": pd.DataFrame({"x": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["k", "n"])),
    "levels without names": pd.DataFrame({"x": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)])),
    "an index named as a column": pd.DataFrame({"x": [1]}, index=pd.Index([3], name="x")),
    "periods": pd.DataFrame({"x": [1, 2]}, index=pd.period_range("2024", periods=2, freq="M")),
    "intervals": pd.DataFrame({"x": [1, 2]}, index=pd.interval_range(0, 2)),
    "categories": pd.DataFrame({"x": [1, 2]}, index=pd.CategoricalIndex(["a", "b"])),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_every_shape_and_index(name):
    pd.testing.assert_frame_equal(back(FRAMES[name]), FRAMES[name], check_freq=False)


@pytest.mark.parametrize(
    "columns",
    [
        pd.interval_range(0, 2),
        pd.CategoricalIndex(["a", "b"]),
        pd.Index([None, 1], dtype=object),
        [("a", 1), ("b", 2)],
        [1, "a"],
    ],
    ids=["intervals", "categories", "none", "tuples", "mixed"],
)
def test_column_names_of_any_type_are_read_at_least_as_text(columns):
    found = back(pd.DataFrame([[1, 2], [3, 4]], columns=columns, index=["r", "s"]))
    assert found.columns.map(str).tolist() == [str(name) for name in pd.DataFrame(columns=columns).columns]
    assert found.to_numpy().tolist() == [[1, 2], [3, 4]]
    assert found.index.tolist() == ["r", "s"]


def test_types_that_pandas_cannot_name_again_are_read_as_objects():
    frame = pd.DataFrame(
        {"x": pd.array([[1], [2, 3], None], dtype=pd.ArrowDtype(pa.list_(pa.int64())))}, index=list("abc")
    )
    found = back(frame)
    assert [None if cell is None else list(cell) for cell in found["x"]] == [[1], [2, 3], None]
    assert found.index.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("columns", [["a", "a"], ["1", 1]])
def test_names_that_come_twice_are_named(columns):
    with pytest.raises(InvalidArgument, match=f"several columns named '{columns[0]}'"):
        encode_table(pd.DataFrame([[1, 2]], columns=columns))


def test_frames_of_polars():
    frame = pl.DataFrame(
        {
            "a": [1, None], "b": ["x", "y"], "c": pl.Series(["x", "y"], dtype=pl.Categorical),
            "d": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"])), "e": [[1], [2]], "f": [{"u": 1}, {"u": 2}],
            "g": [dt.date(2024, 1, 1), None], "h": [None, None],
        }
    )  # fmt: skip
    found = back(frame)
    assert found["b"].tolist() == found["c"].tolist() == found["d"].tolist() == ["x", "y"]
    assert (found["c"].dtype, found["f"].tolist()) == ("category", [{"u": 1}, {"u": 2}])
    assert back(frame["b"])["b"].tolist() == ["x", "y"]
    assert len(back(pl.DataFrame()).columns) == 0
    with pytest.raises(InvalidArgument, match="column 'o' of polars holds Python objects"):
        encode_table(pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}))
    with pytest.raises(WrongType, match=r"LazyFrame.*collect\(\)"):
        encode_table(frame.lazy())


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 2])])}),
        pa.table({"a": pa.RunEndEncodedArray.from_arrays([2], [5])}),
        pa.table({"a": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}),
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
        pa.chunked_array([[1, 2]]),
        {"a": np.zeros(2, np.longdouble)},
        {"a": np.zeros(2, complex)},
        {"a": np.array([(1, 2.0)], dtype=[("x", int), ("y", float)])},
        {"a": np.zeros((2, 2))},
        {"a": [1, "x"]},
        {"a": [2**70]},
        {"a": [enum.Enum("E", "A").A]},
        {"a": [object()]},
        {"a": [{"x": [1, {"y": 2}]}]},
        {"a": [{}]},
        {"a": [1], "b": [1, 2]},
        pd.DataFrame({"x": [1, "a", None]}),
        pd.DataFrame({"x": [pd.Period("2024", "M"), pd.Period("2024", "D")]}),
        pd.DataFrame({"x": [np.zeros((2, 2))]}),
    ],
)
def test_what_has_no_column_is_refused(table):
    with pytest.raises(InvalidArgument, match=r"table|column"):
        encode_table(table)


def test_missing_values_among_values_of_python():
    found = back({"a": [pd.NaT, pd.Timestamp("2024")], "b": [pd.NA, 1], "c": [None, 0.5], "d": [np.nan, 0.5]})
    assert found.isna().to_numpy().tolist() == [[True] * 4, [False] * 4]


def test_masked_values_are_missing():
    assert back({"a": np.ma.array([1, 2], mask=[0, 1])})["a"].isna().tolist() == [False, True]
    found = back(np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]]))
    assert found.isna().to_numpy().tolist() == [[False, True], [False, False]]


def test_masked_values_elsewhere():
    masked = np.ma.array([1, 2, 3], mask=[0, 1, 0])
    histogram = encode_histogram(masked, 2)
    assert (histogram.metadata["count"], histogram.metadata["nan"]) == (2.0, 1)
    assert encode_curve([1, 2, 3], masked).metadata["points"] == 3
    curve = decode("curve", "application/json", {}, encode_curve([1, 2, 3], masked).data)
    np.testing.assert_array_equal(curve.y, [1.0, np.nan, 3.0])
