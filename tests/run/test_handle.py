"""The write handle: what it records, what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import datetime as dt
import math
import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import runlore
from runlore.errors import ArtifactNotFound, InvalidArgument, NoActiveRun, RunEnded, RunNotFound, WrongType
from runlore.run import ends


@pytest.fixture
def store(tmp_path, monkeypatch):
    path = tmp_path / "my störe"
    monkeypatch.setenv("RUNLORE_STORE", str(path))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)
    return path


def view(run):
    return runlore.get_run(run.uid)


@pytest.mark.parametrize(
    "value",
    [
        1,
        1.5,
        True,
        np.float32(1.5),
        np.int64(3),
        np.array(2.0),
        np.array([[4.0]]),
        math.nan,
        math.inf,
        -math.inf,
        2**70,
    ],
)
def test_numbers_of_every_kind_are_metric_values(store, value):
    with runlore.start("e") as run:
        run.log_metric("m", value)
    np.testing.assert_equal(view(run).metrics["m"], float(np.asarray(value).item()))


@pytest.mark.parametrize("value", ["0.5", b"1", None, [1.0], {}, object(), np.array([1.0, 2.0]), 1j, 10**400])
def test_other_values_are_refused_before_anything_is_stored(store, value):
    with runlore.start("e") as run:
        with pytest.raises((TypeError, ValueError), match="m"):
            run.log_metric("m", value)
        with pytest.raises((TypeError, ValueError), match="m"):
            run.log_metrics({"before": 1.0, "m": value if value != {} else ""})
    assert view(run).metrics == {}
    assert view(run).points == 0


@pytest.mark.parametrize("key", ["", "a\0b", "x" * 5000, 7, None])
def test_keys_that_cannot_be(store, key):
    with runlore.start("e") as run:
        for call in (run.log_metric, run.log_param, run.set_tag):
            with pytest.raises((TypeError, ValueError), match="key"):
                call(key, 1)
    assert len(view(run).data()) == 2


@pytest.mark.parametrize("step", ["1", "x", [], math.nan, b"1"])
def test_steps_that_cannot_be(store, step):
    with runlore.start("e") as run:
        for call in (lambda: run.log_metric("m", 1.0, step=step), lambda: run.log_metrics({"m": 1.0}, step=step)):
            with pytest.raises((TypeError, ValueError), match="step"):
                call()
    assert view(run).points == 0


def test_steps_and_times_come_back_exactly(store):
    steps = [5, -3, 0, 2.5, 2**53, 2**63, None, 5, np.int64(7)]
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 678901)
    with runlore.start("e") as run:
        for index, step in enumerate(steps):
            run.log_metric("m", float(index), step=step, time=moment + dt.timedelta(seconds=index))
    data = view(run).metric("m")
    assert data["value"].tolist() == [float(index) for index in range(len(steps))]
    np.testing.assert_equal(data["step"].to_numpy(), [math.nan if s is None else float(s) for s in steps])
    assert data["time"].dt.tz_localize(None).tolist() == [
        moment + dt.timedelta(seconds=index) for index in range(len(steps))
    ]


def test_an_aware_time_is_converted_and_seconds_are_utc(store):
    with runlore.start("e") as run:
        run.log_metric("a", 1.0, time=dt.datetime(2026, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))))
        run.log_metric("b", 1.0, time=1_767_225_600)
        run.log_metric("c", 1.0, time=1_767_225_600.25)
    got = [view(run).metric(key)["time"][0] for key in "abc"]
    midnight = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    assert got == [midnight, midnight, midnight + dt.timedelta(milliseconds=250)]


def test_nested_metrics_and_params_flatten(store):
    with runlore.start("e", params={"optimizer": {"name": "adam", "lr": 0.1}, "layers": [1, 2]}) as run:
        run.log_metrics({"train": {"loss": 1, "acc": np.float32(0.5)}, "lr": 0.1}, step=1)
        run.log_metrics({})
    assert view(run).params == {"optimizer/name": "adam", "optimizer/lr": 0.1, "layers": [1, 2]}
    assert view(run).metrics == {"train/loss": 1.0, "train/acc": 0.5, "lr": 0.1}


def test_params_keep_their_types_and_may_change(store):
    values = {
        "int": 2**100,
        "float": 1e-9,
        "bool": True,
        "none": None,
        "text": "ü\ud800",
        "list": [1, [2]],
        "empty": {},
    }
    with runlore.start("e") as run:
        for key, value in values.items():
            run.log_param(key, value)
        run.log_param("int", 2**100 + 1)
    params = view(run).params
    assert params == {**values, "int": 2**100 + 1}
    assert params["bool"] is True
    assert len(view(run).data(event="param", key="int")) == 2


def test_a_param_that_cannot_be_stored_leaves_nothing(store):
    with runlore.start("e") as run, pytest.raises(WrongType, match="param 'b'"):
        run.log_params({"a": 1, "b": object()})
    assert view(run).params == {}


@pytest.mark.parametrize(
    "options",
    [
        {"params": {"a": object()}}, {"params": 3}, {"tags": {"a": []}}, {"tags": [""]}, {"name": ""}, {"name": 3},
        {"description": 3}, {"group": "a\0"}, {"parent": "x"}, {"capture": {"gti": True}}, {"capture": 3},
    ],
)  # fmt: skip
def test_a_refused_start_leaves_nothing_behind(store, options):
    with pytest.raises((TypeError, ValueError)):
        runlore.start("e", **options)
    assert not store.exists()


@pytest.mark.parametrize("name", ["../x", "a/../b", ".", "..", "/a", "a//b", "a/", "", "a\0b", "a\nb", "a\\b", 3, None])
def test_names_that_would_leave_the_store_are_refused(store, name):
    with pytest.raises((TypeError, ValueError), match="experiment"):
        runlore.start(name)
    assert not store.exists()


@pytest.mark.parametrize("name", ["a/b", "x" * 300, "深い/学習", " space ", "a%2Fb", "CON", "..a", "ab" * 16, "🚀"])
def test_names_of_every_kind_work(store, name):
    with runlore.start(name) as run:
        run.log_metric("m", 1.0)
    assert runlore.experiment(name).run(1).uid == run.uid
    assert os.path.realpath(run.path).startswith(os.path.realpath(store))


def test_artifacts(store, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sub").mkdir()
    (tmp_path / "data" / "a.txt").write_text("one")
    (tmp_path / "data" / "sub" / "b.bin").write_bytes(b"\0\1")
    with runlore.start("e") as run:
        run.log_artifact(tmp_path / "data" / "a.txt")
        run.log_artifact(b"two", "a.txt")
        run.log_artifact(b"one", "copies/x.csv", step=3, metadata={"rows": 1})
        assert run.log_artifacts(tmp_path / "data", "in") == 2
    read = view(run)
    assert [item.name for item in read.artifacts()] == ["a.txt", "a.txt", "copies/x.csv", "in/a.txt", "in/sub/b.bin"]
    assert read.artifact("a.txt").read_bytes() == b"two"
    csv = read.artifact("copies/x.csv")
    assert (csv.step, csv.size, csv.media_type, csv.metadata, csv.read_text()) == (
        3.0,
        3,
        "text/csv",
        {"rows": 1},
        "one",
    )
    assert sum(len(files) for _, _, files in os.walk(store / "blobs")) == 3
    assert read.artifact("in/sub/b.bin").download(tmp_path / "out").endswith("out/in/sub/b.bin")
    with pytest.raises(FileExistsError):
        read.artifact("in/sub/b.bin").download(tmp_path / "out")
    with pytest.raises(ArtifactNotFound, match="did you mean"):
        read.artifact("a.tx")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "..", "", "a\\b", "a\0"])
def test_artifact_names_that_would_leave_the_run(store, name):
    with runlore.start("e") as run, pytest.raises((TypeError, ValueError), match="name"):
        run.log_artifact(b"x", name)
    assert view(run).artifacts() == []
    assert not (store / "blobs").exists()


def test_artifact_sources_that_cannot_be(store, tmp_path):
    with runlore.start("e") as run:
        with pytest.raises(FileNotFoundError, match="nowhere"):
            run.log_artifact("nowhere.txt")
        with pytest.raises(InvalidArgument, match="log_artifacts"):
            run.log_artifact(tmp_path)
        with pytest.raises(InvalidArgument, match="name"):
            run.log_artifact(b"x")
        with pytest.raises(WrongType, match="path or bytes"):
            run.log_artifact(3)
        with pytest.raises(FileNotFoundError, match="nowhere"):
            run.log_artifacts("nowhere")
    assert view(run).artifacts() == []


def test_tags_names_and_descriptions_change(store):
    with runlore.start("e", "first", tags=["baseline"], description="d", group="g") as run:
        run.set_tags({"stage": "dev", "n": 3})
        run.set_tag("stage", "prod")
        run.add_tags(["x", "y"])
        run.set_tag("x", None)
        run.set_name("second")
        run.set_description("longer")
    read = view(run)
    assert read.tags == {"baseline": "", "stage": "prod", "n": "3", "y": ""}
    assert (read.name, read.description, read.group) == ("second", "longer", "g")


def test_extra_columns_hold_from_then_on(store):
    with runlore.start("e") as run:
        run.log_metric("m", 0.0)
        run.log_extra(fold=1, name="a")
        run.log_metric("m", 1.0)
        run.log_extra(name=None)
        run.log_metric("m", 2.0)
        run.log_event("note", "k", "v", fold=9)
        for reserved in ("run", "key", "value", "userid"):
            with pytest.raises(InvalidArgument, match=reserved):
                run.log_extra(**{reserved: 1})
    data = view(run).data(event=["metric", "note"])
    assert data["fold"].fillna(-1).tolist() == [-1, 1, 1, 9]
    assert data["name"].fillna("").tolist() == ["", "a", "", ""]
    assert view(run).data(fold=1)["value"].dropna().tolist() == [1.0, 2.0]


def test_children_and_groups(store):
    with runlore.start("sweep", group="seeds") as parent:
        with parent.child("one") as first:
            first.log_metric("m", 1.0)
        parent.child("two", experiment="other").finish()
    children = view(parent).children()
    assert [(child.name, child.experiment, child.parent) for child in children] == [
        ("one", "sweep", parent.uid), ("two", "other", parent.uid),
    ]  # fmt: skip


def test_after_the_end_logging_raises_and_says_how_to_go_on(store):
    run = runlore.start("e")
    run.log_metric("m", 1.0)
    run.finish()
    run.finish("failed")
    for call in (
        lambda: run.log_metric("m", 2.0), lambda: run.log_metrics({"m": 2.0}), lambda: run.log_param("p", 1),
        lambda: run.log_artifact(b"x", "x"), lambda: run.set_tag("t"), lambda: run.log_extra(a=1),
    ):  # fmt: skip
        with pytest.raises(RunEnded, match=r"runlore\.resume"):
            call()
    assert view(run).metrics == {"m": 1.0}
    assert view(run).status == "succeeded"


def test_resume_goes_on_and_loses_nothing(store):
    run = runlore.start("e", "name", params={"a": 1})
    run.log_metric("m", 1.0, step=1)
    run.finish("failed")
    again = runlore.resume(run.uid)
    assert (again.number, again.experiment, again.name) == (1, "e", "name")
    again.log_metric("m", 2.0, step=2)
    assert view(run).status == "running"
    again.finish()
    read = view(run)
    assert (read.status, read.metrics, read.params) == ("succeeded", {"m": 2.0}, {"a": 1})
    assert [status for _, status, _ in read.statuses] == ["running", "failed", "running", "succeeded"]
    with pytest.raises(RunNotFound):
        runlore.resume("0" * 32)
    with pytest.raises(RunNotFound):
        runlore.resume("../../etc")


def test_another_process_joins(store):
    code = "import runlore; r = runlore.start('ignored'); r.log_metric('rank1', 1.0); print(r.number); r.finish()"
    with runlore.start("e") as run:
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **run.env()}, capture_output=True, text=True, check=True
        )
        assert view(run).status == "running"
        run.log_metric("rank0", 1.0)
    assert done.stdout == "1\n"
    read = view(run)
    assert (read.status, read.metrics) == ("succeeded", {"rank0": 1.0, "rank1": 1.0})
    assert len(runlore.experiment("e")) == 1


def test_many_processes_with_one_uid_make_one_run(store):
    uid = "01a0" + "0" * 28
    code = "import runlore, sys; r = runlore.start('e'); r.log_metric(f'rank{sys.argv[1]}', 1.0)"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(rank)], env={**os.environ, "RUNLORE_RUN": uid})
        for rank in range(4)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    assert sorted(runlore.get_run(uid).metrics) == [f"rank{rank}" for rank in range(4)]
    assert len(runlore.experiment("e")) == 1


def _start(arguments):
    os.environ["RUNLORE_STORE"], count = arguments
    numbers = []
    for _ in range(count):
        run = runlore.start("e", capture=False)
        numbers.append(run.number)
        run.finish()
    return numbers


def test_32_processes_get_consecutive_numbers(store):
    with multiprocessing.get_context("fork").Pool(32) as pool:
        numbers = pool.map(_start, [(str(store), 2)] * 32)
    assert sorted(number for each in numbers for number in each) == list(range(1, 65))


def test_threads_share_a_handle(store):
    with runlore.start("e") as run:
        threads = [
            threading.Thread(target=lambda i=i: [run.log_metric(f"m{i}", float(s), step=s) for s in range(500)])
            for i in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert view(run).points == 4000
    assert all(len(view(run).metric(f"m{i}")) == 500 for i in range(8))


def test_active_run(store, monkeypatch):
    monkeypatch.setattr(ends, "open_runs", {})  # whatever other tests of this process have left open
    with pytest.raises(NoActiveRun):
        runlore.active_run()
    with runlore.start("a") as outer:
        with runlore.start("b") as inner:
            assert runlore.active_run() is inner
        assert runlore.active_run() is outer
    with pytest.raises(NoActiveRun):
        runlore.active_run()


def test_nothing_runs_in_the_background_without_captures(store):
    before = threading.active_count()
    with runlore.start("e", capture=False) as run:
        run.log_metric("m", 1.0)
        assert threading.active_count() == before


def test_the_default_store_is_the_nearest_upwards(store, tmp_path, monkeypatch):
    monkeypatch.delenv("RUNLORE_STORE")
    (tmp_path / "project" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    runlore.start("e").finish()
    monkeypatch.chdir(tmp_path / "project" / "deep")
    runlore.start("e").finish()
    assert len(runlore.experiment("e")) == 2
    assert (tmp_path / "project" / ".runlore" / "format").read_text() == "1\n"


def test_a_subclass_may_override_log_metric(store):
    class Doubling(runlore.Run):
        def log_metric(self, key, value, step=None, time=None):
            super().log_metric(key, 2 * value, step, time)

    plain = runlore.start("e")
    doubling = Doubling(plain.store, plain._run, plain._journal, 1, "e", None, owner=True, start=runlore.start)
    doubling.log_metric("m", 2.0)
    plain.finish()
    assert view(plain).metrics == {"m": 4.0}


def test_log_system(store):
    with runlore.start("e") as run:
        run.log_system()
    [event] = runlore.get_run(run.uid).events("system")
    assert event.value["platform"]["system"] == os.uname().sysname
    assert event.value["python"].endswith(sys.version.split(" ", 1)[0])
    assert f"numpy=={np.__version__}" in event.value["packages"]


def test_workers_of_a_data_loader_record_what_they_do(store):
    """They are forked while the run is open, log through the handle that they inherit, and end without a word."""
    data = pytest.importorskip("torch.utils.data")

    class Squares(data.Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, index):
            run.log_metric("loaded", float(index), step=index)
            return index * index

    with runlore.start("e") as run:
        for batch in data.DataLoader(Squares(), batch_size=4, num_workers=2, multiprocessing_context="fork"):
            run.log_metric("batch", float(batch.sum()))
    view = runlore.get_run(run.uid)
    loaded = view.metric("loaded")
    assert sorted(loaded["value"]) == [float(index) for index in range(40)]
    assert (view.status, len(view.metric("batch"))) == ("succeeded", 10)
    assert view.data()["node"].notna().all()
