from __future__ import annotations

import collections
import datetime as dt
import decimal
import io
import json
import math
import pathlib
import pickle
import uuid
import zipfile
import zoneinfo
from importlib.util import find_spec
from typing import NamedTuple

import lightgbm
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.extra import pandas as hpd
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from tests.examples import examples

from runlore.errors import InvalidArgument, UnsafeLoad, UnsupportedFormat, WrongType
from runlore.media import decode, decode_object, encode_object

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")


def back(value, **options):
    encoded = encode_object(value)
    assert decode("object", encoded.media_type, encoded.metadata, encoded.data, **options) is not None or value is None
    return decode_object(encoded.data, **options)


def same(left, right):
    """Equal and of equal types all the way down, NaN equal to NaN, 0.0 unlike -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return len(left) == len(right) and all(map(same, left.items(), right.items()))
    if isinstance(left, collections.deque) and left.maxlen != right.maxlen:
        return False
    if isinstance(left, (list, tuple, collections.deque)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    return left == right or repr(left) == repr(right)


HASHABLE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(alphabet=st.characters(), max_size=6)
    | st.binary(max_size=6)
    | st.complex_numbers(allow_nan=False)
    | st.dates()
    | st.datetimes(
        timezones=st.none() | st.just(dt.timezone.utc) | st.just(dt.timezone(dt.timedelta(hours=5, minutes=30)))
    )
    | st.timedeltas()
    | st.times()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
VALUES = st.recursive(
    HASHABLE
    | st.floats()
    | st.just(math.nan)
    | st.sets(st.integers(), max_size=3)
    | st.frozensets(st.text(max_size=2), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.lists(inner, max_size=3).map(collections.deque)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=examples(150))
@given(VALUES)
def test_standard_values_come_back_equal(value):
    assert same(back(value), value)


@settings(deadline=None, max_examples=examples(60))
@given(
    hnp.arrays(
        hnp.scalar_dtypes()
        | hnp.unicode_string_dtypes()
        | hnp.byte_string_dtypes()
        | hnp.array_dtypes(allow_subarrays=False),
        hnp.array_shapes(min_dims=0, min_side=0, max_dims=3),
    )
)
def test_arrays_come_back_equal(array):
    result = back(array)
    assert (result.dtype, result.shape) == (array.dtype, array.shape)
    assert result.tobytes() == array.tobytes()
    assert result.flags.writeable


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.int64(-3),
        np.bool_(True),
        np.datetime64("2024-01-01", "s"),
        np.str_("ü"),
        np.complex64(1j),
        np.array([1, "a", None, {"k": (1,)}], dtype=object).reshape(2, 2),
        np.arange(12).reshape(3, 4).T,
        np.dtype("f4"),
        2**20_000,
        -(2**60),
        range(3, 10, 2),
        slice(1, None, 2),
        bytearray(b"x"),
        b"x" * 5000,
        decimal.Decimal("NaN"),
        pathlib.Path("/a/b"),
        pathlib.PureWindowsPath("c:\\x"),
        dt.timezone.utc,
        uuid.UUID(int=5),
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"), fold=1),
        collections.OrderedDict([(2, 1), (1, 2)]),
        collections.deque([1, 2], maxlen=2),
        "\ud800",
        {(1, None): {frozenset({1})}},
    ],
    ids=lambda value: type(value).__name__,
)
def test_particular_values(value):
    result = back(value)
    assert type(result) is type(value)
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(result, value)
        assert result.flags.f_contiguous == value.flags.f_contiguous
    elif value == value:
        assert result == value
    assert repr(result) == repr(value) if not isinstance(value, int) else True


FRAMES = hpd.data_frames(
    [
        hpd.column("f", dtype=float),
        hpd.column(3, dtype=np.int16),
        hpd.column(("a", 1), dtype=bool),
        hpd.column("o", elements=st.none() | st.integers() | st.text(max_size=3), dtype=object),
        hpd.column("d", dtype="datetime64[ns]"),
    ],
    index=hpd.range_indexes(max_size=6) | hpd.indexes(elements=st.text(max_size=3), max_size=6),
)


@settings(deadline=None, max_examples=examples(40))
@given(FRAMES)
def test_data_frames_come_back_equal(frame):
    result = back(frame)
    pd.testing.assert_frame_equal(result, frame)
    assert [type(label) for label in result.columns] == [type(label) for label in frame.columns]


EXTENSIONS = {
    "Int8": pd.array([1, None], dtype="Int8"),
    "Float64": pd.array([0.5, None], dtype="Float64"),
    "boolean": pd.array([True, None], dtype="boolean"),
    "string": pd.array(["a", None], dtype="string"),
    "python string": pd.array(["a", None], dtype="string[python]"),
    "category": pd.Categorical(["b", None], categories=["c", "b"], ordered=True),
    "zoned": pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Paris").array,
    "seconds": pd.to_datetime(["2024-01-01", None]).as_unit("s").tz_localize("UTC").array,
    "period": pd.PeriodIndex(["2024-01", None], freq="M").array,
    "interval": pd.arrays.IntervalArray.from_breaks([0, 1, 2], closed="left"),
    "timedelta": pd.to_timedelta([1, None], unit="s").array,
    "arrow": pd.array([decimal.Decimal("1.50"), None], dtype=pd.ArrowDtype(__import__("pyarrow").decimal128(5, 2))),
    "arrow list": pd.array(
        [[1, 2], None], dtype=pd.ArrowDtype(__import__("pyarrow").list_(__import__("pyarrow").int64()))
    ),
}


@pytest.mark.parametrize("name", list(EXTENSIONS))
def test_extension_types(name):
    values = EXTENSIONS[name]
    series = pd.Series(values, name=("n", 1), index=["x", "y"])
    series.attrs["unit"] = "s"
    result = back(series)
    pd.testing.assert_series_equal(result, series)
    assert result.dtype == series.dtype
    assert (result.name, result.attrs) == (series.name, series.attrs)
    pd.testing.assert_frame_equal(
        back(pd.DataFrame({"a": values, "b": [1, 2]})), pd.DataFrame({"a": values, "b": [1, 2]})
    )
    pd.testing.assert_extension_array_equal(back(values), values)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(2, 10, 3, name="r"),
        pd.Index([1.5, np.nan], name=3),
        pd.Index(["a", None], dtype=object),
        pd.date_range("2024-01-01", periods=3, freq="D", tz="UTC"),
        pd.timedelta_range("1h", periods=3, freq="h"),
        pd.period_range("2024-01", periods=3, freq="M"),
        pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("a", 1)], names=["x", None]),
        pd.CategoricalIndex(["a", "b"]),
        pd.IntervalIndex.from_breaks([0, 1, 2]),
        pd.Index([], dtype="int64"),
    ],
    ids=lambda index: type(index).__name__,
)
def test_indexes(index):
    result = back(index)
    pd.testing.assert_index_equal(result, index, exact=True)
    assert getattr(result, "freq", None) == getattr(index, "freq", None)
    frame = pd.DataFrame({"v": range(len(index))}, index=index)
    pd.testing.assert_frame_equal(back(frame), frame)


def test_frames_with_labels_that_come_twice_and_without_columns():
    twice = pd.DataFrame([[1, "a", 2.5], [2, "b", 3.5]], columns=["x", "x", "y"], index=[0, 0])
    pd.testing.assert_frame_equal(back(twice), twice)
    for empty in (pd.DataFrame(), pd.DataFrame(index=[1, 2]), pd.DataFrame(columns=["a"])):
        pd.testing.assert_frame_equal(back(empty), empty)
    wide = pd.DataFrame(np.arange(3000.0).reshape(2, 1500))
    pd.testing.assert_frame_equal(back(wide), wide)


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2024-01-01 00:00:00.123456789"),
        pd.Timestamp("2024-01-01", tz="Asia/Tokyo"),
        pd.Timedelta(5, "ns"),
        pd.Period("2024-01", "M"),
        pd.Interval(0, 1.5, closed="both"),
        pd.NaT,
        pd.NA,
    ],
    ids=repr,
)
def test_pandas_scalars(value):
    result = back([value])[0]
    assert repr(result) == repr(value)
    assert type(result) is type(value)


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_array", "bsr_matrix", "dia_array"])
def test_sparse_matrices(form):
    matrix = getattr(sp, form)(np.array([[0, 1.5], [2, 0]]))
    result = back(matrix)
    assert type(result) is type(matrix)
    np.testing.assert_array_equal(result.toarray(), matrix.toarray())
    with pytest.raises(WrongType, match="tocsr"):
        encode_object(sp.lil_matrix((2, 2)))


def test_models_in_containers():
    x, y = np.random.default_rng(0).random((40, 3)), np.arange(40) % 2
    models = {
        "linear": LinearRegression().fit(x, y),
        "xgb": [xgboost.XGBClassifier(n_estimators=2).fit(x, y)],
        ("lgb", 1): lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(x, y),
        "data": pd.DataFrame(x),
    }
    result = back(models)
    np.testing.assert_array_equal(result["linear"].predict(x), models["linear"].predict(x))
    np.testing.assert_array_equal(result["xgb"][0].predict(x), models["xgb"][0].predict(x))
    np.testing.assert_array_equal(result["lgb", 1].predict(x), models["lgb", 1].predict(x))
    assert repr(back([LogisticRegression()])) == "[LogisticRegression()]"


def test_bunches():
    iris = load_iris()
    result = back(iris)
    assert type(result) is type(iris)
    np.testing.assert_array_equal(result.data, iris.data)
    assert result.feature_names == iris.feature_names


def test_torch():
    torch = pytest.importorskip("torch")
    value = {
        "t": torch.arange(6).reshape(2, 3),
        "h": torch.ones(2, dtype=torch.bfloat16, requires_grad=True),
        "0d": torch.tensor(1.5),
    }
    result = back(value)
    assert all(torch.equal(result[name], value[name]) and result[name].dtype == value[name].dtype for name in value)
    assert result["h"].requires_grad
    module = torch.nn.Linear(2, 2)
    state = back([module])[0]
    assert torch.equal(state["weight"], module.weight)


def test_the_same_value_gives_the_same_bytes():
    value = {"a": np.arange(3), "b": pd.DataFrame({"x": [1, 2]}), "c": b"x" * 5000}
    assert encode_object(value).data == encode_object(value).data


def test_large_objects_go_to_a_file():
    encoded = encode_object(np.zeros(5_000_000))
    assert encoded.delete_after
    assert decode_object(encoded.path).shape == (5_000_000,)
    encoded.discard()


class Strange:
    def __eq__(self, other):
        return type(other) is Strange

    __hash__ = None


class Point(NamedTuple):
    x: int
    y: int


class Frame(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    "value",
    [Strange(), [1, {"a": Strange()}], Point(1, 2), print, Frame({"a": [1]}), np.ma.array([1], mask=[True])],
    ids=["object", "nested", "namedtuple", "function", "subclass", "masked"],
)
def test_other_objects_only_as_a_pickle_that_was_asked_for(value):
    with pytest.raises(UnsafeLoad, match="allow_pickle=True"):
        encode_object(value)
    encoded = encode_object(value, allow_pickle=True)
    with pytest.raises(UnsafeLoad, match="allow_pickle=True"):
        decode_object(encoded.data)
    result = decode_object(encoded.data, allow_pickle=True)
    assert type(result) is type(value)


def test_pickle_is_used_for_the_strange_part_only():
    encoded = encode_object({"a": np.arange(3), "s": Strange()}, allow_pickle=True)
    with zipfile.ZipFile(io.BytesIO(encoded.data)) as archive:
        assert sorted(name.rpartition(".")[2] for name in archive.namelist()) == ["json", "npy", "pickle"]


def test_what_cannot_even_be_pickled():
    with pytest.raises(WrongType, match="cannot be pickled"):
        encode_object((number for number in [1]), allow_pickle=True)


def test_cycles_and_depth():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(InvalidArgument, match="contains itself"):
        encode_object(cycle)
    deep = []
    for _ in range(90):
        deep = [deep]
    assert back(deep) == deep


def crafted(skeleton, **members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        text = (
            skeleton
            if isinstance(skeleton, (str, bytes))
            else json.dumps({"format": "runlore-object", "version": 1, "value": skeleton})
        )
        archive.writestr("object.json", text)
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def npy(shape, dtype="'<f8'", data=b""):
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04N.",
        crafted("[]"),
        crafted("{"),
        crafted("[" * 200_000),
        crafted({"t": "no such kind"}),
        crafted([1, 2]),
        crafted({"t": 3}),
        crafted({"t": "array", "member": "missing"}),
        crafted({"t": "array", "member": "../../etc/passwd"}),
        crafted({"t": "array", "member": ["x"]}),
        crafted({"t": "array", "member": "m"}, m=b"not an array"),
        crafted({"t": "array", "member": "m"}, m=npy("(1000000000000,)")),
        crafted({"t": "array", "member": "m"}, m=npy("(-1,)")),
        crafted({"t": "array", "member": "m"}, m=npy("(__import__('os').system('true'),)")),
        crafted({"t": "sparse", "member": "m"}, m=b"PK"),
        crafted({"t": "skops", "member": "m"}, m=b"\x80\x04N."),
        pytest.param(
            crafted({"t": "tensor", "member": "m", "requires_grad": False}, m=b"\x80\x04N."), marks=needs_torch
        ),
        crafted({"t": "xgboost", "member": "m", "extra": {"t": "dict", "v": []}}, m=b"\x80\x04N."),
        crafted({"t": "lightgbm", "member": "m", "extra": {"t": "dict", "v": []}}, m=b"\x80\x04N."),
        crafted({"t": "int", "v": "zz"}),
        crafted({"t": "int"}),
        crafted({"t": "range", "v": ["0x0", "0x1", "0x0"]}),
        crafted({"t": "bytes", "v": "*"}),
        crafted({"t": "datetime", "v": [1], "zone": None, "fold": 0}),
        crafted({"t": "datetime", "v": [2024, 1, 1, 0, 0, 0, 0], "zone": "../../etc/passwd", "fold": 0}),
        crafted({"t": "dict", "v": [[{"t": "list", "v": []}, 1]]}),
        crafted({"t": "dataframe", "columns": 1}),
        crafted({"t": "strings", "v": [1], "storage": "python", "nan": False}),
        crafted({"t": "arrow_values", "v": [], "schema": "AAAA"}),
        crafted({"t": "object_array", "shape": [3], "v": [1]}),
        crafted("{}"),
    ],
)
def test_crafted_objects(content, tmp_path):
    with pytest.raises(InvalidArgument):
        decode_object(content)
    (tmp_path / "blob").write_bytes(content)
    with pytest.raises(InvalidArgument):
        decode_object(tmp_path / "blob")


class Evil:
    ran = False

    def __reduce__(self):
        return (setattr, (Evil, "ran", True))


def test_hidden_pickles_are_not_loaded():
    pickled = pickle.dumps(Evil())
    with pytest.raises(UnsafeLoad, match="pickled objects"):
        decode_object(crafted({"t": "array", "member": "m"}, m=npy("(1,)", "'|O'", pickled)), allow_pickle=True)
    out = io.BytesIO()
    np.savez(out, data=np.array([Evil()], dtype=object), format=np.array(b"csr"), shape=np.array([1, 1]))
    with pytest.raises(UnsafeLoad, match="pickled objects"):
        decode_object(crafted({"t": "sparse", "member": "m"}, m=out.getvalue()), allow_pickle=True)
    with pytest.raises(UnsafeLoad, match="allow_pickle"):
        decode_object(crafted({"t": "pickle", "member": "m"}, m=pickled))
    assert not Evil.ran


def test_zip_tricks(tmp_path):
    def archive(*names, size=1):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            for name in names:
                file.writestr(zipfile.ZipInfo(name), bytes(size), compress_type=zipfile.ZIP_DEFLATED)
        return out.getvalue()

    for name in ("/etc/passwd", "../up", "a/../../up"):
        with pytest.raises(InvalidArgument, match="leaves the archive"):
            decode_object(archive("object.json", name))
    with pytest.warns(UserWarning, match="Duplicate"):
        double = archive("object.json", "object.json")
    with pytest.raises(InvalidArgument, match="two members"):
        decode_object(double)
    with pytest.raises(InvalidArgument, match="max_bytes"):
        decode_object(archive("object.json", size=2_000_000), max_bytes=1_000_000)
    with pytest.raises(InvalidArgument, match="members"):
        decode_object(archive(*map(str, range(65_537))))


def test_bombs_inside_models():
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("1.npy", npy("(1000000000000,)"))
    with pytest.raises(InvalidArgument, match="declares shape"):
        decode_object(crafted({"t": "skops", "member": "m"}, m=inner.getvalue()))


@settings(deadline=None, max_examples=examples(60))
@given(st.data())
def test_flipped_bytes_never_crash(data):
    content = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decode_object(bytes(content))
    except (InvalidArgument, UnsupportedFormat):
        return


SAMPLE = encode_object(
    {"a": np.arange(5), "b": [1.5, "x", b"y"], "c": pd.DataFrame({"x": [1, 2], "s": ["p", "q"]})}
).data


def test_newer_versions_say_so():
    content = crafted(json.dumps({"format": "runlore-object", "version": 99, "value": None}))
    with pytest.raises(UnsupportedFormat, match="99"):
        decode_object(content)


def test_objects_of_the_first_version_open_forever():
    value = decode_object(pathlib.Path(__file__).parent / "assets" / "object-1.runlore-object")
    assert value["n"] == [1, 2.5, math.inf, None, -(2**70)]
    assert value[1, "k"] == {"s"}
    np.testing.assert_array_equal(value["a"], np.arange(6, dtype="<f4").reshape(2, 3))
    assert value["t"] == dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
    assert value["f"].loc["s"].tolist() == [2, "y"]
    assert value["b"] == b"y" * 2000
