"""What users of OpsML rely on, one test a numbered behaviour; with "†" where we do better on purpose.

1-25 are v2's experiments, 26-35 v1's projects and runs.
"""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

import runlore
from runlore.dialects.opsml import (
    CardInfo,
    CardRegistry,
    DataCard,
    DataSplit,
    ExperimentEvalMetrics,
    Metric,
    ModelCard,
    OpsmlProject,
    PandasData,
    Parameter,
    ProjectInfo,
    SklearnModel,
    VersionType,
    get_experiment_metrics,
    get_experiment_parameters,
    start_experiment,
)
from runlore.dialects.opsml._errors import ActiveRunException, OpsmlError, VersionError

EXPERIMENT_NAME = re.compile(r"^[a-z0-9]+(?:[-a-z0-9]+)*/[-a-z0-9]+$")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty directory with a store of its own, and no settings."""
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    for name in ("NAME", "REPOSITORY", "CONTACT"):
        monkeypatch.setenv(f"OPSML_RUNTIME_{name}", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def linear_model():
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])


def model_card(**options):
    interface = SklearnModel(model=linear_model(), sample_data=np.array([[0.5]]))
    return ModelCard(interface=interface, **{"space": "opsml", "name": "line", **options})


def data_card(**options):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1, 0, 1]})
    return DataCard(interface=PandasData(data=frame), **{"space": "opsml", "name": "points", **options})


def project(name="opsml-project", **options):
    return OpsmlProject(ProjectInfo(name=name, repository="opsml", contact="user@email.com", **options))


def stored_files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


# -- v2 -------------------------------------------------------------------------------------------------------------


def test_01_first_start_is_0_1_0_and_the_second_0_2_0():
    versions = []
    for _ in range(2):
        with start_experiment(space="opsml", name="demo") as exp:
            versions.append(exp.card.version)
    assert versions == ["0.1.0", "0.2.0"]
    with start_experiment(space="opsml", name="other") as exp:
        assert exp.card.version == "0.1.0"


def test_02_without_a_name_two_words_that_no_experiment_has(monkeypatch):
    with start_experiment("opsml") as exp:
        assert re.fullmatch(r"[a-z]+-[a-z]+", exp.card.name)
        assert EXPERIMENT_NAME.match(f"{exp.card.space}/{exp.card.name}")
    from runlore.dialects.opsml import _names

    drawn = iter([exp.card.name, exp.card.name, "calm-otter"])
    monkeypatch.setattr(_names, "two_words", lambda: next(drawn))
    with start_experiment("opsml") as again:
        assert (again.card.name, again.card.version) == ("calm-otter", "0.1.0")


def test_02_every_two_words_are_a_valid_name():
    from runlore.dialects.opsml import _names

    assert len({*_names.ADJECTIVES}) * len({*_names.NOUNS}) > 10_000
    for word in (*_names.ADJECTIVES, *_names.NOUNS):
        assert _names.clean_names("space", f"{word}-{word}") == ("space", f"{word}-{word}")


def test_03_names_are_cleaned():
    with start_experiment(space="My_Space!", name=" The_(Best)? ") as exp:
        assert (exp.card.space, exp.card.name) == ("my-space", "the-best")


def test_04_a_missing_space_is_named_and_pyproject_fills_it(place):
    with pytest.raises(RuntimeError, match="Key not found: space is missing"):
        start_experiment()
    assert stored_files(place) == []
    (place / "pyproject.toml").write_text('[tool.opsml.default]\nspace = "from-default"\n')
    (place / "inner").mkdir()
    os.chdir(place / "inner")
    with start_experiment() as exp:
        assert exp.card.space == "from-default"
    (place / "pyproject.toml").write_text(
        '[tool.opsml.default]\nspace = "from-default"\n[tool.opsml.registry.experiment]\nspace = "own"\nname = "mine"\n'
    )
    with start_experiment() as exp:
        assert (exp.card.space, exp.card.name) == ("own", "mine")
    (place / "pyproject.toml").write_text("not toml")
    with pytest.raises(RuntimeError, match="cannot be read as TOML"):
        start_experiment()


@pytest.mark.parametrize(
    ("space", "name"),
    [
        ("my space", "x"), ("x", "my name"), ("x", "n" * 54), ("", "x"), ("x", "!!"), ("-x", "y"), ("größe", "x"),
        ("../..", "x"),
    ],
)  # fmt: skip
def test_05_bad_names_are_refused_and_nothing_is_left(place, space, name):
    with pytest.raises(RuntimeError):
        start_experiment(space=space, name=name)
    assert stored_files(place) == []
    with start_experiment(space="x", name="n" * 53):
        pass


def test_06_the_uid_is_there_inside_and_sorts_by_time():
    uids = []
    for _ in range(3):
        with start_experiment("opsml") as exp:
            assert re.fullmatch("[0-9a-f]{32}", exp.card.uid)
            uids.append(exp.card.uid)
    assert uids == sorted(uids)


def test_07_the_end_is_ok_or_error_and_the_exception_is_the_callers():
    with start_experiment("opsml") as exp:
        assert exp.card.status.name == "Active"
        with exp.start_experiment(name="child") as child:
            pass
        assert child.card.status.name == "Ok"
        with pytest.raises(ZeroDivisionError), exp.start_experiment(name="child") as bad_child:
            _ = 1 / 0
        assert bad_child.card.status.name == "Error"
    assert exp.card.status.name == "Ok"
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught, start_experiment("opsml") as exp:
        raise error
    assert caught.value is error
    assert exp.card.status.name == "Error"
    assert CardRegistry("experiment").load_card(uid=exp.card.uid).status.value == 2


def test_07_a_killed_process_is_an_error_too():
    script = (
        "import os, signal\nfrom runlore.dialects.opsml import start_experiment\n"
        "exp = start_experiment('opsml', 'killed')\nexp.log_metric('acc', 0.5)\nexp.log_parameter('lr', 0.1)\n"
        "print(exp.card.uid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    card = CardRegistry("experiment").load_card(uid=done.stdout.strip())
    assert card.status.name == "Error"
    assert (card.get_metrics()[0].value, card.get_parameters()[0].value) == (0.5, 0.1)


def test_08_a_metric_logged_again_is_another_entry_in_the_order_of_steps():
    with start_experiment("opsml") as exp:
        exp.log_metric("acc", 0.3)
        exp.log_metric("acc", 0.2, step=1_000_001)
        exp.log_metric("acc", 0.1, step=2)
        exp.log_metric("acc", 0.15, step=2)
        exp.log_metric("a", 1)
    metrics = get_experiment_metrics(exp.card.uid)
    assert [(m.name, m.value, m.step) for m in metrics] == [
        ("a", 1.0, None), ("acc", 0.1, 2), ("acc", 0.15, 2), ("acc", 0.2, 1_000_001), ("acc", 0.3, None),
    ]  # fmt: skip


def test_09_names_choose_and_what_is_unknown_is_empty():
    with start_experiment("opsml") as exp:
        exp.log_metrics([Metric("acc", 0.5), Metric("loss", 1.0)])
        exp.log_parameters({"lr": 0.1, "depth": 3})
    assert [m.name for m in get_experiment_metrics(exp.card.uid, names=["acc"])] == ["acc"]
    assert [p.name for p in get_experiment_parameters(exp.card.uid, names=["lr"])] == ["lr"]
    for uid, names in ((exp.card.uid, ["none"]), ("f" * 32, None), ("nonsense", None)):
        assert len(get_experiment_metrics(uid, names)) == 0
        assert len(get_experiment_parameters(uid, names)) == 0


def test_10_results_are_sequences_and_out_of_range_is_an_index_error():
    with start_experiment("opsml") as exp:
        exp.log_metrics([Metric("acc", value, step=value) for value in range(3)])
    metrics = exp.card.get_metrics()
    assert len(metrics) == 3
    assert [m.value for m in metrics] == [0.0, 1.0, 2.0]
    assert (metrics[0].value, metrics[-1].value) == (0.0, 2.0)
    with pytest.raises(IndexError):
        metrics[3]


def test_11_text_is_no_number_and_true_is_one():
    with start_experiment("opsml") as exp:
        with pytest.raises(TypeError):
            exp.log_metric("acc", "0.5")
        with pytest.raises(TypeError):
            exp.log_metrics([Metric("acc", 1.0), ("acc", 2.0)])
        with pytest.raises(TypeError):
            exp.log_metrics({"acc": 1.0})
        with pytest.raises(TypeError):
            Metric("acc", "0.5")
        exp.log_metric("flag", True)
    assert [(m.name, m.value) for m in exp.card.get_metrics()] == [("flag", 1.0)]


def test_12_nan_and_infinities_come_back():
    with start_experiment("opsml") as exp:
        for step, value in enumerate((math.nan, math.inf, -math.inf)):
            exp.log_metric("loss", value, step=step)
        exp.log_parameter("nan", math.nan)
    values = [m.value for m in exp.card.get_metrics()]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]
    assert math.isnan(exp.card.get_parameters()[0].value)


def test_13_no_metrics_many_metrics_and_times_are_kept():
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    with start_experiment("opsml") as exp:
        exp.log_metrics([])
        exp.log_metrics([Metric("loss", 1 / (step + 1), step=step) for step in range(100_000)])
        exp.log_metrics([Metric("acc", 0.5, created_at=when, timestamp=17)])
        exp.log_metric("f1", 0.25, created_at=when)
    assert len(exp.card.get_metrics(["loss"])) == 100_000
    (kept,) = exp.card.get_metrics(["acc"])
    assert (kept.created_at, kept.timestamp) == (when, 17)
    (kept,) = exp.card.get_metrics(["f1"])
    assert (kept.created_at, kept.timestamp) == (when, None)


def test_14_parameters_keep_their_type():
    with start_experiment("opsml") as exp:
        exp.log_parameter("i", 3)
        exp.log_param("f", 3.0)
        exp.log_parameters({"s": "3", "b": True})
        exp.log_parameters([Parameter("big", 2**70)])
        for bad in ([1], None, {"a": 1}):
            with pytest.raises(RuntimeError, match="Invalid type"):
                exp.log_parameter("bad", bad)
        with pytest.raises(RuntimeError):
            exp.log_parameters({"fine": 1, "bad": [1]})
        with pytest.raises(RuntimeError):
            exp.log_parameters((1, 2))
    found = {p.name: p.value for p in exp.card.get_parameters()}
    assert found == {"i": 3, "f": 3.0, "s": "3", "b": 1, "big": 2**70}
    assert [type(found[name]) for name in "ifsb"] == [int, float, str, int]


def test_15_an_artifact_is_a_file_and_stays_inside(place):
    (place / "a.txt").write_text("a")
    with start_experiment("opsml") as exp:
        exp.log_artifact("a.txt")
        exp.log_artifact(place / "a.txt", rpath="d1/d2/b.txt")
        with pytest.raises(RuntimeError, match=r"Path is not a file.*Use log_artifacts"):
            exp.log_artifact(place)
        with pytest.raises(RuntimeError, match="Path does not exist"):
            exp.log_artifact("none.txt")
        for rpath in ("../x", "/etc/x", "a/../../x", ""):
            with pytest.raises(RuntimeError):
                exp.log_artifact("a.txt", rpath=rpath)
    names = [name for name in exp.card.list_artifacts() if "/code/" not in name]
    assert names == ["/artifacts/a.txt", "/artifacts/d1/d2/b.txt"]


def test_16_directories_keep_their_paths_and_are_only_read(place):
    source = place / "out"
    (source / "inner").mkdir(parents=True)
    for name, content in {"a.json": b"{}", "a.pkl": b"\x80", "inner/a.json": b"[]", "a": b"plain"}.items():
        (source / name).write_bytes(content)
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    with start_experiment("opsml") as exp:
        exp.log_artifacts(source)
        with pytest.raises(RuntimeError):
            exp.log_artifacts(source / "a")
        with pytest.raises(RuntimeError):
            exp.log_artifacts(place / "none")
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before
    exp.card.download_artifacts(lpath=place / "copy")
    for path, content in before.items():
        assert (place / "copy" / path.relative_to(source)).read_bytes() == content


def test_17_figures(place):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([1, 2])
    figure.savefig(place / "drawn.png")
    with start_experiment("opsml") as exp:
        exp.log_figure("f.png", figure, {"dpi": 30})
        exp.log_figure("g.svg", figure)
        exp.log_figure_from_path("drawn.png")
        exp.log_figure_from_path("drawn.png", rpath="sub/other.png")
        with pytest.raises((RuntimeError, TypeError)):
            exp.log_figure("h.png", "no figure")
        (place / "a.txt").write_text("a")
        with pytest.raises(RuntimeError, match="no image"):
            exp.log_figure_from_path("a.txt")
    plt.close(figure)
    assert exp.card.list_artifacts("figures") == [
        "/artifacts/figures/drawn.png", "/artifacts/figures/f.png", "/artifacts/figures/g.svg",
        "/artifacts/figures/sub/other.png",
    ]  # fmt: skip
    exp.card.download_artifact("figures/f.png", place / "f.png")
    assert (place / "f.png").read_bytes().startswith(b"\x89PNG")


def test_18_a_folder_lists_only_what_is_below_it(place):
    (place / "a.txt").write_text("a")
    with start_experiment("opsml") as exp:
        for rpath in ("d1/a.txt", "d1/deep/b.txt", "d10/c.txt", "e.txt"):
            exp.log_artifact("a.txt", rpath)
    assert exp.card.list_artifacts("d1") == ["/artifacts/d1/a.txt", "/artifacts/d1/deep/b.txt"]
    assert exp.card.list_artifacts("artifacts/d10") == ["/artifacts/d10/c.txt"]
    assert exp.card.list_artifacts("none") == []


def test_19_downloads(place):
    (place / "a.txt").write_text("first")
    with start_experiment("opsml") as exp:
        exp.log_artifact("a.txt")
        (place / "a.txt").write_text("second")
        exp.log_artifact("a.txt")
        exp.log_artifact("a.txt", "d/b.txt")
    exp.card.download_artifacts()
    assert (place / "artifacts" / "a.txt").read_text() == "second"
    assert (place / "artifacts" / "d" / "b.txt").read_text() == "second"
    for index, path in enumerate(exp.card.list_artifacts()):
        exp.card.download_artifact(path, place / f"copy{index}")
        assert (place / f"copy{index}").is_file()
    exp.card.download_artifact("b.txt", "by-name.txt")
    assert (place / "by-name.txt").read_text() == "second"
    exp.card.download_artifacts("d", "only-d")
    assert stored_files(place / "only-d") == ["d/b.txt"]
    for path in ("c.txt", "../a.txt"):
        with pytest.raises(RuntimeError):
            exp.card.download_artifact(path)


def test_19_what_is_gone_does_not_keep_the_others_from_being_copied(place):
    with start_experiment("opsml") as exp:
        for name in ("a", "b", "c"):
            (place / f"{name}.txt").write_text(name)
            exp.log_artifact(f"{name}.txt", f"d/{name}.txt")
    Path(runlore.get_run(exp.card.uid).artifact("d/b.txt").path).unlink()
    with pytest.warns(RuntimeWarning, match=r"2 of 3 artifacts were copied: .*'d/b\.txt'") as caught:
        exp.card.download_artifacts("d")
    assert caught[0].filename == __file__
    assert stored_files(place / "artifacts") == ["d/a.txt", "d/c.txt"]
    with pytest.raises(RuntimeError, match=r"nothing was copied: .*'d/b\.txt'"):
        exp.card.download_artifacts("d/b.txt")


def test_20_cards_know_their_experiment_and_it_knows_them():
    with start_experiment("opsml") as exp:
        data, model = data_card(), model_card()
        exp.register_card(data)
        exp.register_card(model)
        assert model.experimentcard_uid == exp.card.uid
        assert exp.card.uids.modelcard_uids == [model.uid]
        with pytest.raises(TypeError):
            exp.register_card("no card")
        with pytest.warns(RuntimeWarning, match="registered already"):
            exp.register_card(model)
    loaded = CardRegistry("experiment").load_card(uid=exp.card.uid)
    assert (loaded.uids.datacard_uids, loaded.uids.modelcard_uids) == ([data.uid], [model.uid])
    assert CardRegistry("model").load_card(uid=model.uid).experimentcard_uid == exp.card.uid


def test_21_children():
    with start_experiment("opsml") as exp:
        with exp.start_experiment() as child:
            assert child.card.subexperiment
            assert child.card.space == "opsml"
        assert not exp.card.subexperiment
    loaded = CardRegistry("experiment").load_card(uid=exp.card.uid)
    assert loaded.uids.experimentcard_uids == [child.card.uid]
    assert runlore.get_run(child.card.uid).parent == exp.card.uid


def test_22_an_experiment_goes_on():
    with start_experiment("opsml", "demo") as exp:
        exp.log_metric("acc", 0.1)
    with start_experiment(experiment_uid=exp.card.uid) as again:
        assert (again.card.uid, again.card.version) == (exp.card.uid, "0.1.0")
        assert again.card.status.name == "Active"
        again.log_metric("acc", 0.2)
    assert again.card.status.name == "Ok"
    assert [m.value for m in get_experiment_metrics(exp.card.uid)] == [0.1, 0.2]
    assert len(CardRegistry("experiment").list_cards()) == 1
    for uid in ("f" * 32, "nonsense", exp.card.uid[:10], 3):
        with pytest.raises(RuntimeError, match="Failed to load experiment card"):
            start_experiment(experiment_uid=uid)


def test_23_code(place):
    code = place / "src"
    (code / "inner").mkdir(parents=True)
    (code / "train.py").write_text("1")
    (code / "inner" / "help.py").write_text("2")
    with start_experiment("opsml", code_dir=code) as exp:
        pass
    assert exp.card.list_artifacts("code") == ["/artifacts/code/src/inner/help.py", "/artifacts/code/src/train.py"]
    with start_experiment("opsml", code_dir=code / "train.py") as exp:
        pass
    assert exp.card.list_artifacts("code") == ["/artifacts/code/train.py"]
    with start_experiment("opsml") as exp:
        pass
    assert exp.card.list_artifacts("code") == [f"/artifacts/code/{os.path.basename(__file__)}"]
    with pytest.raises(RuntimeError, match="does not exist"):
        start_experiment("opsml", code_dir=place / "none")
    with start_experiment(experiment_uid=exp.card.uid, code_dir=code) as again:
        pass
    assert len(again.card.list_artifacts("code")) == 3


def test_24_versions():
    def register(version_type=VersionType.Minor, version=None, **tags):
        card = model_card(version=version)
        with start_experiment("opsml") as exp:
            exp.register_card(card, version_type=version_type, **tags)
        return card.version

    assert register() == "0.1.0"
    assert register() == "0.2.0"
    assert register(VersionType.Patch) == "0.2.1"
    assert register(VersionType.Major) == "1.0.0"
    assert register(VersionType.Pre, pre_tag="rc.1") == "1.0.0-rc.1"
    with pytest.raises(RuntimeError, match=r"'1\.0\.0-rc\.1' is there already"):
        register(VersionType.Pre, pre_tag="rc.1")
    assert register(VersionType.Build, build_tag="b.1") == "1.0.0+b.1"
    assert register(VersionType.Minor, pre_tag="alpha") == "1.1.0-alpha"
    assert register() == "1.2.0"
    assert register(version="3.4.5") == "3.4.5"
    with pytest.raises(RuntimeError, match=r"'3\.4\.5' is there already"):
        register(version="3.4.5")
    assert register(VersionType.Patch, version="3.4") == "3.4.6"
    assert register(version="7") == "7.0.0"
    for bad in ({"version": "x.y.z"}, {"version": "one"}, {"pre_tag": "a b"}, {"version_type": "huge"}):
        with pytest.raises(RuntimeError):
            register(**bad)
    models = CardRegistry("model")
    for query, version in {
        "*": "7.0.0",
        "1.*": "1.2.0",
        "~1.2.0": "1.2.0",
        "^0.2": "0.2.1",
        "3.4": "3.4.6",
        "1": "1.2.0",
    }.items():
        assert models.load_card(space="opsml", name="line", version=query).version == version
        assert models.list_cards(space="opsml", name="line", version=query)[0].version == version


def test_25_eval_metrics():
    with start_experiment("opsml") as exp:
        exp.log_eval_metrics(ExperimentEvalMetrics({"mape": 0.25, "nan": math.nan}))
        exp.log_metric("loss", 1.0)
    card = CardRegistry("experiment").load_card(uid=exp.card.uid)
    assert card.eval_metrics["mape"] == 0.25
    assert math.isnan(card.eval_metrics["nan"])
    with pytest.raises(RuntimeError, match="missing"):
        card.eval_metrics["missing"]
    assert {m.name: m.is_eval for m in card.get_metrics()} == {"mape": True, "nan": True, "loss": False}


# -- v1 -------------------------------------------------------------------------------------------------------------


def test_26_the_example_leaves_what_it_says(seed_block):
    from runlore import registry

    names = seed_block("opsml-v1-runcard.md", 0)
    run = names["run"]
    view = runlore.get_run(run.run_id)
    assert (view.experiment, view.status) == ("opsml/opsml-project", "succeeded")
    assert [(c.name, c.version) for c in registry.list_cards(kind="project")] == [("opsml-project", "1.0.0")]
    (card,) = registry.list_cards(kind="run")
    assert (card.space, card.version, card.uid) == ("opsml", "1.0.0", run.run_id)
    assert re.fullmatch("[0-9a-f]{7}", card.name)
    data = registry.get("data", "opsml", "linear-reg")
    model = registry.get("model", "opsml", "linear-reg")
    assert (data.version, model.version) == ("1.0.0", "1.0.0")
    assert [item.name for item in data.artifacts()] == ["data.parquet"]
    assert [item.name for item in model.artifacts()] == ["onnx-model.onnx", "sample-model-data", "trained-model.skops"]
    assert (len(names["data"]["train"].X), len(names["data"]["test"].X)) == (313, 687)
    assert (names["data"]["train"].X.shape[1], names["data"]["train"].y.shape[1]) == (10, 1)
    assert view.metrics == {"test_metric": 10.0, "test_metric2": 20.0}
    assert view.params == {"test_parameter": 10}
    assert view.tags == {"data:linear-reg": "1.0.0", "model:linear-reg": "1.0.0"}
    assert view.artifact("artifact/artifact.txt").read_text() == "This is a test"
    assert (run.datacard_uids, run.modelcard_uids) == ([data.uid], [model.uid])
    assert names["modelcard"].metadata.runcard_uid == names["datacard"].metadata.runcard_uid == run.run_id
    onnx = model.artifact("onnx-model.onnx")
    assert onnx.metadata["inputs"][0]["shape"] == [None, 10]
    sample = names["data"]["train"].X.to_numpy()
    session = onnx.load()
    predicted = session.run(None, {session.get_inputs()[0].name: sample.astype(np.float32)})[0]
    np.testing.assert_allclose(predicted, names["reg"].predict(sample), rtol=1e-3, atol=1e-2)
    loaded = CardRegistry("model").load_card(uid=model.uid)
    assert loaded.load_model().predict(sample).tolist() == names["reg"].predict(sample).tolist()
    assert len(loaded.sample_data) == 1
    ancestors = registry.lineage(model).ancestors
    assert [str(card) for card in ancestors] == ["data/opsml/linear-reg@1.0.0"]


def test_27_project_names_are_cleaned_and_ids_stay():
    assert ProjectInfo(name=" My_Proj ", repository="opsml", contact="c").name == "my-proj"
    assert (project("a").project_id, project("b").project_id, project("a").project_id) == (1, 2, 1)
    for name in ("", "a b", "../x", "x" * 60):
        with pytest.raises(ValueError, match=r"name=|53 characters"):
            ProjectInfo(name=name)


def test_28_explicit_names_beat_the_info_and_the_environment(monkeypatch):
    interface = PandasData(data=pd.DataFrame({"x": [1]}))
    with pytest.raises(ValueError, match="name is missing"):
        DataCard(interface=interface)
    monkeypatch.setenv("OPSML_RUNTIME_NAME", "")
    info = CardInfo(name="from-info", repository="info", contact="info@x")
    other = CardInfo(name="from-env", repository="env", contact="env@x")
    for part in ("NAME", "REPOSITORY", "CONTACT"):
        monkeypatch.setenv(f"OPSML_RUNTIME_{part}", "")
    assert other.set_env() is other
    card = DataCard(interface=interface)
    assert (card.name, card.repository, card.contact) == ("from-env", "env", "env@x")
    card = DataCard(interface=interface, info=info)
    assert (card.name, card.repository, card.contact) == ("from-info", "info", "info@x")
    card = DataCard(interface=interface, info=info, name="explicit", repository="Own_One")
    assert (card.name, card.repository, card.contact) == ("explicit", "own-one", "info@x")
    monkeypatch.setenv("OPSML_RUNTIME_CONTACT", "")
    with pytest.raises(ValueError, match="contact is missing"):
        DataCard(interface=interface, name="x", repository="y")
    with pytest.raises(ValueError, match="is no uid"):
        model_card(datacard_uid="abc")


def test_29_one_run_at_a_time_and_none_afterwards():
    mine = project()
    with mine.run() as run:
        assert run.active
        with pytest.raises(ActiveRunException), mine.run():
            pass
        run.log_metric("acc", 0.5)
    assert not run.active
    for call in (
        lambda: run.log_metric("a", 1), lambda: run.log_metrics({"a": 1}), lambda: run.log_parameter("a", 1),
        lambda: run.log_parameters({"a": 1}), lambda: run.add_tag("a", "b"), lambda: run.log_graph("g", [1], [1]),
        lambda: run.log_artifact_from_file("a", "b"), lambda: run.register_card(model_card()),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="Run is not active"):
            call()
    assert run.metrics["acc"][0].value == 0.5
    with mine.run() as second:
        assert second.run_id != run.run_id


def test_30_one_value_or_a_list():
    mine = project()
    with mine.run(run_name="Base_Line") as run:
        run.log_metric("one", 1)
        run.log_metrics({"many": 1}, step=1)
        run.log_metrics({"many": math.nan}, step=2)
        run.log_parameter("lr", 0.1)
        run.add_tags({"team": "x"})
        run.add_tag("team", "y")
    assert mine.run_id == run.run_id
    for reader in (run, mine, project(run_id=run.run_id)):
        assert reader.get_metric("one").value == 1.0
        assert [m.step for m in reader.get_metric("many")] == [1, 2]
        assert math.isnan(reader.get_metric("many")[1].value)
        assert reader.get_parameter("lr").value == 0.1
        assert reader.tags == {"team": "x"}
        with pytest.raises(ValueError, match="'none' was not logged"):
            reader.get_metric("none")
    assert [(row["uid"], row["name"]) for row in mine.list_runs()] == [(run.run_id, "base-line")]
    with pytest.raises(ValueError, match="Invalid run_id"):
        project(run_id="f" * 32)


def test_30_a_run_goes_on():
    with project().run() as run:
        run.log_metric("acc", 1)
    with project(run_id=run.run_id).run() as again:
        assert (again.run_id, again.version) == (run.run_id, "1.0.0")
        again.log_metric("acc", 2)
    assert [m.value for m in again.get_metric("acc")] == [1.0, 2.0]
    mine = project()
    mine.run_id = run.run_id
    assert len(mine.metrics["acc"]) == 2
    with mine.run() as fresh:
        assert fresh.run_id != run.run_id


def test_30_contents_that_are_gone_do_not_keep_the_others_from_being_loaded(place):
    current = project()
    with current.run(run_name="r") as run:
        for name in ("kept", "gone"):
            (place / f"{name}.txt").write_text(name)
            run.log_artifact_from_file(name, place / f"{name}.txt")
    Path(runlore.get_run(run.run_id).artifact("gone/gone.txt").path).unlink()
    for loaded in (run, current):
        with pytest.warns(RuntimeWarning, match=r"1 of 2 artifacts were copied: .*'gone/gone\.txt'") as caught:
            paths = loaded.load_artifacts()
        assert caught[0].filename == __file__
        assert [os.path.relpath(path, place) for path in paths] == ["artifacts/kept/kept.txt"]
    assert [Path(path).read_text() for path in run.load_artifacts("kept")] == ["kept"]
    with pytest.raises(FileNotFoundError, match=r"nothing was copied: .*'gone/gone\.txt'"):
        run.load_artifacts("gone")


def test_31_blanks_in_names_become_underscores():
    with project().run() as run:
        run.log_metric("a b", 1)
        run.log_metrics({"c d": 2})
        run.log_param("e f", 3)
    assert sorted(run.metrics) == ["a_b", "c_d"]
    assert run.get_metric("a b").value == 1.0
    assert list(run.parameters) == ["e_f"]


def test_32_a_failed_run_keeps_what_it_logged():
    mine = project()
    with pytest.raises(KeyboardInterrupt), mine.run() as run:  # noqa: PT012 - the run is what is tested
        run.log_metric("acc", 0.5)
        run.log_parameter("lr", 0.1)
        raise KeyboardInterrupt
    assert (mine.get_metric("acc").value, mine.get_parameter("lr").value) == (0.5, 0.1)
    assert mine.list_runs()[0]["status"] == "stopped"


def test_32_also_when_it_is_killed():
    script = (
        "import os, signal\nfrom runlore.dialects.opsml import OpsmlProject, ProjectInfo\n"
        "with OpsmlProject(ProjectInfo(name='opsml-project')).run() as run:\n"
        "    run.log_metric('acc', 0.5)\n    run.log_parameter('lr', 0.1)\n    run.add_tag('a', 'b')\n"
        "    print(run.run_id, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    mine = project(run_id=done.stdout.strip())
    assert (mine.get_metric("acc").value, mine.get_parameter("lr").value, mine.tags) == (0.5, 0.1, {"a": "b"})
    assert mine.list_runs()[0]["status"] == "crashed"


def test_33_splits_partition_the_rows():
    frame = pd.DataFrame({"x": [0.1, 0.5, 0.9, 0.5], "y": [1, 2, 3, 4]})
    splits = [
        DataSplit("train", "x", 0.5, " >= "), DataSplit("test", "x", 0.5, "<"), DataSplit("equal", "x", 0.5),
        DataSplit("none", "x", 7, ">"), DataSplit("head", start=0, stop=2), DataSplit("some", indices=[3, 0]),
    ]  # fmt: skip
    found = PandasData(data=frame, data_splits=splits, dependent_vars=["y"]).split_data()
    assert {name: part.y["y"].tolist() for name, part in found.items()} == {
        "train": [2, 3, 4], "test": [1], "equal": [2, 4], "none": [], "head": [1, 2], "some": [4, 1],
    }  # fmt: skip
    assert found["none"].X.columns.tolist() == ["x"]
    assert PandasData(data=frame, data_splits=splits).split_data()["train"].y is None
    for wrong in ("!=", "=>", "like"):
        with pytest.raises(ValueError, match="must be one of"):
            DataSplit("bad", "x", 0.5, wrong)
    with pytest.raises(ValueError, match="selects nothing"):
        DataSplit("bad")
    with pytest.raises(ValueError, match="No data splits"):
        PandasData(data=frame).split_data()
    with pytest.raises(ValueError, match="neither data nor sql"):
        PandasData()


def test_34_pre_releases_are_counted_and_finalised():
    mine = project()
    versions = []
    with mine.run() as run:

        def register(version_type=VersionType.MINOR, version=None):
            card = model_card(space=None, repository="opsml", contact="c", version=version)
            run.register_card(card, version_type)
            versions.append(card.version)

        register()
        register()
        register(VersionType.PATCH)
        register(VersionType.MAJOR)
        register(VersionType.PRE, "2.1.0")
        register(VersionType.PRE, "2.1.0")
        register()
        register(VersionType.BUILD, "2.1.0")
        with pytest.raises(VersionError, match="wants the version"):
            register(VersionType.PRE)
        with pytest.raises(VersionError, match="is taken"):
            register(version="2.1.0")
        with pytest.raises(VersionError, match="is released"):
            register(VersionType.PRE, "2.1.0")
    assert versions == [
        "1.0.0", "1.1.0", "1.1.1", "2.0.0", "2.1.0-rc.1", "2.1.0-rc.2", "2.1.0", "2.1.0+build.1",
    ]  # fmt: skip
    with pytest.raises(OpsmlError, match="nothing to load"):
        CardRegistry("model").load_card()


@pytest.mark.parametrize(("given", "used"), [(5, 10.0), (12, 12.0), (None, 30.0)])
def test_35_the_interval_and_a_prompt_end(given, used, monkeypatch):
    from runlore.capture import hardware

    intervals = []
    original = hardware.HardwareSampler.__init__

    def noted(self, sink, interval_s=10.0, **options):
        intervals.append(interval_s)
        original(self, sink, interval_s, **options)

    monkeypatch.setattr(hardware.HardwareSampler, "__init__", noted)
    options = {} if given is None else {"hardware_interval": given}
    begin = time.monotonic()
    if given == 5:
        with pytest.warns(UserWarning, match="less than 10 s"), project().run(log_hardware=True, **options) as run:
            pass
    else:
        with project().run(log_hardware=True, **options) as run:
            pass
    assert intervals == [used]
    assert time.monotonic() - begin < used  # the end does not wait for the next sample
    sample = run.get_hardware_metrics()[0]
    assert sample.memory.sys_ram_total > 0
    assert sample.cpu.load_avg >= 0
    assert 0 <= sample.cpu.cpu_percent_avg <= 100  # the first sample has values, and one a core
    assert len(sample.cpu.cpu_percent_per_core) == psutil.cpu_count()
    assert all(0 <= percent <= 100 for percent in sample.cpu.cpu_percent_per_core)
