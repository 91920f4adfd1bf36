"""What is recorded here reads natively and through other dialects; what is recorded natively reads here."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import runlore
from runlore import registry
from runlore.dialects.opsml import (
    ArrowData,
    CardRegistry,
    DataCard,
    DataSplit,
    ExperimentCard,
    LightGBMModel,
    ModelCard,
    NumpyData,
    OpsmlProject,
    PandasData,
    PolarsData,
    ProjectInfo,
    SklearnModel,
    SqlData,
    TorchModel,
    XGBoostModel,
    get_experiment_metrics,
    start_experiment,
)
from runlore.dialects.opsml.types import TaskType


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1, 0, 1]})


def register(card):
    with start_experiment("opsml") as exp:
        exp.register_card(card)
    return exp


def test_an_experiment_is_a_native_run(place):
    (place / "a.txt").write_text("a")
    with start_experiment("opsml", "demo", tags=["nightly"]) as exp:
        exp.log_metric("loss", 0.5, step=1)
        exp.log_metric("loss", math.nan, step=2, timestamp=17)
        exp.log_eval_metrics({"mape": 0.25})
        exp.log_parameters({"lr": 0.1, "depth": 3, "kind": "tree"})
        exp.log_artifact("a.txt", "texts/a.txt")
        exp.register_card(DataCard(interface=PandasData(data=FRAME), space="opsml", name="points"))
    runs = runlore.experiment("opsml/demo").runs()
    assert runs["uid"].tolist() == [exp.card.uid]
    assert runs.loc[0, ["params.lr", "params.depth", "params.kind", "metrics.mape"]].tolist() == [0.1, 3, "tree", 0.25]
    view = runlore.get_run(exp.card.uid)
    assert list(view.tags) == ["nightly"]
    assert view.artifact("texts/a.txt").read_text() == "a"
    data = runlore.experiment("opsml/demo").data(event="metric", key="loss")
    assert data["step"].tolist() == [1, 2]
    assert data["timestamp"].tolist()[1] == 17
    card = registry.get("experiment", "opsml", "demo")
    assert (card.uid, card.run, card.run_role) == (exp.card.uid, exp.card.uid, "record")
    assert [c.name for c in registry.lineage(exp.card.uid).ancestors] == ["points"]


def test_a_project_run_is_a_native_run():
    with OpsmlProject(ProjectInfo(name="proj")).run(run_name="base") as run:
        run.log_metrics({"acc": 0.5}, step=1)
        run.log_parameters({"lr": 0.1})
        run.log_graph("roc", [0, 1], {"a": [0, 1], "b": [1, 0]}, graph_style="scatter")
        run.add_tags({"team": "x"})
    view = runlore.experiment("opsml/proj").run(-1)
    assert (view.uid, view.name, view.metrics, view.params) == (run.run_id, "base", {"acc": 0.5}, {"lr": 0.1})
    assert [item.name for item in view.artifacts("curve")] == ["graphs/roc/a", "graphs/roc/b"]
    for wrong in ({"y": [1]}, {"y": [1, 2], "graph_style": "pie"}, {"y": {str(n): [1, 2] for n in range(51)}}):
        with OpsmlProject(ProjectInfo(name="proj")).run() as other, pytest.raises(ValueError, match=r"y|style"):
            other.log_graph("g", [0, 1], **wrong)


def test_native_cards_read_here():
    native = registry.register("model", "opsml", "line", artifacts={"w": b"x"}, metadata={"any": 1})
    card = CardRegistry("model").load_card(uid=native.uid)
    assert (card.name, card.version, card.uid) == ("line", "0.1.0", native.uid)
    registry.alias(native, "champion")
    assert CardRegistry("model").load_card(space="opsml", name="line", version="champion").uid == native.uid
    with runlore.start("opsml/native") as run:
        run.log_metric("loss", 0.5, step=1)
    assert [m.value for m in get_experiment_metrics(run.uid)] == [0.5]


def test_other_dialects_read_it():
    from runlore.dialects import omegaml

    with start_experiment("opsml", "demo") as exp:
        exp.log_metric("loss", 0.5, step=1)
    data = omegaml.runtime.experiment("opsml/demo").data(event="metric", run="*")
    assert data[["key", "value", "step"]].to_numpy().tolist() == [["loss", 0.5, 1]]


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "numpy", "sql"])
def test_data_comes_back(kind):
    import polars as pl
    import pyarrow as pa

    made = {
        "pandas": lambda: PandasData(data=FRAME.set_index(pd.Index([7, 8, 9])), dependent_vars=["y"]),
        "polars": lambda: PolarsData(data=pl.DataFrame(FRAME), dependent_vars=["y"]),
        "arrow": lambda: ArrowData(data=pa.table(FRAME), dependent_vars=["y"]),
        "numpy": lambda: NumpyData(data=FRAME.to_numpy()),
        "sql": lambda: SqlData(sql_logic={"get": "select * from points"}),
    }[kind]()
    if kind != "sql":
        made.data_splits = [DataSplit("head", start=0, stop=2), DataSplit("some", indices=[2])]
        if kind != "numpy":
            made.data_splits.append(DataSplit("big", "x", 2.0, ">="))
    card = DataCard(interface=made, space="opsml", name=kind, tags={"a": "b"})
    register(card)
    loaded = CardRegistry("data").load_card(uid=card.uid)
    assert type(loaded.interface) is type(made)
    assert loaded.data is None
    loaded.load_data()
    assert loaded.interface.sql_logic == made.sql_logic
    assert (loaded.tags, loaded.interface.dependent_vars) == ({"a": "b"}, made.dependent_vars)
    if kind == "sql":
        return
    before, after = (np.asarray(interface.data) for interface in (made, loaded.interface))
    assert after.tolist() == before.tolist()
    parts = loaded.split_data()
    lengths = {name: len(part.X) for name, part in parts.items()}
    assert lengths == ({"head": 2, "some": 1} if kind == "numpy" else {"head": 2, "some": 1, "big": 2})
    if kind != "numpy":
        assert np.asarray(parts["big"].y).ravel().tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["sklearn", "xgboost", "lightgbm", "torch"])
def test_models_come_back(kind):
    rows = np.random.default_rng(0).normal(size=(40, 2))
    target = (rows[:, 0] > 0).astype(int)
    if kind == "sklearn":
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(rows)
        fitted = LogisticRegression().fit(rows, target)
        made = SklearnModel(model=fitted, sample_data=rows, preprocessor=scaler, task_type=TaskType.Classification)
    elif kind == "xgboost":
        from xgboost import XGBClassifier

        fitted = XGBClassifier(n_estimators=2).fit(rows, target)
        made = XGBoostModel(model=fitted, sample_data=rows)
    elif kind == "lightgbm":
        from lightgbm import LGBMClassifier

        fitted = LGBMClassifier(n_estimators=2, verbose=-1).fit(rows, target)
        made = LightGBMModel(model=fitted, sample_data=rows)
    else:
        torch = pytest.importorskip("torch")

        fitted = torch.nn.Linear(2, 1)
        made = TorchModel(model=fitted, sample_data=torch.tensor(rows, dtype=torch.float32))
    card = ModelCard(interface=made, space="opsml", name=kind, to_onnx=kind == "sklearn")
    exp = register(card)
    loaded = CardRegistry("model").load_card(space="opsml", name=kind)
    assert (loaded.experimentcard_uid, loaded.model) == (exp.card.uid, None)
    if kind == "torch":
        again = loaded.load_model(module=torch.nn.Linear(2, 1))
        assert torch.equal(again.weight, fitted.weight)
        return
    again = loaded.load_model()
    assert again.predict(rows).tolist() == fitted.predict(rows).tolist()
    assert loaded.sample_data.tolist() == rows[:1].tolist()
    if kind == "sklearn":
        assert loaded.interface.task_type == "classification"
        np.testing.assert_allclose(loaded.preprocessor.transform(rows), scaler.transform(rows))
        onnx = loaded.load_onnx_model()
        (labels, *_) = onnx.run({onnx.sess.get_inputs()[0].name: rows.astype(np.float32)})
        assert labels.tolist() == fitted.predict(rows).tolist()


def test_registries_list_update_and_delete():
    cards = [DataCard(interface=FRAME, space="opsml", name="points", tags=[tag]) for tag in ("a", "b")]
    data = CardRegistry("data")
    assert len(data.list_cards()) == 0
    for card in cards:
        data.register_card(card)
    assert [card.version for card in data.list_cards(space="opsml")] == ["0.2.0", "0.1.0"]
    assert [card.version for card in data.list_cards(tags=["a"])] == ["0.1.0"]
    assert [card.uid for card in data.list_cards(uid=cards[0].uid)] == [cards[0].uid]
    assert len(data.list_cards(limit=1)) == 1
    assert len(data.list_cards(max_date="2020-01-01")) == 0
    assert len(data.list_cards(max_date="2100-01-01", sort_by_timestamp=True)) == 2
    assert data.list_cards().as_table()["name"].tolist() == ["points", "points"]
    cards[0].add_tag("more", "1")
    data.update_card(cards[0])
    assert data.load_card(uid=cards[0].uid).tags == {"a": "", "more": "1"}
    data.delete_card(cards[1])
    assert data.load_card(space="opsml", name="points").version == "0.1.0"
    for wrong in ({"uid": cards[1].uid}, {"uid": "f" * 32}, {"space": "opsml", "name": "none"}, {"space": "none"}, {}):
        with pytest.raises(RuntimeError):
            data.load_card(**wrong)
    with pytest.raises(RuntimeError, match="does not belong"):
        CardRegistry("model").register_card(cards[0])
    with pytest.raises(RuntimeError, match="Invalid registry type"):
        CardRegistry("nonsense")
    with pytest.raises(RuntimeError, match="no ISO date"):
        data.list_cards(max_date="yesterday")


def test_the_card_as_json():
    with start_experiment("opsml", "demo") as exp:
        exp.log_eval_metrics({"mape": 0.25})
    again = ExperimentCard.model_validate_json(exp.card.model_dump_json())
    assert (again.uid, again.version, again.status.name, again.eval_metrics["mape"]) == (exp.uid, "0.1.0", "Ok", 0.25)
    environment = again.compute_environment
    assert environment.cpu_count > 0
    assert environment.total_memory > 0
    assert again.app_env == "dev_env"
    for wrong in ("{", "[]", "{}", '{"uid": "' + "f" * 32 + '"}'):
        with pytest.raises(RuntimeError):
            ExperimentCard.model_validate_json(wrong)


def test_refused_cards_leave_nothing_behind():
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    with start_experiment("opsml") as exp:
        for wrong in (
            lambda: ModelCard(interface=SklearnModel(model=fitted), to_onnx=True, space="opsml", name="x"),
            lambda: ModelCard(interface=SklearnModel(model=fitted), datacard_uid="f" * 32, space="opsml", name="x"),
            lambda: ModelCard(interface=SklearnModel(model=object()), space="opsml", name="x"),
        ):
            with pytest.raises((RuntimeError, ValueError)):
                exp.register_card(wrong())
    for make in (
        lambda: DataCard(space="opsml", name="x"),
        lambda: DataCard(interface="text", space="opsml", name="x"),
        lambda: DataCard(interface=FRAME, space="opsml", name="../x y"),
        lambda: ModelCard(interface=fitted, space="opsml", name="x"),
        SklearnModel,
        lambda: PandasData(data=[1]),
        lambda: PolarsData(data=FRAME),
        lambda: ArrowData(data=FRAME),
        lambda: NumpyData(data=FRAME),
    ):
        with pytest.raises((ValueError, TypeError)):
            make()
    assert [card.kind for card in registry.list_cards()] == ["experiment"]


def test_a_run_card_without_a_project():
    from runlore.dialects.opsml import RunCard

    card = RunCard(name="manual", repository="opsml", contact="user@email.com", tags={"team": "x"})
    card.log_metrics({"acc": 0.5})
    card.log_param("lr", 0.1)
    runs = CardRegistry("run")
    runs.register_card(card)
    assert not card.active
    with pytest.raises(ValueError, match="Run is not active"):
        card.log_metric("acc", 1)
    loaded = runs.load_card(repository="opsml", name="manual")
    assert (loaded.uid, loaded.version, loaded.tags) == (card.uid, "1.0.0", {"team": "x"})
    assert (loaded.get_metric("acc").value, loaded.get_parameter("lr").value) == (0.5, 0.1)
    assert runlore.get_run(card.uid).status == "succeeded"
    assert [item.uid for item in runs.list_cards()] == [card.uid]
    assert runs.list_cards().as_table()[["space", "version"]].to_numpy().tolist() == [["opsml", "1.0.0"]]
