"""Model files: saved without pickle, loaded back, refused where they would have to be trusted."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from runlore.dialects.luml.integrations.sklearn import load_sklearn, save_sklearn
from runlore.dialects.luml.modelref import ModelReference

X = np.random.default_rng(0).random((30, 2))
Y = X[:, 0] > 0.5


def test_a_model_comes_back_without_pickle(tmp_path):
    model = LogisticRegression().fit(X, Y)
    reference = save_sklearn(
        model, X, path=tmp_path / "m.luml", manifest_model_name="iris", manifest_model_version="1.0.0",
        extra_dependencies=["pandas==2"],
    )  # fmt: skip
    assert (load_sklearn(reference).predict(X) == model.predict(X)).all()
    assert (load_sklearn(reference.path).predict(X) == model.predict(X)).all()
    manifest = reference.get_manifest()
    assert (manifest["name"], manifest["version"], manifest["variant"]) == ("iris", "1.0.0", "pyfunc")
    assert [(item["name"], item["dtype"]) for item in manifest["inputs"]] == [
        ("x0", "Array[float]"),
        ("x1", "Array[float]"),
    ]
    assert manifest["outputs"][0]["shape"] == ["batch"]
    assert {"manifest.json", "ops.json", "env.json", "meta.json"} <= set(reference.list_files())
    assert not any(b"\x80\x04\x95" in reference.extract_file(name)[:4] for name in reference.list_files())
    packages = json.loads(reference.extract_file("env.json"))["python3::conda_pip"]["dependencies"]
    assert {"package": "pandas==2"} in packages
    assert any(item["package"].startswith("scikit-learn==") for item in packages)


def test_columns_of_a_frame_are_the_inputs():
    frame = pd.DataFrame({"width": X[:, 0], "count": np.arange(30)})
    reference = save_sklearn(LinearRegression().fit(frame, X), frame)
    assert [(item["name"], item["dtype"]) for item in reference.get_manifest()["inputs"]] == [
        ("width", "Array[float]"), ("count", "Array[int]"),
    ]  # fmt: skip
    assert reference.get_manifest()["outputs"][0]["shape"] == ["batch", 2]
    assert Path(reference.path).name.startswith("sklearn_model_")


def test_trees_load_without_being_named():
    reference = save_sklearn(RandomForestClassifier(3, random_state=0).fit(X, Y), X, path="forest.luml")
    assert (load_sklearn(reference).predict(X) == Y).mean() > 0.9
    assert (load_sklearn(reference, trusted=["sklearn.tree._tree.Tree"]).predict(X) == Y).mean() > 0.9


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("no model", X), TypeError),
        ((LinearRegression().fit(X, Y), [1.0, 2.0]), ValueError),
        ((LinearRegression(), X), ValueError),
        ((LinearRegression().fit(X, Y), X, None, "all"), ValueError),
    ],
)
def test_what_cannot_be_saved_leaves_no_file(tmp_path, arguments, error):
    with pytest.raises(error):
        save_sklearn(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_others_is_not_loaded():
    with tarfile.open("other.luml", "w") as archive:
        for name in ("manifest.json", "meta.json"):
            Path(name).write_text("[]")
            archive.add(name)
    with pytest.raises(ValueError, match="no model"):
        load_sklearn("other.luml")


def test_references_say_what_is_there_and_what_is_not():
    reference = save_sklearn(LinearRegression().fit(X, Y), X, path="m.luml")
    with pytest.raises(KeyError):
        reference.extract_file("../../etc/passwd")
    assert reference.read()["manifest"] == reference.get_manifest()
    reference.add_model_card("<h1>card</h1>")
    assert reference.metadata()[-1]["tags"] == ["luml::model_card:v1"]
    assert load_sklearn(reference).coef_.shape == (2,)
    Path("broken.luml").write_bytes(b"x" * 2000)
    assert not ModelReference("broken.luml").validate()
    assert not ModelReference("none.luml").validate()


def test_the_models_of_the_document_load_without_naming_their_types(tmp_path):
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.neighbors import KNeighborsClassifier

    X, y = [[0.0], [1.0], [2.0], [3.0]] * 5, [0, 0, 1, 1] * 5
    for model in (RandomForestClassifier(5), GradientBoostingClassifier(n_estimators=5), KNeighborsClassifier(3)):
        reference = save_sklearn(model.fit(X, y), X, path=tmp_path / "model.luml")
        assert load_sklearn(reference).predict([[0.0], [3.0]]).tolist() == [0, 1]


def test_the_environment_is_what_readers_of_the_file_expect(tmp_path):
    from sklearn.linear_model import LinearRegression

    reference = save_sklearn(LinearRegression().fit([[0.0], [1.0]], [0, 1]), [[0.5]], path=tmp_path / "line.luml")
    [environment] = json.loads(reference.extract_file("env.json")).values()
    assert set(environment) == {"python_version", "build_dependencies", "dependencies"}
    assert environment["build_dependencies"] == []
