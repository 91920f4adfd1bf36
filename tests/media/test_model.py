from __future__ import annotations

import collections
import pickle
from importlib.util import find_spec

import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from runlore.errors import InvalidArgument, UnsafeLoad, WrongType
from runlore.media import decode, decode_example, encode_model

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

RANDOM = np.random.default_rng(0)
X = RANDOM.random((60, 4))
Y = np.array(["no", "yes"])[(X[:, 0] > 0.5).astype(int)]
BINARY = (X[:, 0] > 0.5).astype(int)


def back(encoded, **options):
    return decode("model", encoded.media_type, encoded.metadata, encoded.content, **options)


class Custom(LinearRegression):
    """A type that skops does not know."""


class Evil:
    """A pickle that does something when it is loaded."""

    ran = False

    def __reduce__(self):
        return (setattr, (Evil, "ran", True))


@pytest.mark.parametrize("model", [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression(C=2))])
def test_scikit_learn_through_skops(model):
    model.fit(X, Y)
    encoded = encode_model(model)
    assert (encoded.media_type, encoded.metadata["format"]) == ("application/x-skops", "skops")
    assert encoded.metadata["library"] == "sklearn"
    assert not encoded.data.startswith(b"\x80")
    np.testing.assert_array_equal(back(encoded).predict_proba(X), model.predict_proba(X))


def test_unfitted_estimators_are_models_too():
    assert back(encode_model(LogisticRegression(C=3))).C == 3


def test_types_that_are_not_trusted_are_listed():
    encoded = encode_model(Custom().fit(X, BINARY))
    with pytest.raises(UnsafeLoad, match=r"Custom.*trusted=") as error:
        back(encoded)
    trusted = skops.io.get_untrusted_types(data=encoded.data)
    assert all(name in str(error.value) for name in trusted)
    assert type(back(encoded, trusted=trusted)) is Custom
    with pytest.raises(UnsafeLoad):
        back(encoded, trusted=["another.type"], allow_pickle=True)


def test_trees_load_without_being_asked_for():
    model = RandomForestClassifier(n_estimators=3, random_state=0).fit(X, Y)
    encoded = encode_model(model)
    assert encoded.metadata["untrusted_types"] == []
    for options in ({}, {"trusted": ["sklearn.tree._tree.Tree"]}, {"trusted": True}):
        np.testing.assert_array_equal(back(encoded, **options).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("form", [None, "ubj", "json"])
@pytest.mark.parametrize("kind", [xgboost.XGBClassifier, xgboost.XGBRegressor, xgboost.XGBRFClassifier])
def test_xgboost_wrappers(kind, form):
    model = kind(n_estimators=3, max_depth=2, missing=-1.0).fit(X, BINARY)
    encoded = encode_model(model, format=form)
    assert encoded.metadata["format"] == (form or "ubj")
    result = back(encoded)
    assert type(result) is kind
    assert result.get_params()["max_depth"] == 2
    assert result.get_params()["missing"] == -1.0
    np.testing.assert_array_equal(result.predict(X), model.predict(X))


def test_xgboost_booster():
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, BINARY), 3)
    result = back(encode_model(booster, example=X[:2]))
    assert type(result) is xgboost.Booster
    np.testing.assert_array_equal(result.predict(xgboost.DMatrix(X)), booster.predict(xgboost.DMatrix(X)))


@pytest.mark.parametrize(
    ("kind", "target"), [("LGBMClassifier", Y), ("LGBMClassifier", BINARY), ("LGBMRegressor", X[:, 1])]
)
def test_lightgbm_wrappers(kind, target):
    model = getattr(lightgbm, kind)(n_estimators=4, verbose=-1).fit(X, target)
    encoded = encode_model(model)
    assert encoded.data.startswith(b"tree\n")
    result = back(encoded)
    assert type(result) is type(model)
    np.testing.assert_array_equal(result.predict(X), model.predict(X))
    assert result.get_params()["n_estimators"] == 4
    if kind == "LGBMClassifier":
        np.testing.assert_array_equal(result.classes_, model.classes_)
        np.testing.assert_allclose(result.predict_proba(X), model.predict_proba(X))


def test_lightgbm_booster_keeps_its_best_iteration():
    data = lightgbm.Dataset(X, BINARY)
    booster = lightgbm.train({"verbose": -1, "objective": "binary"}, data, 5)
    booster.best_iteration = 2
    result = back(encode_model(booster))
    assert result.best_iteration == 2
    np.testing.assert_array_equal(result.predict(X), booster.predict(X))


def test_parameters_that_json_cannot_hold_are_named():
    model = xgboost.XGBRegressor(n_estimators=2, objective=lambda truth, guess: (guess - truth, np.ones_like(truth)))
    assert encode_model(model.fit(X, BINARY)).metadata["omitted_params"] == ["objective"]


@pytest.mark.parametrize("model", [xgboost.XGBClassifier(), lightgbm.LGBMRegressor()])
def test_boosted_models_that_were_never_fitted(model):
    with pytest.raises(InvalidArgument, match="never fitted"):
        encode_model(model)


def test_torch_module_and_state():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout())
    module[0].bias = torch.nn.Parameter(module[0].weight[:, 0])
    encoded = encode_model(module, example=torch.zeros(8, 4))
    assert module.training
    assert encoded.metadata["format"] == "safetensors"
    assert encoded.metadata["signature"] == {
        "inputs": {"type": "tensor", "dtype": "float32", "shape": [None, 4]},
        "outputs": {"type": "tensor", "dtype": "float32", "shape": [None, 3]},
    }
    state = back(encoded)
    assert list(state) == sorted(module.state_dict()) or set(state) == set(module.state_dict())
    other = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout())
    assert back(encoded, module=other) is other
    for name, tensor in module.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
    with pytest.raises(InvalidArgument, match="do not fit Linear"):
        back(encoded, module=torch.nn.Linear(1, 1))
    again = encode_model(collections.OrderedDict(module.state_dict()))
    assert again.metadata["class"] == "collections.OrderedDict"
    assert torch.equal(back(again)["0.weight"], module[0].weight)


def test_torch_tied_and_transposed_weights():
    torch = pytest.importorskip("torch")
    weight = torch.arange(6.0).reshape(2, 3)
    result = back(encode_model({"a": weight, "b": weight, "c": weight.T, "h": weight.to(torch.bfloat16)}))
    for name, expected in {"a": weight, "b": weight, "c": weight.T, "h": weight.to(torch.bfloat16)}.items():
        assert torch.equal(result[name], expected)


def test_large_weights_go_to_a_file():
    torch = pytest.importorskip("torch")
    encoded = encode_model({"w": torch.ones(9_000_000)})
    assert encoded.delete_after
    assert back(encoded)["w"].sum() == 9_000_000
    encoded.discard()


def test_module_is_for_weights_only():
    with pytest.raises(InvalidArgument, match="PyTorch"):
        back(encode_model(LinearRegression()), module=object())


def test_pickle_only_when_asked():
    with pytest.raises(UnsafeLoad, match='format="pickle"'):
        encode_model({"weights": [1, 2]})
    for arguments in ({"allow_pickle": True}, {"format": "pickle"}):
        encoded = encode_model({"weights": [1, 2]}, **arguments)
        assert (encoded.media_type, encoded.metadata["format"]) == ("application/x-pickle", "pickle")
        with pytest.raises(UnsafeLoad, match="allow_pickle=True"):
            back(encoded)
        assert back(encoded, allow_pickle=True) == {"weights": [1, 2]}


def test_estimators_that_skops_cannot_hold():
    model = FunctionTransformer(func=(value for value in "abc"))
    with pytest.raises(WrongType, match="allow_pickle=True"):
        encode_model(model)
    with pytest.raises(WrongType, match="cannot be pickled"):
        encode_model(model, allow_pickle=True)


def test_allow_pickle_does_not_replace_a_safe_format():
    assert encode_model(LinearRegression(), allow_pickle=True).metadata["format"] == "skops"


@pytest.mark.parametrize(
    ("model", "form", "error"),
    [
        (LinearRegression(), "exe", InvalidArgument),
        (LinearRegression(), "safetensors", WrongType),
        (LinearRegression(), "ubj", WrongType),
        (LinearRegression(), "text", WrongType),
    ],
)
def test_formats_that_do_not_fit(model, form, error):
    with pytest.raises(error, match="format"):
        encode_model(model, format=form)


def test_signature_and_example_from_a_data_frame():
    frame = pd.DataFrame(X, columns=list("abcd")).assign(a=lambda data: (data["a"] * 10).astype("int32"))
    encoded = encode_model(LogisticRegression().fit(frame, Y), example=frame)
    assert encoded.metadata["signature"]["inputs"]["columns"][:2] == [
        {"name": "a", "dtype": "int32"},
        {"name": "b", "dtype": "float64"},
    ]
    assert encoded.metadata["signature"]["outputs"]["type"] == "array"
    pd.testing.assert_frame_equal(decode_example(encoded.metadata), frame.head(5))


def test_example_arrays_nan_and_size():
    example = np.array([[np.nan, 1, 2, np.inf]], dtype=np.float32)
    encoded = encode_model(LinearRegression(), signature={"inputs": {"type": "array"}})
    assert encoded.metadata["signature"] == {"inputs": {"type": "array"}}
    assert decode_example(encoded.metadata) is None
    from runlore.media.signature import encode_example

    back = decode_example({"example": encode_example(example)})
    np.testing.assert_array_equal(back, example)
    assert back.dtype == np.float32
    assert encode_example(np.zeros((3, 100_000))) is None
    assert encode_example({"a": np.zeros(3)}) is None


def test_an_example_that_the_model_refuses():
    model = LinearRegression().fit(X, BINARY)
    with pytest.raises(InvalidArgument, match="does not accept this example"):
        encode_model(model, example=X[:, :2])
    with pytest.raises(InvalidArgument, match="NotFittedError"):
        encode_model(LinearRegression(), example=X)


@pytest.mark.parametrize(
    ("signature", "error"),
    [
        ("x", WrongType),
        ({}, InvalidArgument),
        ({"inputs": 1, "other": 2}, InvalidArgument),
        ({"inputs": object()}, WrongType),
    ],
)
def test_bad_signatures(signature, error):
    with pytest.raises(error, match="signature"):
        encode_model(LinearRegression(), signature=signature)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/x-skops",
        pytest.param("application/x-safetensors", marks=needs_torch),
        "application/x-xgboost-ubj",
        "application/x-xgboost-json",
        "text/x-lightgbm",
    ],
)
def test_a_pickle_under_another_media_type_is_not_unpickled(media_type, tmp_path):
    content = pickle.dumps(Evil())
    (tmp_path / "blob").write_bytes(content)
    for source in (content, str(tmp_path / "blob")):
        with pytest.raises(InvalidArgument):
            decode("model", media_type, {"format": "pickle"}, source, allow_pickle=True)
    assert not Evil.ran


@pytest.mark.parametrize("kind", ["image", "table", "audio", "histogram", "curve", "confusion_matrix", "object"])
def test_a_pickle_of_another_kind_is_not_unpickled(kind):
    with pytest.raises(InvalidArgument):
        decode(kind, "application/x-pickle", {}, pickle.dumps(Evil()), allow_pickle=kind == "object")
    assert not Evil.ran


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("application/x-xgboost-ubj", b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner"),
        ("application/x-xgboost-json", b"{}"),
        ("text/x-lightgbm", b"tree\nversion=v4\nnum_class=x"),
        pytest.param("application/x-safetensors", b"\xff" * 64, marks=needs_torch),
        ("application/x-other", b""),
    ],
)
def test_damaged_models(media_type, content):
    with pytest.raises(InvalidArgument):
        decode("model", media_type, {}, content)


def test_metadata_cannot_name_any_class():
    content = encode_model(xgboost.XGBRegressor(n_estimators=1).fit(X, BINARY)).data
    for wrapper in ("train", "os.system", "XGBModel"):
        with pytest.raises(InvalidArgument, match="none of"):
            decode("model", "application/x-xgboost-ubj", {"wrapper": wrapper}, content)
    with pytest.raises(InvalidArgument, match="mapping"):
        decode("model", "application/x-xgboost-ubj", {"wrapper": "XGBRegressor", "params": [1]}, content)
