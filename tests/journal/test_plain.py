"""What people hand over as settings becomes numbers, text, lists and mappings; nothing of it is lost or made up."""

from __future__ import annotations

import argparse
import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import ipaddress
import json
import math
import pathlib
import re
import subprocess
import sys
import types
import typing
import uuid

import attrs
import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pydantic
import pytest
from omegaconf import OmegaConf
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from runlore.errors import InvalidArgument, WrongType
from runlore.journal.plain import MAX_NESTING, entries_of, plain
from runlore.journal.values import flatten, to_bytes, to_json


class Colour(enum.Enum):
    RED = "red"
    ONE = 1
    PAIR = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Word(str, enum.Enum):
    SHORT = "s"


@dataclasses.dataclass
class Optimizer:
    lr: float = 0.1
    kind: Colour = Colour.RED
    path: pathlib.Path = pathlib.Path("a/b")
    constant: typing.ClassVar[int] = 3


@dataclasses.dataclass
class Training:
    optimizer: Optimizer = dataclasses.field(default_factory=Optimizer)
    layers: list = dataclasses.field(default_factory=lambda: [8, 8])


@attrs.define
class Attrs:
    n: int = 1
    inner: Optimizer = attrs.field(factory=Optimizer)


class Model(pydantic.BaseModel, extra="allow"):
    sizes: dict[str, int] = {"a": 1}
    token: pydantic.SecretStr = pydantic.SecretStr("geheim")


class Root(pydantic.RootModel[list[int]]):
    pass


class Struct(msgspec.Struct):
    n: int = 3


class Config:
    """As configurations of transformers are."""

    def to_dict(self):
        return {"hidden": 8}


Pair = collections.namedtuple("Pair", "first second")  # noqa: PYI024 - people have them
OPTIMIZER = {"lr": 0.1, "kind": "red", "path": "a/b"}

SETTINGS = {
    "a mapping": ({"a": 1}, {"a": 1}),
    "a mapping of its own": (collections.UserDict(a=1), {"a": 1}),
    "a chain": (collections.ChainMap({"a": 1}, {"b": 2}), {"b": 2, "a": 1}),
    "a read-only mapping": (types.MappingProxyType({"a": 1}), {"a": 1}),
    "a namespace": (argparse.Namespace(a=1, b=argparse.Namespace(c=2)), {"a": 1, "b": {"c": 2}}),
    "a simple namespace": (types.SimpleNamespace(a=1), {"a": 1}),
    "a named tuple": (Pair(1, Pair(2, 3)), {"first": 1, "second": {"first": 2, "second": 3}}),
    "a dataclass": (Training(), {"optimizer": OPTIMIZER, "layers": [8, 8]}),
    "attrs": (Attrs(), {"n": 1, "inner": OPTIMIZER}),
    "pydantic": (Model(more=2), {"sizes": {"a": 1}, "token": "**********", "more": 2}),
    "msgspec": (Struct(), {"n": 3}),
    "to_dict": (Config(), {"hidden": 8}),
    "omegaconf": (
        OmegaConf.create(
            {"layers": [8, {"w": "${..seed}"}], "seed": 7, "a": "???", "b": "${a}", "c": "${oc.env:NO_SUCH}", "d": None}
        ),
        {"layers": [8, {"w": "${..seed}"}], "seed": 7, "a": "???", "b": "${a}", "c": "${oc.env:NO_SUCH}", "d": None},
    ),
    "omegaconf with references": (OmegaConf.create({"a": {"b": "${seed}"}, "seed": 7}), {"a": {"b": 7}, "seed": 7}),
    "structured omegaconf": (OmegaConf.structured(Optimizer), {**OPTIMIZER, "kind": "red"}),
    "a frame": (pd.DataFrame({"a": [1, 2]}), {"a": [1, 2]}),
    "a frame of polars": (pl.DataFrame({"a": [1, 2]}), {"a": [1, 2]}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_every_kind_at_any_depth(name):
    value, stored = SETTINGS[name]
    assert plain(value, "x") == stored
    assert plain({"deep": [{"er": value}]}, "x") == {"deep": [{"er": stored}]}
    assert json.loads(to_json(value, "x")) == json.loads(to_bytes(value, "x")) == stored
    flat = {key: plain(item, key) for key, item in flatten(value).items()}
    assert flat == flatten(stored)
    assert all(f"in/{key}" in flatten({"in": value}) for key in flat)


SEQUENCES = {
    "range": (range(1, 7, 2), [1, 3, 5]),
    "a list of omegaconf": (OmegaConf.create([8, "???", [1]]), [8, "???", [1]]),
    "deque": (collections.deque([1, 2]), [1, 2]),
    "a list of its own": (collections.UserList([1]), [1]),
    "array": (array.array("d", [0.5]), [0.5]),
    "keys": ({"b": 1, "a": 2}.keys(), ["b", "a"]),
    "values": ({"b": 1, "a": 2}.values(), [1, 2]),
    "items": ({"b": 1, "a": 2}.items(), [["b", 1], ["a", 2]]),
    "numbers in a set": ({10, 9, 2.5}, [2.5, 9, 10]),
    "a mixed set": (frozenset({"a", 1, "B"}), [1, "B", "a"]),
    "a set of tuples": ({(2, 1), (1, 2)}, [[1, 2], [2, 1]]),
    "a root of pydantic": (Root([1, 2]), [1, 2]),
    "a series": (pd.Series([1, 2]), [1, 2]),
    "a series of polars": (pl.Series([1, 2]), [1, 2]),
    "an index": (pd.Index(["a"]), ["a"]),
    "a masked array": (np.ma.array([1, 2], mask=[0, 1]), [1, None]),
    "an array": (np.array([[1.5], [math.inf]]), [[1.5], [math.inf]]),
    "records": (np.array([(1, 2.5)], dtype=[("a", int), ("b", float)]), [{"a": 1, "b": 2.5}]),
    "times": (np.array(["2024-01-02", "NaT"], "M8[D]"), ["2024-01-02", "NaT"]),
    "durations": (np.array([1500], "m8[ms]"), [1.5]),
    "times of pandas": (pd.Series(["2024-01-02"], dtype="datetime64[ns]"), ["2024-01-02"]),
    "objects": (np.array([Colour.RED, None], dtype=object), ["red", None]),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_of_every_kind(name):
    value, stored = SEQUENCES[name]
    assert plain(value, "x") == stored
    assert flatten({"x": value})["x"] is value
    assert plain({"in": [value]}, "x") == {"in": [stored]}


LEAVES = [
    (Colour.RED, "red"), (Colour.ONE, 1), (Colour.PAIR, "PAIR"), (Level.HIGH, 3), (Word.SHORT, "s"),
    (pathlib.PurePosixPath("a/b"), "a/b"), (pathlib.Path("\udcff"), "\udcff"),
    (np.float32(0.5), 0.5), (np.int8(3), 3), (np.bool_(True), True), (np.str_("x"), "x"), (np.array(2), 2),
    (np.datetime64("2024-01-02T03"), "2024-01-02T03"), (np.timedelta64(1500, "ms"), 1.5), (np.ma.masked, None),
    (np.longdouble(1.5), 1.5), (np.complex64(1j), "1j"),
    (np.array((1, 2.5), dtype=[("a", int), ("b", float)])[()], {"a": 1, "b": 2.5}),
    (np.dtype("float32"), "float32"), (np.float32, "numpy.float32"), (pd.Int64Dtype(), "Int64"),
    (pl.List(pl.Int8), "List(Int8)"),
    (math.log, "math.log"), (np.log1p, "numpy.log1p"), (len, "len"), (Colour, f"{__name__}.Colour"), (math, "math"),
    (functools.partial(math.log, 2), "functools.partial(math.log, 2)"),
    (functools.partial(sorted, key=len, reverse=True), "functools.partial(sorted, key=len, reverse=True)"),
    (list[int], "list[int]"), (typing.Callable[[int], str], "typing.Callable[[int], str]"),
    (dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc), "2024-01-02T00:00:00+00:00"), (dt.date(2024, 1, 2), "2024-01-02"),
    (dt.time(3), "03:00:00"), (dt.timedelta(hours=1.5), 5400.0), (dt.timezone.utc, "UTC"),
    (pd.Timestamp("2024"), "2024-01-01T00:00:00"), (pd.Timedelta("90s"), 90.0), (pd.NA, None),
    (pd.Period("2024-01"), "2024-01"), (pd.Interval(1, 2), "(1, 2]"),
    (decimal.Decimal("0.1"), 0.1), (decimal.Decimal("0.10000000000000000000001"), "0.10000000000000000000001"),
    (fractions.Fraction(1, 2), 0.5), (fractions.Fraction(1, 3), "1/3"), (fractions.Fraction(10**400), str(10**400)),
    (1j, "1j"), (re.compile("a+"), "a+"),
    (uuid.UUID(int=3), "00000000-0000-0000-0000-000000000003"), (ipaddress.ip_address("1.2.3.4"), "1.2.3.4"),
    (slice(1, 2), "slice(1, 2, None)"), (range(10**9), "range(0, 1000000000)"),
    (LogisticRegression(C=2), "LogisticRegression(C=2)"), (RBF(2.0), "RBF(length_scale=2)"),
    (KFold(3), "KFold(n_splits=3, random_state=None, shuffle=False)"), (2**200, 2**200),
]  # fmt: skip


@pytest.mark.parametrize(("value", "stored"), LEAVES, ids=lambda value: type(value).__name__)
def test_single_values(value, stored):
    found = plain(value, "x")
    assert (found, type(found)) == (stored, type(stored))
    assert json.loads(to_json([value], "x")) == [stored]


def test_numbers_that_are_none_and_wide_ones():
    assert math.isnan(plain(decimal.Decimal("NaN"), "x"))
    assert math.isnan(plain(decimal.Decimal("sNaN"), "x"))
    assert math.isnan(plain(np.longdouble("nan"), "x"))
    wide = np.longdouble(1) / 3
    assert plain(wide, "x") in (float(wide), str(wide))
    assert plain(pd.NaT, "x") == "NaT"


def test_an_estimator_of_many_steps_is_kept_whole():
    steps = make_pipeline(*[LogisticRegression(C=number + 0.5, max_iter=number + 7) for number in range(40)])
    text = plain(steps.get_params(), "x")["steps"]
    assert plain(steps, "x").count("max_iter=") == 40
    assert len(text) == 40


def test_keys_of_every_kind():
    keys = {3: "a", None: "b", True: "c", 2.5: "d", Colour.RED: "e", np.int64(7): "f", pathlib.Path("p"): "g", "ü": "h"}
    stored = {"null": "b", "true": "c", "2.5": "d", "RED": "e", "7": "f", "p": "g", "ü": "h", "3": "a"}
    assert plain(keys, "x") == flatten(keys) == stored


COLLIDING = {
    "number and text": ({1: "a", "1": "b"}, "1 and '1'"),
    "bool and text": ({True: "a", "true": "b"}, "True and 'true'"),
    "deep": ({"in": [{1: "a", "1": "b"}]}, "1 and '1'"),
    "columns": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' and 'a'"),
}


@pytest.mark.parametrize("name", COLLIDING)
def test_keys_that_would_be_one(name):
    value, named = COLLIDING[name]
    with pytest.raises(InvalidArgument, match=f"param 'k' cannot be stored: .*{named} would both be"):
        plain(value, "param 'k'")


@pytest.mark.parametrize(
    ("value", "first", "second"),
    [
        ({"a": {"b": 1}, "a/b": 2}, r"\['a'\]\['b'\]", r"\['a/b'\]"),
        ({"a/b": 2, "a": {"b": 1}}, r"\['a/b'\]", r"\['a'\]\['b'\]"),
        ({1: "a", "1": "b"}, "1", "'1'"),
        ({"a": {1: {"c": 1}, "1": {"c": 2}}}, "at a: the keys 1", "'1'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a'", "'a'"),
        ({"a": {"b/c": 1}, "a/b": {"c": 2}}, r"\['a'\]\['b/c'\]", r"\['a/b'\]\['c'\]"),
    ],
)
def test_flattened_keys_that_would_be_one(value, first, second):
    with pytest.raises(InvalidArgument, match=f"{first} and {second} would both be"):
        flatten(value)


def test_empty_mappings_are_entries():
    assert flatten({"a": {}, "b": {"c": {}}}) == {"a": {}, "b/c": {}}
    assert flatten({"a": {}, "b": {"c": {}}}, keep_empty=False) == {}


def nested(levels, value=1):
    for _ in range(levels):
        value = {"a": value}
    return value


def test_nesting_has_a_bound():
    assert flatten(nested(MAX_NESTING)) == {"/".join("a" * MAX_NESTING): 1}
    assert plain(nested(MAX_NESTING), "x") == nested(MAX_NESTING)
    for levels in (MAX_NESTING + 1, 900, 100_000):
        for call in (flatten, lambda value: plain(value, "params"), lambda value: plain([value], "params")):
            with pytest.raises(InvalidArgument, match=r"params.* nested deeper than 64"):
                call(nested(levels))


def test_what_contains_itself():
    cycle = {}
    cycle["again"] = [cycle]
    own = []
    own += [own, own]
    for value in (cycle, own, {"x": own}):
        with pytest.raises(InvalidArgument, match="contains itself"):
            plain(value, "x")
    looped = {}
    looped["again"] = looped
    with pytest.raises(InvalidArgument, match="contains itself"):
        flatten(looped)
    shared = [1]
    assert plain([shared, shared, {"a": shared}], "x") == [[1], [1], {"a": [1]}]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        b"x",
        bytearray(b"x"),
        memoryview(b"x"),
        iter([]),
        (number for number in range(3)),
        {(1, 2): 3},
        {object(): 1},
        {b"a": 1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_form(value):
    for inside in (value, {"in": [value]}):
        with pytest.raises(WrongType, match=r"param 'k' cannot be stored: "):
            plain(inside, "param 'k'")


def test_integers_that_readers_would_not_take():
    huge = 10**4300
    for value in (huge, -huge, [huge], {"a": {huge}}, np.array([huge], dtype=object)):
        with pytest.raises(InvalidArgument, match="more than 4,300 digits"):
            plain(value, "x")
    assert plain(huge - 1, "x") == huge - 1


def test_the_message_says_where():
    with pytest.raises(WrongType, match=r"at layers\[1\]\.activation: a value of type object"):
        plain({"layers": [{}, {"activation": object()}]}, "param 'net'")


def test_what_is_no_settings_is_refused_at_the_top():
    for value in ([1], "text", 3, None, {1, 2}, np.arange(3), Colour.RED, Optimizer):
        assert entries_of(value) is None
        with pytest.raises(WrongType, match=r"params=.* must be a mapping"):
            flatten(value)
    assert flatten(pd.Series({"a": 1, "b": 2})) == {"a": 1, "b": 2}


def test_what_settings_raise_by_themselves_goes_through():
    class Broken:
        def to_dict(self):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        plain(Broken(), "x")


def test_no_library_is_imported():
    code = (
        "import sys\n"
        "from runlore.journal.plain import plain\n"
        "plain({'a': [1, {2, 3}, range(3), 1j, len, object, plain]}, 'x')\n"
        "names = ('numpy', 'pandas', 'omegaconf', 'attrs', 'pydantic', 'dataclasses', 'decimal', 'datetime')\n"
        "print([name for name in names if name in sys.modules and name not in given])\n"
    )
    code = "import sys, json, re\ngiven = set(sys.modules)\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
