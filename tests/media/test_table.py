from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import pandas as hpd
from tests.examples import examples

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_table


def back(encoded, **options):
    return decode("table", encoded.media_type, encoded.metadata, encoded.content, **options)


@settings(deadline=None, max_examples=examples(50))
@given(
    hpd.data_frames(
        [
            hpd.column("loss", dtype=float),
            hpd.column("épöch", dtype=np.int64),
            hpd.column("ok", dtype=bool),
            hpd.column("text", elements=st.text(alphabet=st.characters(exclude_categories=["Cs"])), dtype=object),
        ],
        index=hpd.range_indexes(max_size=20),
    )
)
def test_data_frames_come_back_equal(frame):
    encoded = encode_table(frame)
    assert encoded.metadata["rows"] == len(frame)
    assert encoded.metadata["columns"] == ["loss", "épöch", "ok", "text"]
    pd.testing.assert_frame_equal(back(encoded), frame, check_dtype=False)


def test_index_types_and_labels_are_kept():
    frame = pd.DataFrame(
        {
            1: pd.Series([1, None], dtype="Int64"),
            2: pd.Categorical(["a", "b"]),
            3: pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Paris"),
            4: [[1, 2], [3]],
        },
    )
    frame.index = pd.Index(["r1", "r2"], name="row")
    result = back(encode_table(frame))
    assert result.index.equals(frame.index)
    assert list(result.columns) == [1, 2, 3, 4]
    assert result[1].dtype == frame[1].dtype
    assert result[2].dtype == frame[2].dtype
    assert str(result[3].dt.tz) == "Europe/Paris"


def test_parquet_with_zstd_that_others_can_read():
    encoded = encode_table({"a": [1, 2, 3]})
    metadata = pq.read_metadata(io.BytesIO(encoded.data))
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert encoded.metadata == {"rows": 3, "columns": ["a"], "dtypes": {"a": "int64"}, "column_count": 1}


@pytest.mark.parametrize(
    "data",
    [
        {"a": [1, 2], "b": ["x", None]},
        [{"a": 1, "b": "x"}, {"a": 2}],
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pa.table({"a": [1, 2], "b": ["x", None]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    ],
    ids=["columns", "mappings", "polars", "arrow", "pandas"],
)
def test_forms_of_the_same_table(data):
    assert back(encode_table(data), as_arrow=True).to_pydict() == {"a": [1, 2], "b": ["x", None]}


def test_rows_with_columns_and_arrays():
    assert back(encode_table([(1, "x"), (2, "y")], columns=["a", "b"])).to_dict("list") == {
        "a": [1, 2],
        "b": ["x", "y"],
    }
    assert list(back(encode_table(np.eye(2))).columns) == ["0", "1"]
    assert back(encode_table([], columns=["a"])).shape == (0, 1)
    assert back(encode_table(pd.Series([1, 2], name="s")))["s"].tolist() == [1, 2]
    assert back(encode_table(pd.DataFrame())).shape == (0, 0)


def test_reading_some_columns():
    assert list(back(encode_table({"a": [1], "b": [2]}), columns=["b"]).columns) == ["b"]


def test_nested_values_dates_and_nan():
    data = {"d": [dt.date(2024, 1, 1)], "m": [{"k": [1, 2]}], "x": [float("nan")]}
    table = back(encode_table(data), as_arrow=True)
    assert table["d"].to_pylist() == data["d"]
    assert table["m"].to_pylist() == data["m"]
    assert np.isnan(table["x"].to_pylist()[0])


@pytest.mark.parametrize(
    ("data", "columns", "error", "message"),
    [
        ({"a": [1, 2], "b": [1]}, None, InvalidArgument, "equally long"),
        ({"a": [1, "x"]}, None, InvalidArgument, "one type"),
        ({"a": 1}, None, WrongType, "column 'a'"),
        ({1: [1]}, None, WrongType, "must be a string"),
        ([(1, 2), (3,)], ["a", "b"], InvalidArgument, "row 1"),
        ([(1, 2)], ["a"], InvalidArgument, "columns names 1"),
        ([(1, 2)], ["a", "a"], InvalidArgument, "twice"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None, InvalidArgument, "several columns named 'a'"),
        (pd.DataFrame({"a": [1, "x"]}), None, InvalidArgument, "astype"),
        (pd.DataFrame({"a": [1]}).groupby("a"), None, WrongType, "DataFrame"),
        (np.zeros((2, 2, 2)), None, WrongType, "table"),
        ("abc", None, WrongType, "str"),
        (None, None, WrongType, "NoneType"),
    ],
)
def test_what_is_no_table(data, columns, error, message):
    with pytest.raises(error, match=message):
        encode_table(data, columns=columns)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\x80\x04N.", b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_damaged_tables(content, tmp_path):
    with pytest.raises(InvalidArgument, match="Parquet"):
        decode("table", "application/vnd.apache.parquet", {}, content)
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(InvalidArgument, match="Parquet"):
        decode("table", "application/vnd.apache.parquet", {}, tmp_path / "t")


def test_bombs_are_refused_unless_allowed():
    out = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(np.zeros(3_000_000, np.int8))}), out)
    content = out.getvalue()
    with pytest.raises(InvalidArgument, match="max_bytes"):
        decode("table", "x", {}, content, max_bytes=1_000_000)
    assert len(decode("table", "x", {}, content)) == 3_000_000


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        decode("table", "x", {}, tmp_path / "missing")
