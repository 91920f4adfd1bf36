from __future__ import annotations

import datetime as dt
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.examples import examples

from runlore.errors import ArtifactNotFound, InvalidArgument, InvalidName, WrongType
from runlore.media import data_reference


def digest(data):
    return data_reference(data)["hash"]


@settings(deadline=None, max_examples=examples(80))
@given(
    hnp.arrays(
        st.sampled_from([np.int64, np.float32, np.bool_, np.dtype("M8[ns]"), np.dtype("U3"), np.dtype(">i4")]),
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
    ),
    st.data(),
)
def test_one_changed_element_changes_the_hash(array, data):
    before = digest(array)
    assert digest(array.copy(order="F")) == before
    assert digest(array.astype(array.dtype.newbyteorder(">"))) == before
    at = tuple(data.draw(st.integers(0, length - 1)) for length in array.shape)
    changed = array.copy()
    flipped = bytearray(changed[at].tobytes())
    flipped[0] ^= 1
    changed[at] = np.frombuffer(bytes(flipped), array.dtype)[0] if array.dtype.kind != "U" else str(array[at])[:2] + "~"
    if changed[at] != array[at] and array[at] == array[at]:
        assert digest(changed) != before


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(left, right):
    """Equal, and of equal types all the way down; 0.0 and -0.0 differ."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right and repr(left) == repr(right)


@settings(deadline=None, max_examples=examples(200))
@given(st.lists(VALUES, max_size=2), st.lists(VALUES, max_size=2))
def test_hashes_are_equal_exactly_when_values_are(left, right):
    assert (digest(left) == digest(right)) == same(left, right)


def test_the_printed_form_does_not_decide():
    array = np.arange(10_000)
    other = array.copy()
    other[5_000] += 1
    assert str(array) == str(other)
    assert digest(array) != digest(other)
    assert digest(pd.DataFrame({"a": array})) != digest(pd.DataFrame({"a": other}))


FRAME = pd.DataFrame(
    {
        "i": [1, 2],
        "f": [0.5, np.nan],
        "s": ["a", None],
        "d": pd.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("UTC"),
        "c": pd.Categorical(["x", "y"]),
        "n": pd.array([1, None], dtype="Int64"),
    }
)


def test_frames_columns_index_and_types_matter():
    base = digest(FRAME)
    assert digest(FRAME.copy()) == base
    variants = [
        FRAME[FRAME.columns[::-1]],
        FRAME.rename(columns={"i": "j"}),
        FRAME.set_index(pd.Index([5, 6])),
        FRAME.astype({"i": "int32"}),
        FRAME.iloc[::-1],
        FRAME.assign(s=["a", "b"]),
        FRAME.assign(n=pd.array([1, 2], dtype="Int64")),
        FRAME.assign(c=pd.Categorical(["x", "y"], categories=["y", "x"])),
        FRAME.assign(d=FRAME["d"].dt.tz_convert("Europe/Paris")),
        FRAME["i"],
        FRAME["i"].rename("k"),
        FRAME.columns,
        FRAME.set_index(["i", "s"]),
    ]
    assert len({base, *map(digest, variants)}) == len(variants) + 1
    assert digest(FRAME.set_index(pd.Index([0, 1]))) == base
    assert digest(pd.concat([FRAME.iloc[:1], FRAME.iloc[1:]])) == base


def test_facts_about_the_data():
    reference = data_reference(FRAME, "train")
    assert reference["name"] == "train"
    assert reference["kind"] == "dataframe"
    assert reference["shape"] == [2, 6]
    assert reference["columns"] == list("ifsdcn")
    assert reference["dtypes"][0] == "int64"
    assert reference["size_bytes"] > 0
    assert data_reference(np.zeros((2, 3), np.float32))["dtype"] == "float32"
    assert data_reference([1, 2, 3])["length"] == 3
    assert data_reference(pl.DataFrame({"a": [1]}))["columns"] == ["a"]
    assert data_reference(pa.table({"a": [1]}))["dtypes"] == ["int64"]
    assert data_reference(5)["kind"] == "int"


def test_arrow_and_polars_hash_by_content_not_by_chunks():
    columns = {
        "a": [1, None, 3],
        "b": ["x", None, "zz"],
        "l": [[1], None, [2, 3]],
        "t": [dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc), None, None],
    }
    table = pa.table(columns)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert digest(chunked) == digest(table) == digest(table.slice(0)) == digest(table.to_batches()[0])
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert digest(frame) == digest(pa.table({"a": [1, 2], "b": ["x", None]}))
    assert digest(frame) == digest(pl.concat([frame[:1], frame[1:]], rechunk=False))
    assert digest(pl.DataFrame({"a": [1, 2], "b": ["x", ""]})) != digest(frame)
    assert digest(frame["a"]) == digest(pl.Series("a", [1, 2]))
    assert digest(pa.array([True, None])) != digest(pa.array([True, False]))
    assert digest(pa.table({"f": pa.array([0.5], pa.float16())})).startswith("sha256:")
    with pytest.raises(WrongType, match="read_all"):
        digest(table.to_reader())


def test_sparse_masked_structured_and_objects():
    dense = np.array([[0, 1], [2, 0]])
    assert digest(sp.csr_matrix(dense)) == digest(sp.coo_array(dense))
    assert digest(sp.csr_matrix(dense)) != digest(sp.csr_matrix(dense * 2))
    assert digest(np.ma.array([1, 2], mask=[False, True])) == digest(np.ma.array([1, 3], mask=[False, True]))
    assert digest(np.ma.array([1, 2], mask=[True, False])) != digest(np.ma.array([1, 2], mask=[False, True]))
    record = np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
    assert digest(record) == digest(record.copy())
    changed = record.copy()
    changed["b"][1] = 1
    assert digest(changed) != digest(record)
    assert digest(np.array([1, "a", None], dtype=object)) != digest(np.array([1, "a", 0], dtype=object))
    assert digest(np.float32(1)) != digest(np.float64(1))


def test_chunks_of_large_arrays_leave_no_trace():
    array = np.arange(3_000_000)
    assert digest(array) == digest(np.concatenate([array, array])[: len(array)])
    assert digest(array[::2]) == digest(array[::2].copy())


def test_bunches_ignore_what_is_not_data():
    from sklearn.datasets import load_iris

    iris = load_iris()
    reference = data_reference(iris, "iris")
    assert (reference["kind"], reference["shape"]) == ("bunch", [150, 4])
    other = load_iris()
    other["filename"], other["DESCR"] = "/elsewhere/iris.csv", ""
    assert digest(other) == reference["hash"]
    other["data"][3, 1] += 1e-9
    assert digest(other) != reference["hash"]


def test_tensors():
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6.0).reshape(2, 3)
    reference = data_reference(tensor, "t")
    assert (reference["kind"], reference["shape"], reference["dtype"]) == ("tensor", [2, 3], "float32")
    assert digest(tensor.T.contiguous().T) == digest(tensor.clone().requires_grad_())
    assert digest(tensor.to(torch.bfloat16)) != digest(tensor)
    assert digest(tensor + 1) != digest(tensor)


def test_text_bytes_and_files_are_plain_sha256(tmp_path):
    content = "Größe\n".encode()
    expected = f"sha256:{hashlib.sha256(content).hexdigest()}"
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert digest(content) == digest(content.decode()) == digest(path) == digest(str(path)) == expected
    assert data_reference(path) == {
        "name": "data",
        "hash": expected,
        "kind": "file",
        "size_bytes": len(content),
        "path": str(path),
    }
    assert data_reference("no/such/file")["kind"] == "text"
    with pytest.raises(ArtifactNotFound, match="does not exist"):
        data_reference(tmp_path / "missing")


def test_directories_hash_names_and_contents(tmp_path):
    def build(root, files, empty=()):
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        for name in empty:
            (root / name).mkdir(parents=True)
        return root

    base = build(tmp_path / "a", {"x/1.txt": "one", "x/2.txt": "two", "y.txt": ""})
    reference = data_reference(base, "images")
    assert (reference["kind"], reference["files"], reference["size_bytes"]) == ("directory", 3, 6)
    assert digest(build(tmp_path / "b", {"y.txt": "", "x/2.txt": "two", "x/1.txt": "one"})) == reference["hash"]
    os.utime(base / "y.txt", (1, 1))
    assert digest(base) == reference["hash"]
    others = [
        build(tmp_path / "c", {"x/1.txt": "One", "x/2.txt": "two", "y.txt": ""}),
        build(tmp_path / "d", {"x/3.txt": "one", "x/2.txt": "two", "y.txt": ""}),
        build(tmp_path / "e", {"x/1.txt": "one", "x/2.txt": "two"}),
        build(tmp_path / "f", {"x/1.txt": "onetwo", "x/2.txt": "", "y.txt": ""}),
        build(tmp_path / "g", {"x/1.txt": "one", "x/2.txt": "two", "y.txt": ""}, empty=["z"]),
    ]
    assert len({reference["hash"], *map(digest, others)}) == 6


def test_links_in_directories(tmp_path):
    root = tmp_path / "a"
    root.mkdir()
    (root / "circle").symlink_to(root, target_is_directory=True)
    (root / "dangling").symlink_to("nowhere")
    (tmp_path / "outside").write_text("content")
    (root / "link").symlink_to(tmp_path / "outside")
    before = digest(root)
    (tmp_path / "outside").write_text("changed")
    assert digest(root) != before


def test_pipes_have_no_content(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArgument, match="no regular file"):
        digest(tmp_path / "pipe")
    with pytest.raises(InvalidArgument, match="no regular file"):
        digest(tmp_path)


@pytest.mark.parametrize("data", [object(), lambda: 1, (number for number in [1]), [1, object()], {"a": print}, type])
def test_objects_without_content_are_refused(data):
    with pytest.raises(WrongType, match="no content"):
        digest(data)


def test_containers_that_contain_themselves():
    data = []
    data.append(data)
    with pytest.raises(InvalidArgument, match="contains itself"):
        digest(data)


def test_names_are_checked():
    with pytest.raises(InvalidName):
        data_reference([1], "")


def test_equal_in_another_process_under_another_hash_seed():
    script = (
        "import numpy as np, pandas as pd\n"
        "from runlore.media import data_reference as r\n"
        "data = {'b': {'x', 'y', 'z'}, 'a': [1, 2.5, None, b'x'], 'f': pd.DataFrame({'s': ['p', 'q'], 'n': [1, 2]}),"
        " 'n': np.arange(5), 'k': frozenset({1, 2})}\n"
        "print(r(data)['hash'])"
    )
    hashes = set()
    for seed in ("0", "1"):
        out = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        hashes.add(out.stdout)
    assert len(hashes) == 1


def test_the_format_of_hashes_is_frozen():
    """Hashes of released versions stay comparable: a change here loses every user's history."""
    frozen = {
        "numbers": [1, 2.5, True, None, -(2**70)],
        "mapping": {"a": (1, "x"), 2: {b"y"}},
        "array": np.arange(6, dtype="<i4").reshape(2, 3),
        "frame": pd.DataFrame({"i": [1, 2], "f": [0.5, 1.5]}, index=["a", "b"]).astype({"i": "int64"}),
        "table": pa.table({"a": [1, None], "b": ["x", "y"]}),
    }
    expected = (Path(__file__).parent / "assets" / "data_hashes.txt").read_text()
    assert "".join(f"{name} {digest(value)}\n" for name, value in frozen.items()) == expected
