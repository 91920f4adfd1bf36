"""What the original's own test suites do and users therefore try: each input of theirs, and the neighbouring case."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import runlore
from runlore import registry
from runlore.dialects._absent import UnsupportedArgument
from runlore.dialects.opsml import (
    ArrowData,
    CardInfo,
    CardRegistry,
    DataCard,
    DataSplit,
    ModelCard,
    NumpyData,
    OpsmlProject,
    PandasData,
    PolarsData,
    ProjectInfo,
    RunCard,
    SklearnModel,
    SqlData,
    XGBoostModel,
    start_experiment,
)
from runlore.dialects.opsml._errors import OpsmlError, ValidationError

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1, 0, 1]})
KINDS = {
    PandasData: FRAME,
    PolarsData: pl.DataFrame(FRAME.to_dict("list")),
    ArrowData: pa.table(FRAME),
    NumpyData: FRAME.to_numpy(),
}
DATA = CardRegistry("data")
MODELS = CardRegistry("model")
X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty directory with a store of its own, and no settings."""
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    for name in ("NAME", "REPOSITORY", "CONTACT"):
        monkeypatch.setenv(f"OPSML_RUNTIME_{name}", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data_card(interface=None, **options):
    return DataCard(interface=interface or PandasData(data=FRAME), **{"space": "opsml", "name": "points", **options})


def v1_card(**options):
    named = {"repository": "opsml", "name": "points", "contact": "user", **options}
    return DataCard(interface=PandasData(data=FRAME), **named)


def registered(card, **options):
    registries = {"data": DATA, "model": MODELS}
    registries[card.registry_type].register_card(card, **options)
    return card


def versions(cards):
    return [card.version for card in cards]


# -- 1: tags --------------------------------------------------------------------------------------------------------


def test_1_tags_are_compared_by_value():
    dev = registered(data_card(tags={"stage": "dev", "team": "a"}))
    assert versions(DATA.list_cards(tags={"stage": "prod"})) == []
    assert versions(DATA.list_cards(tags={"stage": "dev"})) == [dev.version]
    assert versions(DATA.list_cards(tags={"stage": "dev", "team": "b"})) == []
    assert versions(DATA.list_cards(tags=["stage"])) == [dev.version]
    with pytest.raises(OpsmlError, match="tags="):
        DATA.load_card(tags={"stage": "prod"})
    assert DATA.load_card(tags={"stage": "dev"}).uid == dev.uid
    assert registry.list_cards(tags={"stage": "prod"}) == []
    with pytest.raises(ValueError, match="a=b"):
        registry.list_cards(tags={"a=b": "c"})


# -- 2, 7: splits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("indices", "rows"), [([], []), (np.array([0, 2]), [0, 2]), ((np.int64(1),), [1]), (range(2), [0, 1])]
)
def test_2_rows_are_taken_by_number(kind, indices, rows):
    interface = kind(data=KINDS[kind], data_splits=[DataSplit(label="t", indices=indices)])
    card = registered(data_card(interface))
    for taken in (card.split_data(), loaded(card).split_data()):
        assert np.asarray(taken["t"].X).tolist() == FRAME.to_numpy()[rows].tolist()


def loaded(card):
    found = DATA.load_card(uid=card.uid)
    found.load()
    return found


@pytest.mark.parametrize("indices", [[0.5], [True, False, True], np.array([True]), "ab", 3])
def test_2_what_is_no_row_number_is_refused(indices):
    with pytest.raises(ValidationError, match=r"'t'.*whole numbers"):
        DataSplit(label="t", indices=indices)


@pytest.mark.parametrize("kind", KINDS)
def test_2_a_column_that_is_not_there_is_named(kind):
    interface = kind(data=KINDS[kind], data_splits=[DataSplit(label="t", column_name="z", column_value=1)])
    with pytest.raises(ValidationError, match=r"'t'.*'z' is no column"):
        interface.split_data()


def test_7_columns_may_be_called_by_numbers():
    frame = pd.DataFrame(np.arange(9.0).reshape(3, 3))
    split = DataSplit(label="t", column_name=0, column_value=3.0, inequality="<")
    parts = PandasData(data=frame, dependent_vars=[2], data_splits=[split]).split_data()["t"]
    assert (parts.X.columns.tolist(), parts.X.to_numpy().tolist(), parts.y.to_numpy().tolist()) == (
        [0, 1],
        [[0, 1]],
        [[2]],
    )


@pytest.mark.parametrize("kind", KINDS)
def test_10_targets_that_are_not_there_are_named(kind):
    interface = kind(data=KINDS[kind], dependent_vars=["zz"], data_splits=[DataSplit(label="t", start=0, stop=2)])
    with pytest.raises(ValidationError, match="dependent_vars='zz' is no column"):
        interface.split_data()


# -- 3: names -------------------------------------------------------------------------------------------------------


def test_3_names_are_cleaned_where_cards_are_looked_up():
    first = registered(v1_card(name="my_data"))
    second = registered(data_card(space="My_S"))
    assert (first.name, second.space) == ("my-data", "my-s")
    for name in ("my_data", "my-data", " My_Data "):
        assert versions(DATA.list_cards(name=name)) == ["1.0.0"]
        assert DATA.load_card(name=name, repository="opsml").uid == first.uid
        assert DATA.load_card(info=CardInfo(name=name, repository="opsml")).uid == first.uid
    assert versions(DATA.list_cards(space="My_S")) == ["0.1.0"]
    assert versions(DATA.list_cards(info=CardInfo(name="my_data"))) == ["1.0.0"]
    with pytest.raises(OpsmlError, match="my_dta"):
        DATA.load_card(name="my_dta", repository="opsml")


def test_3_cards_with_names_that_opsml_does_not_give_are_found_as_they_are():
    card = registry.register("data", "Vision/Raw", "Big_Set")
    assert DATA.load_card(space="Vision/Raw", name="Big_Set").uid == card.uid
    assert versions(DATA.list_cards(name="Big_Set")) == [card.version]


# -- 4: polars ------------------------------------------------------------------------------------------------------


def test_4_categories_of_polars_come_back():
    kinds = {"c": pl.Categorical, "e": pl.Enum(["a", "b"])}
    frame = pl.DataFrame({name: pl.Series(["b", "a", "b"], dtype=kind) for name, kind in kinds.items()})
    found = loaded(registered(data_card(PolarsData(data=frame)))).data
    assert found.equals(frame)
    assert found.dtypes == frame.dtypes


# -- 5: registering -------------------------------------------------------------------------------------------------


def test_5_registering_twice_changes_nothing_and_says_so():
    card = registered(data_card())
    with pytest.warns(RuntimeWarning, match="registered already.*new card") as said:
        DATA.register_card(card, version_type="major")
    assert said[0].filename == __file__
    assert versions(DATA.list_cards()) == ["0.1.0"]
    run = RunCard(name="r", repository="opsml", contact="user")
    CardRegistry("run").register_card(run)
    with pytest.warns(RuntimeWarning, match="registered already"):
        CardRegistry("run").register_card(run)


def test_5_what_is_listed_reads_as_a_mapping():
    card = registered(v1_card(tags={"a": "1"}))
    [found] = DATA.list_cards()
    assert found["version"] == "1.0.0"
    assert (dict(found)["repository"], found["contact"], found["tags"]) == ("opsml", "user", {"a": "1"})
    assert found["date"] == found.created_at.strftime("%Y-%m-%d")
    assert found["timestamp"] == pytest.approx(found.created_at.timestamp() * 1e6, abs=1)
    with pytest.raises(KeyError, match="no field 'nope'; it has uid"):
        found["nope"]
    assert DATA.query_value_from_card(card.uid, ["name", "version"]) == {"name": "points", "version": "1.0.0"}
    run = RunCard(name="r", repository="opsml", contact="user")
    CardRegistry("run").register_card(run)
    assert CardRegistry("run").list_cards()[0]["contact"] == "user"


def test_5_tags_stand_behind_the_version():
    assert registered(v1_card(), build_tag="git.1a").version == "1.0.0+git.1a"
    assert registered(v1_card(), pre_tag="rc.1", version_type="major").version == "2.0.0-rc.1"
    assert registered(v1_card(version="3.0.0"), build_tag="b").version == "3.0.0+b"
    with pytest.raises(OpsmlError, match="build_tag='git 1'"):
        registered(v1_card(), build_tag="git 1")


def test_5_a_part_of_a_version_is_continued():
    assert registered(v1_card(version="1.2.0")).version == "1.2.0"
    assert registered(v1_card(version="1.2"), version_type="patch").version == "1.2.1"


# -- 6: models ------------------------------------------------------------------------------------------------------


def light_pipeline():
    from lightgbm import LGBMRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return SklearnModel, make_pipeline(StandardScaler(), LGBMRegressor(n_estimators=2, verbose=-1)).fit(X, Y)


def extreme_classes():
    from xgboost import XGBClassifier

    return XGBoostModel, XGBClassifier(n_estimators=2).fit(X, Y)


@pytest.mark.parametrize("fit", [light_pipeline, extreme_classes])
def test_6_boosters_have_a_graph(fit):
    kind, model = fit()
    card = registered(ModelCard(interface=kind(model=model, sample_data=X), to_onnx=True, space="m", name="b"))
    graph = MODELS.load_card(uid=card.uid).load_onnx_model()
    assert np.ravel(graph.run({"X": X.astype(np.float32)})[0]) == pytest.approx(model.predict(X), abs=1e-4)


def test_6_what_has_no_graph_is_not_registered():
    import xgboost

    model = xgboost.train({}, xgboost.DMatrix(X, Y), 2)
    with pytest.raises(OpsmlError, match="ONNX"):
        registered(ModelCard(interface=XGBoostModel(model=model, sample_data=X), to_onnx=True, space="m", name="b"))
    assert len(MODELS.list_cards()) == 0
    with pytest.raises(ValidationError, match=r"DMatrix.*array or DataFrame"):
        XGBoostModel(model=model, sample_data=xgboost.DMatrix(X))


def test_6_what_only_transforms_has_a_graph():
    from sklearn.preprocessing import StandardScaler

    model = StandardScaler().fit(X)
    card = registered(ModelCard(interface=SklearnModel(model=model, sample_data=X), to_onnx=True, space="m", name="s"))
    found = MODELS.load_card(uid=card.uid).load_onnx_model().run({"X": X.astype(np.float32)})[0]
    assert found == pytest.approx(model.transform(X), abs=1e-5)


@pytest.mark.parametrize(
    "sample",
    [
        pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]}),
        pd.DataFrame(X, columns=["a", "b", "c"]),
        X.tolist(),
        X,
    ],
    ids=lambda sample: type(sample).__module__.partition(".")[0],
)
def test_6_samples_of_any_kind_come_back(sample):
    from sklearn.linear_model import LinearRegression

    interface = SklearnModel(model=LinearRegression().fit(sample, Y), sample_data=sample)
    card = registered(ModelCard(interface=interface, to_onnx=True, space="m", name="s"))
    found = MODELS.load_card(uid=card.uid)
    assert found.load().predict(sample[:1]) == pytest.approx(interface.model.predict(sample[:1]))
    assert type(found.sample_data) is type(sample)
    assert np.asarray(found.sample_data).tolist() == np.asarray(sample)[:1].tolist()


def test_6_samples_may_be_several_arrays():
    interface = SklearnModel(model=object(), sample_data={"ids": X, "pair": (X, [1, 2])})
    assert interface.sample_data["ids"].shape == (1, 3)
    assert interface.sample_data["pair"][1] == [1]


# -- 8: runs of v1 --------------------------------------------------------------------------------------------------


def finished_run(**info):
    open("f.txt", "w").close()
    project = OpsmlProject(ProjectInfo(name="proj", repository="opsml", contact="user", **info))
    with project.run(run_name="r") as run:
        run.log_metric("a", 1.0)
        run.log_artifact_from_file("cats", "f.txt")
    return project


def test_8_a_run_card_takes_more_after_its_run():
    project = finished_run()
    card = CardRegistry("run").load_card(uid=project.run_id)
    assert (project.runcard.contact, card.contact) == ("user", "user")
    project.runcard.log_metric("b", 2.0, step=1)
    card.log_parameter("lr", 0.1)
    card.add_tag("k", "v")
    CardRegistry("run").update_card(card)
    assert (project.get_metric("b").value, project.get_parameter("lr").value) == (2.0, 0.1)
    assert runlore.get_run(project.run_id).status == "succeeded"
    assert CardRegistry("run").list_cards(tags={"k": "v"})[0].uid == project.run_id


def test_8_a_run_card_is_told_what_it_used():
    data = registered(v1_card())
    uid = "0192a1b2c3d47e5f8a9b0c1d2e3f4a5b"
    options = {"name": "r", "repository": "opsml", "contact": "user"}
    card = RunCard(datacard_uids=[data.uid], modelcard_uids=[], uid=uid, version="2.0.0", **options)
    CardRegistry("run").register_card(card)
    found = CardRegistry("run").load_card(uid=uid)
    assert (found.version, found.datacard_uids, found.modelcard_uids) == ("2.0.0", [data.uid], [])
    for wrong in ({"datacard_uids": ["0" * 32]}, {"modelcard_uids": [data.uid]}, {"version": "x.y.z"}):
        with pytest.raises(ValueError, match=r"card|version"):
            RunCard(**wrong, **options)
    assert len(runlore.runs()) == 1


def test_8_artifacts_are_called_as_they_were_logged():
    project = finished_run()
    found = project.artifact_uris
    assert list(found) == ["cats/f.txt"]
    assert found["cats"] == found.get("cats") == found["cats/f.txt"]
    assert os.path.isfile(found["cats"])
    assert ("cats" in found, "dogs" in found, found.get("dogs", "none")) == (True, False, "none")
    os.makedirs("two")
    for name in ("a", "b"):
        open(f"two/{name}", "w").close()
    project.runcard.log_artifact_from_file("dogs", "two")
    with pytest.raises(KeyError, match="'dogs' is the name of 2 artifacts"):
        project.runcard.artifact_uris["dogs"]


# -- 9: names and arguments -----------------------------------------------------------------------------------------


def test_9_whatever_else_there_is_to_say_is_kept():
    card = data_card()
    card.add_info({"rows": 3})
    card.interface.add_sql("q", query="select 1")
    registered(card)
    found = DATA.load_card(uid=card.uid)
    assert (found.additional_info, found.interface.sql_logic) == ({"rows": 3}, {"q": "select 1"})
    for wrong in ({}, {"query": "select 1", "filepath": "q.sql"}):
        with pytest.raises(ValidationError, match="query= or filepath="):
            card.interface.add_sql("q", **wrong)


def test_9_a_model_says_its_type():
    from sklearn.linear_model import LinearRegression

    interface = SklearnModel(model=LinearRegression().fit(X, Y), sample_data=X)
    card = registered(ModelCard(interface=interface, space="m", name="t"))
    assert interface.model_type == MODELS.load_card(uid=card.uid).interface.model_type == "LinearRegression"


def test_9_release_candidates_can_be_left_out():
    registered(v1_card(version="1.0.0"))
    registered(v1_card(version="2.0.0"), version_type="pre")
    assert versions(DATA.list_cards()) == ["2.0.0-rc.1", "1.0.0"]
    assert versions(DATA.list_cards(ignore_release_candidates=True, limit=1)) == ["1.0.0"]
    assert DATA.load_card(name="points", ignore_release_candidates=True).version == "1.0.0"


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda: data_card(metadata={}), r"DataCard\(metadata=…\).*add_info"),
        (lambda: PandasData(data=FRAME, data_profile=1), "data_profile.*log_table"),
        (lambda: SklearnModel(model=1, onnx_args=1), "onnx_args.*to_onnx=True"),
        (lambda: RunCard(name="r", repository="o", contact="c", metrics={}), "metrics.*log_metrics"),
        (lambda: DATA.register_card(data_card(), save_kwargs={}), "save_kwargs.*to_onnx=True"),
        (lambda: loaded(registered(data_card())).load(path="x"), "path.*download_artifacts"),
        (lambda: data_card(colour="red"), "no argument 'colour'"),
    ],
)
def test_9_what_is_not_supported_says_what_to_use(call, instead):
    with pytest.raises(UnsupportedArgument, match=instead):
        call()
    assert not os.path.exists(".runlore") or runlore.runs().empty


def test_9_an_experiment_says_what_it_does_not_save():
    with start_experiment(space="opsml", name="e") as exp:
        with pytest.raises(UnsupportedArgument, match="to_onnx=True"):
            exp.register_card(data_card(), save_kwargs={"x": 1})
        exp.register_card(data_card(), save_kwargs=None)
    assert len(exp.card.uids.datacard_uids) == 1


# -- 10: the rest ---------------------------------------------------------------------------------------------------


def test_10_arrays_of_more_axes_are_one_row_of_a_graph():
    with OpsmlProject(ProjectInfo(name="proj", contact="user")).run() as run:
        run.log_graph("g", np.arange(300.0).reshape(1, 300), np.ones((1, 300)))
        with pytest.raises(ValidationError, match="600 values and x has 300"):
            run.log_graph("h", np.arange(300.0), np.ones((2, 300)))
    [curve] = runlore.get_run(run.run_id).artifacts()
    assert curve.load().to_frame()["x"].tolist() == list(range(300))


@pytest.mark.parametrize("kind", [ValueError, TypeError])
def test_10_text_is_no_number_of_a_run(kind):
    with OpsmlProject(ProjectInfo(name="proj", contact="user")).run() as run:
        for call in (lambda: run.log_metric("x", "10"), lambda: run.log_metrics({"y": 1, "x": "10"})):
            with pytest.raises(kind, match="'10' is text"):
                call()
        assert run.metrics == {}


@pytest.mark.parametrize("argument", ["name", "repository"])
@pytest.mark.parametrize("value", [None, 3])
def test_10_names_that_are_no_text_are_refused(argument, value):
    with pytest.raises(ValidationError, match=f"{argument}={value} must be text"):
        ProjectInfo(**{"name": "proj", argument: value})


def test_10_queries_in_files_are_read_and_files_that_are_not_there_said(place):
    (place / "q.sql").write_text("select 2")
    assert SqlData(sql_logic={"q": "q.sql", "r": "select 1 from a.sql"}).sql_logic == {
        "q": "select 2", "r": "select 1 from a.sql",
    }  # fmt: skip
    for make in (
        lambda: SqlData(sql_logic={"q": "missing.sql"}),
        lambda: SqlData(sql_logic={"r": "select 1"}).add_sql("q", filepath="missing.sql"),
    ):
        with pytest.raises(ValidationError, match=r"'q'.*'missing.sql': there is no such file"):
            make()
