"""What users of Polyaxon's tracking rely on. Each test is named after the number of a behaviour."""

from __future__ import annotations

import inspect
import json
import math
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

import runlore
from runlore.dialects.polyaxon import (
    BuildJob,
    Experiment,
    Group,
    Job,
    PolyaxonClient,
    PolyaxonClientException,
    experiments,
    get_data_paths,
)
from runlore.errors import (
    ArtifactNotFound,
    ExperimentNotFound,
    InvalidArgument,
    InvalidName,
    NoActiveRun,
    QuerySyntaxError,
    RunNotFound,
    WrongType,
)

SEED_ARGUMENTS = [
    "project",
    "experiment_id",
    "group_id",
    "client",
    "track_logs",
    "track_git",
    "track_env",
    "outputs_store",
]


def start(project="p", **options):
    return Experiment(project, **options).create()


def history(view):
    return [status for _, status, _ in view.statuses]


def facts(view, name):
    merged = {}
    for event in view.events("capture"):
        if event.key == name:
            merged |= event.value
    return merged


def test_01_arguments_stand_in_the_order_of_the_document_and_nothing_is_stored_until_create(store):
    positional = [
        name
        for name, parameter in inspect.signature(Experiment.__init__).parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    assert positional == ["self", *SEED_ARGUMENTS]
    experiment = Experiment("p", None, None, None, True, True, True, None)
    assert Experiment(project="p", track_code=False).id is None
    with pytest.raises(NoActiveRun, match=r"call create\(\) first"):
        experiment.log_metrics(loss=1)
    with pytest.raises(WrongType, match="outputs_store"):
        Experiment("p", outputs_store="s3://bucket")
    assert not store.exists()


def test_02_an_experiment_without_a_project_goes_to_the_default_one(store):
    assert Experiment().create().project == "default"
    assert runlore.experiment("default").numbers == [1]
    for bad in ("", "a b", "../up", "u/p/q", "u/", "/etc"):
        with pytest.raises(InvalidName, match="project="):
            Experiment(bad)
    with pytest.raises(WrongType, match="project=7"):
        Experiment(7)
    assert [path.name for path in (store / "runs").iterdir()] == ["default"]


def test_03_owner_and_project(view):
    slash, dot = start("u/p"), start("u.p")
    assert (slash.username, slash.project_name, slash.project) == ("u", "p", "u.p")
    assert (dot.username, dot.project_name, dot.id) == ("u", "p", 2)
    assert len(runlore.experiment("u/p")) == 2


def test_04_create_with_nothing(view):
    experiment = Experiment("p")
    assert experiment.create() is experiment
    assert (experiment.id, experiment.experiment_id, view().uid) == (1, 1, experiment.uid)
    assert view().status == experiment.last_status == "running"
    assert history(view())[-2:] == ["created", "running"]


def test_05_names_are_slugs(store, view):
    with pytest.raises(InvalidName, match=r"name='my exp' must be a slug"):
        Experiment("p").create(name="my exp")
    assert not store.exists()
    experiment = Experiment("p").create(name="experiment_name")
    assert view().name == "experiment_name"
    with pytest.raises(InvalidName):
        experiment.set_name("new name")
    assert view().name == "experiment_name"


def test_06_tags_as_a_list_or_as_text(view):
    listed = Experiment("p").create(tags=["a", "b"])
    text = Experiment("p").create(tags="a, b")
    assert listed.tags == text.tags == ["a", "b"]
    words = [{key for key, value in view(number).tags.items() if value == ""} for number in (1, 2)]
    assert words == [{"a", "b"}] * 2


def test_07_tags_are_added_once_and_in_order():
    experiment = Experiment("p").create(tags=["x"])
    experiment.log_tags(["tag1", "tag2"])
    experiment.log_tags("tag1,x")
    assert experiment.tags == ["x", "tag1", "tag2"]


def test_08_tags_are_replaced_trimmed_and_checked(view):
    experiment = Experiment("p").create(tags=["x", "y"])
    experiment.log_framework("torch")
    experiment.log_tags("tag3", reset=True)
    assert experiment.tags == ["tag3"]
    assert view().tags["polyaxon.framework"] == "torch"
    experiment.log_tags("a, b ,c", reset=True)
    assert experiment.tags == ["a", "b", "c"]
    for bad in ("a,,b", [1], {"a": 1}, ["ok", ""], 5, ["polyaxon.backend"]):
        with pytest.raises((InvalidArgument, WrongType), match="tags="):
            experiment.log_tags(bad, reset=True)
    experiment.log_tags(None)
    assert experiment.tags == ["a", "b", "c"]
    experiment.log_tags([], reset=True)
    assert experiment.tags == []


def test_09_fields_are_replaced(view):
    experiment = Experiment("p").create(framework="keras", description="one")
    assert view().tags == {"polyaxon.backend": "other", "polyaxon.framework": "keras"}
    for number in ("1", "2"):
        experiment.set_name(f"name{number}")
        experiment.set_description(f"text {number}")
        experiment.log_framework(f"f{number}")
        experiment.log_backend(f"b{number}")
    found = view()
    assert (found.name, found.description) == ("name2", "text 2")
    assert found.tags == {"polyaxon.backend": "b2", "polyaxon.framework": "f2"}


def test_10_params_merge_and_reset(view):
    experiment = start()
    experiment.log_params(activation="sigmoid", lr=0.001)
    experiment.log_params(dropout=0.5, lr=0.01)
    assert view().params == {"activation": "sigmoid", "dropout": 0.5, "lr": 0.01}
    experiment.log_params({"reset": 3, "net": {"width": 8}}, reset=True)
    assert view().params == {"net/width": 8, "reset": 3}
    with pytest.raises(WrongType):
        experiment.log_params(model=object(), reset=True)
    assert view().params == {"net/width": 8, "reset": 3}
    experiment.log_params(lr=1)
    assert view().params["lr"] == 1


def test_11_step_is_an_axis(view):
    experiment = start()
    experiment.log_metrics(step=123, loss=0.023, accuracy=0.91)
    assert view().metrics == {"accuracy": 0.91, "loss": 0.023}
    points = view().metric("loss")
    assert points["step"].tolist() == [123.0]
    assert abs(points["time"].iloc[0].value - view().updated_ns) < 10**9
    experiment.log_metrics({"step": 7.0}, step=124)
    assert view().metric("step")[["step", "value"]].to_numpy().tolist() == [[124.0, 7.0]]
    experiment.log_metrics(step=125)
    experiment.log_metrics(step=125, loss=None)
    assert view().points == 3


def test_12_points_without_a_step_are_in_order_of_time_or_counted(view):
    experiment = start()
    for value in (3.0, 1.0, 2.0):
        experiment.log_metrics(loss=value)
    points = view().metric("loss")
    assert points["value"].tolist() == [3.0, 1.0, 2.0]
    assert points["time"].is_monotonic_increasing
    assert points["step"].isna().all()
    counting = Experiment("p", auto_step=True).create()
    for value in (3.0, 1.0):
        counting.log_metrics(loss=value, acc=value)
    counting.log_succeeded()
    Experiment("p", experiment_id=2, auto_step=True).log_metrics(loss=5)
    assert view(2).metric("loss")["step"].tolist() == [0.0, 1.0, 2.0]


class ZeroDimensionalTensor:
    """What of a torch tensor is used: `.item()`."""

    def item(self):
        return 0.5


@pytest.mark.parametrize(
    "value", [np.float32(0.5), np.int64(2), np.array(0.5), 2, True, ZeroDimensionalTensor(), np.float64(1e300)]
)
def test_13_numbers_of_any_kind(view, value):
    start().log_metrics(loss=value)
    assert view().metrics == {"loss": float(value.item() if hasattr(value, "item") else value)}


def test_13_a_text_is_refused_before_anything_is_stored(view):
    experiment = start()
    with pytest.raises(WrongType, match=r"'loss'.*'low'"):
        experiment.log_metrics(accuracy=0.9, loss="low")
    assert view().metrics == {}


def test_14_nan_and_infinities_are_values_among_others(view):
    experiment = start()
    values = [0.5, math.nan, math.inf, -math.inf, 0.25]
    for step, value in enumerate(values):
        experiment.log_metrics(step=step, loss=value, acc=1)
    assert np.array_equal(view().metric("loss")["value"], values, equal_nan=True)
    assert len(view().metric("acc")) == 5


@pytest.mark.parametrize("key", ["val/loss", "top 5", "größe", "損失", "loss|acc", "../x", "a" * 300])
def test_15_any_name_is_a_metric(view, key):
    start().log_metrics(step=1, **{key: 0.5, f"{key}2": 1})
    assert view().metrics == {key: 0.5, f"{key}2": 1.0}


def test_16_data_references(view, run_program):
    experiment = start()
    data = np.arange(10_000.0)
    changed = data.copy()
    changed[5_000] += 1
    experiment.log_data_ref(data=data, data_name="a")
    experiment.log_data_ref(data=changed, data_name="b")
    refs = view().data_refs()
    assert list(refs) == ["a", "b"]
    assert refs["a"]["hash"] != refs["b"]["hash"]
    experiment.log_data_ref(data=data.copy(), data_name="c", reset=True)
    assert view().data_refs() == {"c": refs["a"] | {"name": "c"}}
    done = run_program("import numpy\nExperiment('q').create().log_data_ref(numpy.arange(10_000.0))")
    assert done.returncode == 0, done.stderr
    assert view(1, "q").data_refs()["data"]["hash"] == refs["a"]["hash"]


def test_16_data_without_contents_is_recorded_by_name_with_a_warning(view):
    experiment = start()
    with pytest.warns(RuntimeWarning, match="'loader' is recorded without a hash"):
        experiment.log_data_ref(object(), "loader")
    assert view().data_refs() == {"loader": {"name": "loader", "hash": None, "kind": "object"}}


def test_17_the_environment(run_program, tmp_path, view):
    done = run_program("Experiment('p').create()", "--epochs", "3", captures="environment")
    assert done.returncode == 0, done.stderr
    found, start_event = facts(view(), "environment"), view().source
    assert found["script"] == str(tmp_path / "train.py")
    assert found["argv"][1:] == ["--epochs", "3"]
    assert found["working_directory"] == str(tmp_path)
    assert found["python"]["build"] == sys.version
    assert found["python"]["version"] == start_event["python"]
    assert (found["pid"], found["user"]) == (start_event["pid"], start_event["user"])
    assert {found["host"], found["platform"]["node"]} == {os.uname().nodename}
    assert (found["platform"]["system"], start_event["runlore"]) == (os.uname().sysname, runlore.__version__)
    assert "notebook" not in found
    assert found["packages"] == sorted(found["packages"], key=str.lower)
    assert any(package.startswith("numpy==") for package in found["packages"])


def test_17_the_environment_on_request(view):
    experiment = start()
    assert facts(view(), "environment") == {}
    experiment.log_run_env()
    assert facts(view(), "environment").keys() >= {"python", "pid", "host", "user", "argv", "packages"}


@pytest.fixture
def repository(tmp_path):
    """A git repository with one commit, a remote with a password, and a script that is not tracked."""
    directory = tmp_path / "code"
    directory.mkdir()
    (directory / "model.py").write_text("width = 8\n")
    for arguments in (
        ["init", "-q", "-b", "main"], ["add", "."],
        ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "commit", "-qm", "first"],
        ["remote", "add", "origin", "https://ann:secret@example.org/code.git"],
    ):  # fmt: skip
        subprocess.run(["git", *arguments], cwd=directory, check=True)
    return directory


@pytest.mark.parametrize(
    ("flag", "missing"),
    [("track_env", "environment"), ("track_git", "git"), ("track_code", "git"), ("track_logs", "log")],
)
def test_18_each_switch_turns_off_one_capture(run_program, repository, view, flag, missing):
    body = f"Experiment('p', {flag}=False).create(); print('hello')"
    done = run_program(body, captures="git,environment,console", cwd=repository)
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
    found = {event.key for event in view().events("capture")} | {event.kind for event in view().events("log")}
    assert found == {"environment", "git", "log"} - {missing}


def test_19_the_state_of_the_code(run_program, repository, view):
    (repository / "model.py").write_text("width = 16\n")
    subprocess.run(["git", "add", "model.py"], cwd=repository, check=True)
    done = run_program("Experiment('p').create()", captures="git", cwd=repository)
    assert done.returncode == 0, done.stderr
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True)
    found = facts(view(), "git")
    assert (found["commit"], found["branch"], found["dirty"]) == (head.stdout.strip(), "main", True)
    assert found["remote"] == "https://example.org/code.git" or "secret" not in found["remote"]
    assert (found["staged"], found["untracked"]) == (["model.py"], ["train.py"])
    assert "+width = 16" in view().artifact("git/diff.patch").read_text()


def test_19_outside_of_a_repository_and_without_git(run_program, repository, tmp_path, view):
    done = run_program("Experiment('p').create()", captures="git")
    assert (done.returncode, done.stderr) == (0, "")
    assert facts(view(), "git") == {}
    done = run_program("Experiment('p').create()", captures="git", cwd=repository, PATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert (len(facts(view(2), "git")["commit"]), facts(view(2), "git")["dirty"]) == (40, None)


def test_19_the_state_of_the_code_on_request(repository, monkeypatch, view):
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(repository / "train.py"), raising=False)
    experiment = start()
    experiment.log_code_ref()
    assert facts(view(), "git")["dirty"] is False


ENDS = {
    "normal": ("", "succeeded", 0),
    "exit_0": ("sys.exit(0)", "succeeded", 0),
    "exit_3": ("sys.exit(3)", "failed", 3),
    "ctrl_c": ("signal.raise_signal(signal.SIGINT)", "stopped", -signal.SIGINT),
    "sigterm": ("signal.raise_signal(signal.SIGTERM)", "stopped", -signal.SIGTERM),
    "sigkill": ("os.kill(os.getpid(), 9)", "crashed", -signal.SIGKILL),
    "thread": ("t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()", "succeeded", 0),
    "stopped": ("e.log_stopped(); e.log_failed(); e.log_succeeded()", "stopped", 0),
    "stopped_then_exception": ("e.log_stopped(); raise ValueError", "stopped", 1),
}


def test_20_an_exception_is_recorded_and_still_printed(run_program, view):
    done = run_program("def train():\n    raise ValueError('boom')\nExperiment('p').create()\ntrain()")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ValueError: boom")
    assert view().status == "failed"
    assert (view().exit["exception"], view().exit["message"]) == ("ValueError", "boom")
    assert "in train" in view().exit["traceback"]


@pytest.mark.parametrize("case", ENDS)
def test_21_ends_and_exit_codes(run_program, view, case):
    body, status, code = ENDS[case]
    done = run_program(f"e = Experiment('p').create(); e.log_metrics(loss=1)\n{body}")
    assert done.returncode == code, done.stderr
    assert (view().status, view().metrics) == (status, {"loss": 1.0})
    assert view().ended_ns is not None


def test_21_crashed_runs_are_found_as_failed(run_program):
    run_program("Experiment('p').create(); os.kill(os.getpid(), 9)")
    assert [found.status for found in experiments("status:failed")] == ["crashed"]
    assert experiments('status:"failed"') == []


def test_22_the_first_end_stays(view):
    experiment = start()
    experiment.log_stopped("enough")
    before = view()
    assert (before.status, before.exit, experiment.last_status) == ("stopped", {"message": "enough"}, "stopped")
    experiment.log_failed("no", traceback="t")
    experiment.log_status("running")
    experiment.log_metrics(loss=1)
    after = view()
    assert (after.status, after.exit, after.ended_ns) == ("stopped", {"message": "enough"}, before.ended_ns)
    assert after.metrics == {"loss": 1.0}


def test_23_a_loop_of_experiments(run_program, view):
    done = run_program("""
        for index in range(3):
            e = Experiment('p').create()
            e.log_metrics(loss=index)
            e.log_succeeded()
        Experiment('p').create()
        Experiment('p').create()
        raise RuntimeError('late')
        """)
    assert done.returncode == 1
    assert [found.status for found in runlore.experiment("p")] == ["succeeded"] * 3 + ["failed"] * 2
    ended = [found.ended_ns for found in runlore.experiment("p")]
    assert ended[0] < view(2).started_ns < ended[1] < view(3).started_ns < ended[2] < view(4).started_ns


def test_24_statuses_are_checked_and_kept(view):
    experiment = start()
    experiment.log_status("starting", message="m")
    assert view().statuses[-1][1:] == ("starting", "m")
    with pytest.raises(InvalidArgument, match=r"status='banana'.*upstream_failed"):
        experiment.log_status("banana")
    experiment.log_status("upstream_failed", "data is missing")
    assert (view().status, "upstream_failed" in history(view())) == ("failed", True)
    skipped = start()
    skipped.log_status("skipped")
    assert view(2).status == "stopped"


def test_25_artifacts_are_kept(tmp_path, view):
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights" * 100)
    folder = tmp_path / "out"
    (folder / "plots").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "plots" / "b.txt").write_text("b")
    experiment = start()
    experiment.log_artifact(str(model))
    experiment.log_artifacts(folder)
    experiment.log_output(model)
    found = view().artifact("model.bin")
    model.unlink()
    assert (found.read_bytes(), found.size, len(found.digest)) == (b"weights" * 100, 700, 64)
    assert sorted({item.name for item in view().artifacts()}) == ["a.txt", "model.bin", "plots/b.txt"]
    for method, missing in ((experiment.log_artifact, "gone.bin"), (experiment.log_artifacts, "gone")):
        with pytest.raises(ArtifactNotFound, match=missing):
            method(missing)


def test_26_an_outputs_store_gets_artifacts_too(tmp_path, view):
    calls = []

    class Store:
        def upload_file(self, filename, **options):
            calls.append(("file", filename, options))

        def upload_dir(self, dirname, **options):
            calls.append(("dir", dirname, options))

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("a")
    experiment = start(outputs_store=Store())
    experiment.log_artifact("out/a.txt", use_basename=True)
    experiment.log_outputs("out")
    assert calls == [("file", "out/a.txt", {"use_basename": True}), ("dir", "out", {})]
    assert view().artifact("a.txt").read_bytes() == b"a"
    with pytest.raises(ArtifactNotFound):
        experiment.log_artifact("gone")
    assert len(calls) == 2


@pytest.mark.parametrize("method", ["log_artifact", "log_artifacts", "log_output", "log_outputs"])
def test_options_that_nobody_heeds_are_refused(tmp_path, view, method):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("a")
    experiment = start()
    with pytest.raises(TypeError, match=r"use_basename=….*outputs_store"):
        getattr(experiment, method)("out" if method.endswith("s") else "out/a.txt", use_basename=True)
    assert view().artifacts() == []


def test_27_outputs_path_and_log_level(tmp_path, monkeypatch, managed, view):
    first, second = start(), start()
    paths = [first.get_outputs_path(), second.get_outputs_path()]
    for path in paths:
        (open(os.path.join(path, "model.bin"), "w")).close()
    assert paths == [os.path.join(view(number).directory, "outputs") for number in (1, 2)]
    based = Experiment("u.p").create(base_outputs_path=tmp_path / "outs")
    assert based.get_outputs_path() == str(tmp_path / "outs" / "u" / "p" / "1")
    monkeypatch.setenv("POLYAXON_BASE_OUTPUTS_PATH", str(tmp_path / "base"))
    assert Job("u.p").create().get_outputs_path() == str(tmp_path / "base" / "u" / "p" / "jobs" / "1")
    assert first.get_log_level() is None
    managed(POLYAXON_RUN_OUTPUTS_PATH="/outputs/p/1", POLYAXON_LOG_LEVEL="DEBUG")
    assert (first.get_outputs_path(), Experiment.get_log_level()) == ("/outputs/p/1", "DEBUG")


def test_27_outputs_never_leave_their_base(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYAXON_BASE_OUTPUTS_PATH", str(tmp_path / "base"))
    run = runlore.start("a/b/p", group="../../../up")
    path = os.path.realpath(Experiment(experiment_id=run.uid).get_outputs_path())
    assert path.startswith(str(tmp_path / "base" / "a" / "b" / "p") + os.sep)
    for bad in ("../up", "a/b", -1, 0, 1.5):
        with pytest.raises((InvalidArgument, WrongType), match="group_id="):
            Experiment("p", group_id=bad).create()


def test_28_logs_have_their_arguments_and_belong_to_their_experiment(run_program, view):
    done = run_program(
        """
        import logging
        logging.basicConfig(level=logging.INFO, format='%(levelname)s %(message)s')
        for name in ('first', 'second'):
            e = Experiment('p').create()
            print('printed', name)
            print('error', name, file=sys.stderr)
            logging.info('hello %s', name)
            e.log_succeeded()
        """,
        captures="console",
    )
    assert (done.returncode, done.stdout) == (0, "printed first\nprinted second\n")
    assert done.stderr == "error first\nINFO hello first\nerror second\nINFO hello second\n"
    for number, name in ((1, "first"), (2, "second")):
        assert list(view(number).logs("stdout")) == [f"printed {name}"]
        assert list(view(number).logs("stderr")) == [f"error {name}", f"INFO hello {name}"]
        assert list(view(number).logs("logging")) == [f"hello {name}"]


def test_29_no_op(monkeypatch, store, tmp_path):
    monkeypatch.setenv("POLYAXON_NO_OP", "1")
    experiment = Experiment(7, bogus=True)
    assert isinstance(experiment, Experiment)
    assert experiment.create(name="not a slug") is None
    assert [experiment.id, experiment.experiment_id, experiment.uid, experiment.run] == [None] * 4
    calls = [name for name in dir(Experiment) if name.startswith(("log_", "set_", "get_"))]
    assert len(calls) > 25
    assert [getattr(experiment, name)("bad", 3, nonsense=object()) for name in calls] == [None] * len(calls)
    assert [Experiment.get_params(), get_data_paths(), Experiment.get_tf_config()] == [None] * 3
    member = Group().create_experiment("x")
    assert isinstance(member, Experiment)
    assert member.log_metrics(loss="text") is None
    assert BuildJob().log_dockerfile(3) is None
    assert not store.exists()


def test_30_offline_is_recorded_in_full_and_copied_without_harm(run_program, tmp_path, store, view):
    done = run_program(
        """
        for index in range(2):
            e = Experiment('p').create(tags=['t'])
            e.log_params(lr=0.1)
            for step in range(100):
                e.log_metrics(step=step, loss=step / 100)
            e.log_succeeded()
        assert Experiment.get_log_level() is None
        """,
        POLYAXON_IS_OFFLINE="true",
    )
    assert done.returncode == 0, done.stderr
    assert view(1).uid != view(2).uid
    expected = [
        (found.uid, found.status, found.params, found.metrics, found.points) for found in runlore.experiment("p")
    ]
    team = tmp_path / "team"
    for _ in range(2):
        shutil.copytree(store / "runs", team / "runs", dirs_exist_ok=True)
        shutil.copy(store / "format", team / "format")
        found = runlore.experiment("p", store=team)
        assert [(run.uid, run.status, run.params, run.metrics, run.points) for run in found] == expected
    assert expected[0][2:] == ({"lr": 0.1}, {"loss": 0.99}, 100)


GETTERS = {
    "get_experiment_info": "POLYAXON_EXPERIMENT_INFO",
    "get_params": "POLYAXON_PARAMS",
    "get_cluster_def": "POLYAXON_CLUSTER",
    "get_task_info": "POLYAXON_TASK_INFO",
    "get_data_paths": "POLYAXON_RUN_DATA_PATHS",
    "get_outputs_refs_paths": "POLYAXON_REFS_OUTPUTS_PATHS",
}


@pytest.mark.parametrize("getter", GETTERS)
def test_31_getters(managed, monkeypatch, getter):
    get = getattr(Experiment, getter)
    with pytest.raises(PolyaxonClientException, match="POLYAXON_IS_MANAGED is not set"):
        get()
    managed()
    assert get() is None
    monkeypatch.setenv(GETTERS[getter], "{broken")
    assert get() is None
    monkeypatch.setenv(GETTERS[getter], '{"a": [1]}')
    assert get() == {"a": [1]}


def test_31_tf_config_is_composed(managed):
    managed(POLYAXON_CLUSTER={"worker": ["w:1"]}, POLYAXON_TASK_INFO={"type": "worker", "index": 0})
    expected = {
        "cluster": {"worker": ["w:1"]}, "task": {"type": "worker", "index": 0}, "model_dir": None,
        "environment": "cloud",
    }  # fmt: skip
    assert Experiment.get_tf_config() == expected
    assert Experiment.get_tf_config() == expected


@pytest.mark.parametrize("known", [(), ("cluster",), ("task",), ("model_dir",)])
def test_31_tf_config_says_none_of_what_is_not_told(managed, known):
    told = {"cluster": {"master": ["m:1"]}, "task": {"type": "master"}, "model_dir": "/outputs"}
    names = {"cluster": "POLYAXON_CLUSTER", "task": "POLYAXON_TASK_INFO", "model_dir": "POLYAXON_RUN_OUTPUTS_PATH"}
    managed(**{names[name]: told[name] for name in known})
    assert Experiment.get_tf_config() == {**dict.fromkeys(told), **{n: told[n] for n in known}, "environment": "cloud"}


@pytest.mark.parametrize("variable", ["POLYAXON_IS_MANAGED", "POLYAXON_IN_CLUSTER"])
def test_in_a_cluster_that_does_not_say_which_experiment_it_is_none_has_to_be_created(monkeypatch, view, variable):
    monkeypatch.setenv(variable, "1")
    experiment = Experiment()
    assert experiment.id is None
    experiment.log_metrics(step=1, loss=0.5)
    experiment.log_params(lr=0.1)
    assert experiment.id == 1
    experiment.log_succeeded()
    found = view(1, "default")
    assert (found.metrics, found.params) == ({"loss": 0.5}, {"lr": 0.1})


def test_outside_of_a_cluster_an_experiment_has_to_be_created(store):
    with pytest.raises(RuntimeError, match=r"call create\(\) first"):
        Experiment().log_metrics(loss=1)
    assert not store.exists()


def test_what_is_logged_after_the_end_is_no_status(view):
    experiment = Experiment("p").create()
    experiment.log_metrics(loss=1)
    experiment.log_succeeded()
    experiment.log_metrics(loss=2)
    experiment.log_params(late=1)
    Experiment("p", experiment_id=1)  # a look
    assert [status for _, status, _ in view(1).statuses][-1] == "succeeded"
    assert (view(1).status, view(1).metrics, view(1).params) == ("succeeded", {"loss": 2}, {"late": 1})


def test_the_short_names_of_the_ends(view):
    for number, (name, status) in enumerate(
        {"succeeded": "succeeded", "failed": "failed", "stop": "stopped"}.items(), 1
    ):
        experiment = Experiment("p").create()
        experiment.start()
        getattr(experiment, name)()
        assert view(number).status == status
    experiment = Experiment("p").create()
    with pytest.raises(ValueError, match="status='running' must be one of succeeded"):
        experiment.end("running")
    experiment.end("skipped", "nothing to do")
    assert (view(4).status, view(4).exit) == ("stopped", {"message": "nothing to do"})


def test_the_store_of_outputs_can_be_set_later(tmp_path):
    (tmp_path / "f.txt").write_text("x")
    got = []

    class Store:
        def upload_file(self, path, **options):
            got.append(path)

        upload_dir = upload_file

    experiment = Experiment("p").create()
    experiment.set_outputs_store(Store())
    experiment.log_artifact(tmp_path / "f.txt")
    assert got == [tmp_path / "f.txt"]
    with pytest.raises(TypeError, match="upload_file"):
        experiment.set_outputs_store("s3://bucket")
    with pytest.raises(ValueError, match="outputs_path='/x'"):
        experiment.set_outputs_store(outputs_path="/x")
    experiment.log_succeeded()


def test_settings_are_those_of_the_environment_until_they_are_set(monkeypatch, store):
    from runlore.dialects.polyaxon import settings

    assert (settings.NO_OP, settings.IS_MANAGED, settings.LOGS_LEVEL) == (False, False, None)
    monkeypatch.setenv("POLYAXON_IN_CLUSTER", "true")
    monkeypatch.setenv("POLYAXON_LOG_LEVEL", "DEBUG")
    assert (settings.IS_MANAGED, settings.IN_CLUSTER, settings.LOGS_LEVEL) == (True, True, "DEBUG")
    monkeypatch.setitem(vars(settings), "NO_OP", True)
    assert Experiment("p").create() is None
    assert not store.exists()
    with pytest.raises(AttributeError):
        _ = settings.NOTHING


def test_the_base_of_outputs_is_known_in_a_cluster(managed):
    from runlore.dialects.polyaxon import get_base_outputs_path

    with pytest.raises(PolyaxonClientException):
        get_base_outputs_path()
    managed(POLYAXON_BASE_OUTPUTS_PATH="/base")
    assert get_base_outputs_path() == "/base"


def test_31_malformed_information_does_not_stop_an_experiment(managed, view):
    managed(POLYAXON_EXPERIMENT_INFO="{broken")
    assert Experiment("p").create().id == 1
    assert Experiment().create().project == "default"


INFO = {
    "project_name": "ann.vision",
    "experiment_name": "ann.vision.3.17",
    "experiment_group_name": "ann.vision.3",
    "experiment_uuid": "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0",
}


def test_in_cluster_the_run_is_the_platforms(managed, view):
    managed(POLYAXON_EXPERIMENT_INFO=INFO, POLYAXON_PARAMS={"lr": 0.1})
    experiment = Experiment()
    assert (experiment.project, experiment.id, experiment.group_id) == ("ann.vision", 17, "3")
    assert experiment.create(tags="x", description="d", name="n") is experiment
    experiment.log_metrics(loss=1)
    worker = Experiment()
    worker.log_metrics(acc=2)
    found = view(1, "ann/vision")
    assert (found.uid, found.params, found.group) == (INFO["experiment_uuid"].replace("-", ""), {"lr": 0.1}, "3")
    assert (found.metrics, found.description, found.name) == ({"acc": 2.0, "loss": 1.0}, "d", "n")
    assert experiment.tags == ["x"]
    assert len(runlore.experiment("ann/vision")) == 1


def test_in_cluster_workers_join_and_a_new_start_resumes(managed, run_program, view):
    managed(POLYAXON_EXPERIMENT_INFO=INFO, POLYAXON_CLUSTER={})
    body = "Experiment().log_metrics(step={}, loss={})\n{}"
    run_program(body.format(0, 1, "os.kill(os.getpid(), 9)"))
    assert view(1, "ann/vision").status == "crashed"
    run_program(body.format(1, 2, ""))
    assert view(1, "ann/vision").status == "succeeded"
    worker = '{"type": "worker", "index": 0}'
    run_program(body.format(2, 3, "raise ValueError"), POLYAXON_TASK_INFO=worker)
    found = view(1, "ann/vision")
    assert (found.status, found.metric("loss")["value"].tolist()) == ("succeeded", [1.0, 2.0, 3.0])


def test_in_cluster_a_group_may_have_a_name(managed, view):
    managed(POLYAXON_EXPERIMENT_INFO=INFO | {"experiment_group_name": "ann.vision.sweep"})
    Experiment().log_succeeded()
    assert view(1, "ann/vision").group == "sweep"


def test_in_cluster_one_process_has_one_handle(managed, run_program, view):
    managed(POLYAXON_EXPERIMENT_INFO=INFO)
    done = run_program(
        "first, second = Experiment(), Experiment()\nprint('hi')\nassert first.run is second.run", captures="console"
    )
    assert (done.returncode, done.stdout) == (0, "hi\n"), done.stderr
    assert list(view(1, "ann/vision").logs()) == ["hi"]


def test_in_cluster_jobs(managed, view):
    managed(POLYAXON_JOB_INFO={"project_name": "u.p", "job_name": "u.p.jobs.4"})
    job = Job()
    job.log_params(size=3)
    assert (job.id, Job.get_job_info()["project_name"]) == (4, "u.p")
    assert view(1, "u/p/jobs").params == {"size": 3}


def test_32_groups(tmp_path, view):
    group = Group("u.p", track_logs=False).create(
        name="sweep", tags=["s"], description="d", content={"matrix": {"lr": [0.1]}}, base_outputs_path=tmp_path / "o"
    )
    group.log_params(search="grid")
    members = [group.create_experiment(tags=[f"m{index}"]) for index in range(2)]
    outside = Experiment("u.p").create()
    by_id = Experiment("u.p", group_id=group.id).create()
    unknown = Experiment("u.p", group_id=12).create()
    found = view(1, "u/p/groups")
    assert [child.uid for child in found.children()] == [member.uid for member in (*members, by_id)]
    assert [run.uid for run in experiments(group_id=1, sort="id")] == [member.uid for member in (*members, by_id)]
    assert [run.uid for run in experiments("group:12")] == [unknown.uid]
    assert (members[0].project, members[0].id, outside.group_id) == ("u.p", 1, None)
    assert members[1].get_outputs_path() == str(tmp_path / "o" / "u" / "p" / "groups" / "1" / "2")
    assert (found.name, found.params, group.tags) == ("sweep", {"search": "grid"}, ["s"])
    assert json.loads(found.artifact("polyaxonfile.yml").read_text()) == {"matrix": {"lr": [0.1]}}
    members[0].log_succeeded()
    group.log_stopped()
    assert (view(1, "u/p/groups").status, view(2, "u/p").status) == ("stopped", "running")


def test_32_jobs_and_builds(view):
    job = Job("p").create(name="prepare")
    assert not hasattr(job, "log_metrics")
    build = BuildJob("p").create()
    build.log_dockerfile("FROM python:3.11\n")
    experiment = Experiment("p").create(build_id=build.id)
    assert view(1, "p/builds").artifact("Dockerfile").read_text() == "FROM python:3.11\n"
    assert view().tags["polyaxon.build"] == "1"
    experiment.log_build(2)
    assert view().tags["polyaxon.build"] == "2"
    assert [(job.id, job.job_id, build.id)] == [(1, 1, 1)]
    assert [run.uid for run in experiments(project="p")] == [experiment.uid]
    job.log_succeeded()
    Job("p", job_id=1).log_params(more=1)
    assert view(1, "p/jobs").params == {"more": 1}


def test_33_what_a_call_returned_from_is_stored(run_program, view):
    done = run_program("""
        e = Experiment('p').create()
        for step in range(5_000):
            e.log_metrics(step=step, loss=step / 2, acc=1)
        os.kill(os.getpid(), 9)
        """)
    assert done.returncode == -signal.SIGKILL
    assert view().points == 10_000
    assert view().metric("loss")["value"].tolist() == [step / 2 for step in range(5_000)]


def test_33_a_store_that_takes_no_more_does_not_stop_training_and_is_counted(run_program, view):
    done = run_program(
        """
        import resource
        e = Experiment('p').create()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for step in range(10_000):
            e.log_metrics(step=step, loss=step)
        print(e.run.lost)
        """,
        RUNLORE_JOURNAL="write",
    )
    assert done.returncode == 0, done.stderr
    lost = int(done.stdout)
    assert 0 < lost < 10_000
    assert "runlore" in done.stderr
    assert view().points + lost == 10_000


def test_34_an_experiment_goes_on(run_program, view):
    run_program("e = Experiment('p').create(tags=['t']); e.log_metrics(step=0, loss=1); raise ValueError")
    assert view().status == "failed"
    again = Experiment("p", experiment_id=1)
    assert (view().status, again.id, again.uid) == ("failed", 1, view().uid)
    again.log_metrics(step=1, loss=2)
    again.log_tags("more")
    assert view().status == "running"
    again.log_succeeded()
    assert (view().status, view().metric("loss")["value"].tolist()) == ("succeeded", [1.0, 2.0])
    assert (again.tags, len(runlore.experiment("p"))) == (["t", "more"], 1)
    done = run_program(f"Experiment(experiment_id={view().uid!r}).log_metrics(step=2, loss=3)")
    assert done.returncode == 0, done.stderr
    assert (view().status, len(view().metric("loss"))) == ("succeeded", 3)


def test_34_an_experiment_that_is_not_there(store):
    start()
    with pytest.raises(RunNotFound, match="no run 7"):
        Experiment("p", experiment_id=7)
    with pytest.raises(ExperimentNotFound):
        Experiment("q", experiment_id=1)
    with pytest.raises(RunNotFound):
        Experiment(experiment_id="0" * 32)
    for bad in (0, -1, "x/../y", "1.5"):
        with pytest.raises(InvalidArgument, match="experiment_id="):
            Experiment("p", experiment_id=bad)
    with pytest.raises(WrongType):
        Experiment("p", experiment_id=True)
    with pytest.raises(InvalidArgument, match="belongs to 'p'"):
        Experiment("q", experiment_id=runlore.get_run("p#1").uid)


@pytest.fixture
def five(monkeypatch):
    """Five experiments: (name, loss, acc, lr, tags), and how each ended."""
    for name, loss, acc, lr, tags, end in [
        ("one", 0.05, 0.9, 0.1, ["base"], "succeeded"),
        ("two", 0.5, 0.95, 0.01, ["base", "big"], "succeeded"),
        ("three", 0.02, None, 0.001, [], "failed"),
        ("four", None, 0.8, 0.1, ["big"], "stopped"),
        ("five", 0.01, 0.9, 1, "old, a:b", "succeeded"),
    ]:
        experiment = Experiment("p").create(name=name, tags=tags, framework="torch" if acc else None)
        experiment.log_params(lr=lr, activation="relu, leaky" if name == "one" else "tanh")
        experiment.log_metrics(step=1, loss=loss, acc=acc)
        experiment.log_status(end)


QUERIES = {
    "metrics.loss:<0.1, status:succeeded": "one five",
    "metrics.loss:<0.1,status:succeeded": "one five",
    "metrics.loss:<0.1 AND status:~succeeded": "three",
    "metrics.loss:nil": "four",
    "metrics.loss:~nil": "one two three five",
    "metrics.loss:~0.5": "one three five",
    "~(metrics.loss:<0.1)": "two",
    "status:failed|stopped": "three four",
    "status:~failed|stopped": "one two five",
    "status:nil": "",
    "metrics.acc:0.85..0.9": "one five",
    "params.lr:0.1|1": "one four five",
    "declarations.lr:>=0.1": "one four five",
    'params.activation:"relu, leaky"': "one",
    "params.activation:relu%": "one",
    "name:%o%": "one two four",
    "name:~%o%": "three five",
    "name:t%": "two three",
    "name:two three": "",
    "tags:big": "two four",
    "tags:~big": "one three five",
    "tags:base|old": "one two five",
    'tags:"a:b"': "five",
    "(tags:base OR tags:old), metrics.loss:<0.1": "one five",
    "tags:base, metrics.loss:<0.1 OR status:stopped": "one four",
    "~(tags:big OR tags:base) AND metrics.`loss`:<1": "three five",
    "id:>3": "four five",
    "id:2|3": "two three",
    "framework:torch, id:<3": "one two",
    "project:p, created_at:>2020-01-01": "one two three four five",
    "created_at:2020-01-01..2021-01-01": "",
    "finished_at:~nil": "one two three four five",
    "group:nil": "one two three four five",
    "": "one two three four five",
}  # fmt: skip


@pytest.fixture
def ask(five):
    return lambda query: " ".join(run.name for run in experiments(query, sort="created_at"))


def test_35_queries_select_the_expected_runs(ask):
    assert {query: ask(query) for query in QUERIES} == QUERIES


def test_35_sorting(five):
    def names(sort, **options):
        return [run.name for run in experiments(sort=sort, **options)]

    assert names("-metrics.acc, created_at") == ["two", "one", "five", "four", "three"]
    assert names("metrics.loss") == ["five", "three", "one", "two", "four"]
    assert names("params.lr,-id", limit=3) == ["three", "two", "four"]
    assert names(None) == ["five", "four", "three", "two", "one"]


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("loss", 1), ("status:", 1), ("status:running,", 16), ("(status:running", 16), ("status:running)", 15),
        ("status:a|", 10), ("~metrics.loss:<0.1", None), ("metrics.loss:<1|2", 15),
        ("(" * 40 + "id:1" + ")" * 40, 31), (", id:1", 1), ("name:'open", None),
    ],
)  # fmt: skip
def test_35_queries_that_are_none(query, column):
    start()
    with pytest.raises(InvalidArgument) as refused:
        experiments(query)
    if column is not None:
        assert isinstance(refused.value, QuerySyntaxError)
        assert refused.value.column == column


def test_35_fields_that_there_are_not(store):
    start()
    for bad in ("metrics:1", "nonsense:1", "sort.x:1"):
        with pytest.raises(InvalidArgument, match="there is no field"):
            experiments(bad)
    with pytest.raises(InvalidArgument, match="there is no field"):
        experiments(sort="nonsense")
    with pytest.raises(WrongType):
        experiments(7)
    with pytest.raises(InvalidArgument, match="at most 10,000"):
        experiments("id:1," * 3_000)


def test_35_long_queries_are_read_at_once(store):
    start("p").log_succeeded()
    for query in ("name:" + "a " * 4_900, "name:a" + " " * 9_900 + "b", "(" * 25 + "id:1" + " " * 9_000 + ")" * 25):
        assert len(experiments(query)) == int("id" in query)


def test_a_client_names_the_store(tmp_path):
    for client in (PolyaxonClient("host", token="t", store=tmp_path / "other", verify_ssl=True), tmp_path / "other"):
        Experiment("p", client=client).create().log_succeeded()
    assert len(runlore.experiment("p", store=tmp_path / "other")) == 2
    assert [run.number for run in experiments(client=tmp_path / "other", sort="id")] == [1, 2]
    Experiment("p", client=object()).create().log_succeeded()
    assert len(runlore.experiment("p")) == 1


def test_what_is_refused_leaves_nothing(store):
    for arguments in (
        {"name": "../up"}, {"tags": ["a", ""]}, {"framework": 3.5}, {"description": 3}, {"content": object()},
        {"build_id": True}, {"base_outputs_path": 7},
    ):  # fmt: skip
        with pytest.raises((InvalidArgument, WrongType, TypeError)):
            Experiment("p").create(**arguments)
    assert not store.exists()
