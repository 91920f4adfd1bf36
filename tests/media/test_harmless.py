"""Models that are stored load by default, or say at once what has to be trusted; nothing on the list does harm."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from contextlib import suppress

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from scipy import stats
from sklearn import compose, ensemble, gaussian_process, linear_model, neighbors, neural_network, pipeline, svm
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401 - it makes them public
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, ShuffleSplit
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import all_estimators
from sklearn.utils._test_common.instance_generator import _construct_instances

from runlore import notices
from runlore.errors import InvalidArgument, UnsafeLoad, WrongType
from runlore.media import decode, encode_model, encode_object
from runlore.media.harmless import HARMLESS, unknown_types

RANDOM = np.random.default_rng(0)
X = np.abs(RANDOM.normal(size=(40, 4))) + 0.1
Y = (X[:, 0] > X[:, 0].mean()).astype(int)
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(k=np.where(Y, "u", "v"))


@pytest.fixture(autouse=True)
def _nothing_was_said(monkeypatch):
    monkeypatch.setattr(notices, "_said", set())


def back(encoded, **options):
    return decode("model", encoded.media_type, encoded.metadata, encoded.content, **options)


def fitted(estimator):
    """The estimator, fitted on the first data that it takes; as it is, where it takes none."""
    texts, pairs = ["a b", "b c"] * 5, [{"a": 1}, {"b": 2}]
    for data in ((X, Y), (X,), (X, np.c_[Y, 1 - Y]), (X[:, 0], Y), (texts,), (pairs,), (Y,), ([[1, 2], [1]],)):
        with suppress(Exception):  # estimators raise anything at data that is not for them
            return estimator.fit(*data)
    return estimator


@pytest.mark.parametrize("part", range(4))
def test_every_estimator_of_scikit_learn_that_is_stored_loads(part, capsys):
    stored = 0
    for name, kind in all_estimators()[part::4]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                estimator = fitted(next(iter(_construct_instances(kind))))
            except (TypeError, StopIteration):
                continue
            try:
                encoded = encode_model(estimator)
            except WrongType:
                assert name == "Birch", "the only one that skops does not take"
                continue
            assert encoded.metadata["untrusted_types"] == [], name
            assert type(back(encoded)) is kind
        stored += 1
    assert stored > 40
    assert capsys.readouterr().err == ""


def forest():
    return ensemble.RandomForestClassifier(3, random_state=0)


COMPOSED = {
    "grid search": lambda: GridSearchCV(forest(), {"max_depth": [1, 2]}, scoring="f1", cv=2),
    "grid search with scores": lambda: GridSearchCV(
        svm.SVC(),
        {"C": [1, 2]},
        scoring={"a": "accuracy", "f": make_scorer(f1_score)},
        refit="a",
        cv=ShuffleSplit(2, random_state=0),
    ),
    "random search": lambda: RandomizedSearchCV(
        linear_model.LogisticRegression(), {"C": [1.0, 2.0]}, n_iter=2, cv=2, random_state=np.random.RandomState(0)
    ),
    "vote": lambda: ensemble.VotingClassifier([("a", linear_model.LogisticRegression()), ("b", forest())]),
    "stack": lambda: ensemble.StackingClassifier(
        [("a", neighbors.KNeighborsClassifier()), ("b", forest())], ensemble.GradientBoostingClassifier(n_estimators=3)
    ),
    "histogram boosting": lambda: ensemble.HistGradientBoostingClassifier(max_iter=3),
    "ball tree": lambda: neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="canberra"),
    "perceptron": lambda: neural_network.MLPClassifier(5, max_iter=400, random_state=0),
    "perceptron by descent": lambda: neural_network.MLPClassifier(5, solver="sgd", max_iter=400, random_state=0),
    "process": lambda: gaussian_process.GaussianProcessClassifier(ConstantKernel() * RBF() + Matern() + WhiteKernel()),
    "best of": lambda: pipeline.make_pipeline(SelectKBest(f_classif, k=2), linear_model.LogisticRegression()),
    "logarithm": lambda: pipeline.make_pipeline(
        FunctionTransformer(np.log1p, inverse_func=np.expm1), StandardScaler(), linear_model.LogisticRegression()
    ),
    "boosters": lambda: ensemble.VotingClassifier(
        [("x", xgboost.XGBClassifier(n_estimators=2)), ("l", lightgbm.LGBMClassifier(n_estimators=2, verbose=-1))]
    ),
    "search of a booster": lambda: GridSearchCV(xgboost.XGBClassifier(n_estimators=2), {"max_depth": [1, 2]}, cv=2),
}


@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_what_people_compose_loads_and_predicts_the_same(name, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = COMPOSED[name]().fit(X, Y)
    encoded = encode_model(model, example=X)
    np.testing.assert_array_equal(back(encoded).predict(X), model.predict(X))
    content = encode_object({"model": model})
    inner = decode("object", content.media_type, content.metadata, content.content)["model"]
    np.testing.assert_array_equal(inner.predict(X), model.predict(X))
    assert capsys.readouterr().err == ""


def test_a_pipeline_over_columns():
    columns = compose.make_column_transformer(
        (StandardScaler(), compose.make_column_selector(dtype_include=float)), (OneHotEncoder(), ["k"]),
        (FunctionTransformer(np.log1p), ["c"]), remainder="passthrough",
    )  # fmt: skip
    model = pipeline.make_pipeline(columns, forest()).fit(FRAME, Y)
    np.testing.assert_array_equal(back(encode_model(model)).predict(FRAME), model.predict(FRAME))


class Own(BaseEstimator):
    def fit(self, rows, truth=None):
        self.mean_ = float(np.mean(rows))
        return self


def own_function(rows):
    return rows * 2


@pytest.mark.parametrize("make", [Own, lambda: FunctionTransformer(own_function)], ids=["class", "function"])
def test_what_is_not_on_the_list_is_said_with_the_words_that_load_it(make, capsys):
    encoded = encode_model(make().fit(X))
    unknown = encoded.metadata["untrusted_types"]
    assert len(unknown) == 1
    said = capsys.readouterr().err
    assert f"load(trusted={unknown})" in said
    assert "load(trusted=True)" in said
    with pytest.raises(UnsafeLoad, match="trusted=True"):
        back(encoded)
    for trusted in (unknown, True, tuple(unknown), unknown[0]):
        assert type(back(encoded, trusted=trusted)) is type(make())
    with pytest.raises(UnsafeLoad):
        back(encoded, trusted=False)
    with pytest.raises(UnsafeLoad):
        back(encoded, trusted=["another.Type"])


def test_distributions_have_to_be_trusted(capsys):
    """They execute a text of the file when they are loaded."""
    model = RandomizedSearchCV(
        linear_model.LogisticRegression(), {"C": stats.uniform(0.1, 1)}, n_iter=2, cv=2, random_state=0
    )
    encoded = encode_model(model.fit(X, Y))
    assert "scipy.stats._continuous_distns.uniform_gen" in encoded.metadata["untrusted_types"]
    assert "uniform_gen" in capsys.readouterr().err
    with pytest.raises(UnsafeLoad):
        back(encoded)
    np.testing.assert_array_equal(back(encoded, trusted=True).predict(X), model.predict(X))


def test_what_could_be_written_and_not_read_is_refused_when_it_is_written():
    model = linear_model.LogisticRegression().fit(X, Y)
    model.shuffle = np.random.permutation
    with pytest.raises(WrongType, match="cannot be stored without pickle"):
        encode_model(model)


# -- files made with intent -----------------------------------------------------------------------------------------


def forged(change):
    """A stored model whose schema was changed by `change`."""
    encoded = encode_model(FunctionTransformer(np.log1p).fit(X))
    source, out = zipfile.ZipFile(io.BytesIO(encoded.read())), io.BytesIO()
    schema = json.loads(source.read("schema.json"))
    change(schema)
    with zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, json.dumps(schema) if name == "schema.json" else source.read(name))
    return out.getvalue()


def node(module, name, loader, **more):
    return {"__module__": module, "__class__": name, "__loader__": loader, "__id__": 1, **more}


EMPTY = node("builtins", "tuple", "TupleNode", content=[])
TEXT = node("builtins", "str", "JsonNode", content='"/etc/passwd"', is_json=True)
PATH = node("builtins", "tuple", "TupleNode", content=[TEXT])

INTENT = {
    "a function": node("os", "getcwd", "FunctionNode"),
    "a call": node("os", "listdir", "ConstructorFromReduceNode", content=PATH),
    "a call of a listed function": node("numpy", "mean", "ConstructorFromReduceNode", content=PATH),
    "a listed class with arguments": node("xgboost.core", "Booster", "ConstructorFromReduceNode", content=PATH),
    "a class as a function": node("xgboost.core", "Booster", "FunctionNode"),
    "a function of NumPy that reads": node("numpy", "load", "FunctionNode"),
    "a type": node("subprocess", "Popen", "TypeNode"),
}


@pytest.mark.parametrize("name", INTENT)
def test_files_that_would_do_something_are_refused(name):
    def change(schema):
        schema["content"]["content"]["func"] = INTENT[name]

    wanted = f"{INTENT[name]['__module__']}.{INTENT[name]['__class__']}"
    with pytest.raises((UnsafeLoad, InvalidArgument)) as refused:
        decode("model", "application/x-skops", {}, forged(change))
    assert wanted in str(refused.value) or isinstance(refused.value, InvalidArgument)


def test_the_list_has_nothing_that_calls_or_reads():
    """Whoever adds a name is asked to think again."""
    suspicious = (
        "partial", "methodcaller", "attrgetter", "itemgetter", "operator.", "eval", "exec", "load", "save", "open",
        "read", "write", "file", "memmap", "fetch", "os.", "sys.", "builtins.", "subprocess", "importlib",
        "scipy.stats", "PyFunc", "vectorize", "apply", "joblib", "pickle", "getattr",
    )  # fmt: skip
    assert [name for name in HARMLESS if any(word in name for word in suspicious)] == []
    forms = frozenset().union(*HARMLESS.values())
    assert not {"ConstructorFromReduceNode", "PartialNode", "OperatorFuncNode", "MethodNode"} & forms


def test_a_listed_name_in_another_form_is_unknown():
    tree = {"__module__": "sklearn.tree._tree", "__class__": "Tree"}
    name = "sklearn.tree._tree.Tree"
    assert unknown_types({name}, [{**tree, "__loader__": "TreeNode"}]) == []
    in_both = [{**tree, "__loader__": "TreeNode"}, {"x": {**tree, "__loader__": "ObjectNode"}}]
    assert unknown_types({name}, in_both) == [name]
    assert unknown_types({name}, []) == [name], "it stands nowhere"
