"""Where omega-ml fails its users, and this does not; numbers are those of the list of its weaknesses."""

from __future__ import annotations

import datetime as dt
import math
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import runlore
import runlore.dialects.omegaml as om
from runlore.errors import UnsafeLoad

CONCURRENT = """
import runlore.dialects.omegaml as om
with om.runtime.experiment("race") as exp:
    exp.log_metric("a", 1)
"""
KILLED = """
import os, runlore.dialects.omegaml as om
exp = om.runtime.experiment("killed")
exp.start()
for value in range(7):
    exp.log_metric("a", value)
os.kill(os.getpid(), 9)
"""


def experiment(name="myexp", **options):
    return om.runtime.experiment(name, **options)


def a_plain_function():
    return 1


def test_w01_numbers_do_not_race():
    processes = [subprocess.Popen([sys.executable, "-c", CONCURRENT]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    threads = [threading.Thread(target=lambda: exec(CONCURRENT)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    data = experiment("race").data(run="*", event=["start", "stop"])
    assert sorted(data["run"]) == sorted(list(range(1, 9)) * 2)


def test_w02_a_value_that_cannot_be_stored_poisons_nothing():
    with experiment() as exp:
        with pytest.raises(TypeError, match="object"):
            exp.log_param("bad", object())
        exp.log_param("large", 2**63)
        exp.log_metric("large", 2**63)
        exp.flush()
    assert exp.data(event="param")["value"].tolist() == [2**63]
    assert exp.data(event="metric")["value"].tolist() == [float(2**63)]
    assert exp.data()["event"].tolist() == ["start", "param", "metric", "stop"]


def test_w03_summaries_of_many_rows_are_whole():
    with experiment() as exp:
        for step in range(12_000):
            exp.log_metric("loss", step, step=step)
    summary = exp.summary()
    assert summary[["key", "count"]].to_numpy().tolist() == [["loss", 12_000], ["latency", 1]]
    assert summary["mean"].iloc[0] == 5999.5


def test_w04_a_text_among_metrics_spoils_no_statistics():
    with experiment() as exp:
        exp.log_metric("acc", 0.5)
        exp.log_metric("acc", 1.5)
        exp.log_metric("verdict", "good")
        exp.log_metric("list", [1, 2])
    summary = exp.summary().set_index("key")
    assert summary.loc["acc", ["count", "mean", "max"]].tolist() == [2, 1.0, 1.5]
    assert summary.loc["verdict", "count"] == 0
    assert exp.data(key="verdict")["value"].tolist() == ["good"]
    assert exp.data(key="list")["value"].tolist() == [[1, 2]]


def test_w05_summary_of_nothing_and_of_one_key():
    empty = experiment().summary()
    assert empty.empty
    assert list(empty.columns)[:3] == ["event", "key", "count"]
    with experiment() as exp:
        exp.log_metric("a", 1)
        exp.log_metric("b", 2)
    assert exp.summary(key="b")["key"].tolist() == ["b", "latency"]
    assert exp.summary(key="nope")["key"].tolist() == ["latency"]
    assert exp.summary(perf_stats=True)["key"].tolist() == [
        "a", "b", "latency", "group_latency", "throughput", "utilization",
    ]  # fmt: skip


def test_w06_equal_times_keep_their_order():
    with experiment() as exp:
        exp.log_events("metric", "acc", range(100), tag="x")
    data = exp.data(event="metric")
    assert data["value"].tolist() == list(range(100))
    assert data["dt"].nunique() == 1
    assert data["tag"].unique().tolist() == ["x"]


def test_w07_a_time_without_microseconds_is_one():
    noon = dt.datetime(2026, 1, 2, 12, tzinfo=dt.timezone.utc)
    with experiment() as exp:
        exp.log_metric("a", 1, dt=noon)
        exp.log_metric("a", 2, dt=noon.replace(tzinfo=None) + dt.timedelta(microseconds=1))
        exp.log_metric("a", 3, dt="2026-01-02T12:00:01")
    data = exp.data(event="metric")
    assert data["value"].tolist() == [1, 2, 3]
    assert (data["dt"] - data["dt"][0]).dt.total_seconds().tolist() == [0, 1e-6, 1]
    assert data["dt"][0].isoformat() == "2026-01-02T12:00:00"


def test_w08_filters_mean_what_they_say():
    for value in (1, 2, 3):
        with experiment() as exp:
            exp.log_metric("a", value, step=value)
            exp.log_metric("b", value)
    assert exp.data(run="3", event="metric")["value"].tolist() == [3, 3]
    assert exp.data(run=np.int64(3), event="metric")["value"].tolist() == [3, 3]
    assert exp.data(run=slice(2, None), key="a")["value"].tolist() == [2, 3]
    assert exp.data(run=-1, since="1h", key="a")["value"].tolist() == [3]
    assert exp.data(end="-1h", run="*").empty
    assert exp.data(run="*", event="metric", step=[None])["key"].tolist() == ["b"] * 3
    assert exp.data(run="*", event="metric", step=math.nan)["key"].tolist() == ["b"] * 3


def test_w09_a_failing_task_outside_of_a_block_is_one_run():
    exp = experiment()

    @exp.task
    def divide(a, b):
        return a / b

    assert divide(6, 3) == 2
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)
    assert exp.data(run=1)["event"].tolist() == ["start", "task_call", "task_success", "stop"]
    assert exp.data(run=2)["event"].tolist() == ["start", "task_call", "task_failure", "stop"]
    failure = exp.data(run=2, event="task_failure")
    assert failure["value"][0]["exception"] == "ZeroDivisionError: division by zero"
    assert failure["value"][0]["task_id"] == failure["taskid"][0]
    assert runlore.get_run("myexp#2").status == "failed"


def test_w10_clear_leaves_nothing_that_comes_back():
    exp = experiment()
    with exp:
        exp.log_metric("a", 1)
        exp.log_artifact([1], "x")
        exp.clear(force=True)
    assert exp.data() is None
    with exp:
        exp.log_metric("b", 1)
    assert exp.data(run="*")["key"].tolist() == ["start", "b", "stop"]
    assert exp.restore_artifacts(run="*") == []


def test_w11_a_killed_run_keeps_its_rows_and_is_not_joined():
    assert subprocess.run([sys.executable, "-c", KILLED], check=False).returncode == -9
    exp = experiment("killed")
    assert exp.data(event="metric")["value"].tolist() == list(range(7))
    assert exp.status() == "STOPPED"
    assert exp.use().current_run() == 2
    exp.stop()
    assert runlore.get_run("killed#1").status == "crashed"


def test_w12_a_running_run_has_no_latency():
    with experiment():
        pass
    exp = experiment()
    exp.start()
    latency = exp.summary().iloc[0]
    assert (latency["key"], latency["count"]) == ("latency", 1)
    assert latency["min"] > 0
    exp.stop()
    assert exp.summary()["count"].tolist() == [2]


def test_w13_another_interval_is_still_one_thread():
    def threads():
        return [thread for thread in threading.enumerate() if thread.name == "runlore-profiling"]

    with experiment(provider="profiling") as exp:
        exp.profiler.interval = 0.05
        exp.profiler.interval = 30
        assert len(threads()) == 1
    assert threads() == []
    with pytest.raises(ValueError, match="interval=0"):
        exp.profiler.interval = 0


def test_w15_no_tensorflow_is_needed_and_every_object_is_kept_or_refused():
    with experiment() as exp:
        callback = exp.tensorflow_callback()
        callback.on_epoch_end(0, {"loss": 0.5})
        with pytest.raises(TypeError, match="no Keras model"):
            exp.tensorflow_callback(model=object())
        with pytest.raises(UnsafeLoad, match="allow_pickle"):
            exp.log_artifact(a_plain_function, "function")
        exp.log_artifact(("a", (1, 2)), "tuple")
        exp.log_artifact(Path("a/b"), "path")
    assert exp.data(event="metric")["key"].tolist() == ["loss"]
    assert exp.restore_artifacts() == [("a", (1, 2)), Path("a/b")]


def test_pickles_are_kept_and_restored_only_where_that_is_asked_for():
    with experiment(allow_pickle=True) as exp:
        exp.log_artifact(dt.datetime.now, "function")
    assert exp.restore_artifact("function") == dt.datetime.now
    with pytest.raises(UnsafeLoad, match="pickle"):
        experiment().restore_artifacts()


def test_names_that_would_leave_the_store_are_refused(store):
    for name in ("../x", "/x", "a//b", "", 7):
        with pytest.raises((ValueError, TypeError), match="name="):
            experiment(name)
    assert not store.exists()
    with experiment() as exp:
        for name in ("../x", "/etc/passwd"):
            with pytest.raises(ValueError, match="name="):
                exp.log_artifact(1, name)
    assert exp.data()["event"].tolist() == ["start", "stop"]
    assert not (store / "blobs").exists() or not list((store / "blobs").rglob("*.tmp"))


@pytest.mark.parametrize("event", ["start", "stop", "status", "attribute", "artifact", "tag", "resume"])
def test_events_of_the_run_itself_cannot_be_forged(event):
    with experiment() as exp:
        with pytest.raises(ValueError, match="event="):
            exp.log_event(event, "deleted", True)
        with pytest.raises(ValueError, match="event="):
            exp.log_events(event, "deleted", [{"status": "failed"}])
    assert runlore.get_run("myexp#1").status == "succeeded"


def test_unknown_options_and_providers_are_refused():
    with pytest.raises(ValueError, match="provider='none'"):
        experiment(provider="none")
    with pytest.raises(ValueError, match="autotrak"):
        experiment(autotrak=True)


def test_a_run_that_does_not_exist_is_not_used():
    with pytest.raises(LookupError, match="run=3"):
        experiment().use(3)
    with experiment() as exp:
        pass
    with pytest.raises(LookupError, match="run=3"):
        exp.use(3)
    with pytest.raises(ValueError, match="the next one is 2"):
        exp.start(run=9)
    assert exp.start(run=2) == 2
    exp.stop()


def test_an_ended_run_can_be_used_for_reading_and_gone_on_with():
    for value in (1, 2):
        with experiment() as exp:
            exp.log_metric("a", value)
    exp.use(1)
    assert exp.data(event="metric")["value"].tolist() == [1]
    assert runlore.get_run("myexp#1").status == "succeeded"
    exp.log_metric("a", 3)
    exp.stop()
    assert exp.data(event="stop")["key"].tolist() == ["stop", "stop"]
    assert exp.data(event="metric")["value"].tolist() == [1, 3]
    assert exp.status() == "STOPPED"
    exp.use(-1)
    assert exp.current_run() == 2


def test_what_is_set_on_the_experiment_reaches_the_tracker():
    exp = experiment()
    exp.max_buffer = 1
    assert exp.experiment.max_buffer == 1
    exp.autotrack = True
    assert exp.experiment.autotrack is True
    assert "log_metric" in dir(exp)
    with pytest.raises(AttributeError):
        _ = exp.nothing


def test_recreate_begins_anew():
    with experiment() as exp:
        exp.log_metric("a", 1)
    exp = experiment(recreate=True)
    assert exp.data() is None
    with exp:
        pass
    assert exp.current_run() == 1


def test_refused_artifacts_and_extras_leave_nothing_behind(store):
    with experiment() as exp:
        for refused in ({"step": "x"}, {"key": ""}, {"fold": object()}, {"run": 2}):
            with pytest.raises((ValueError, TypeError)):
                exp.log_artifact([1], "x", **refused)
        with pytest.raises(TypeError, match="extra"):
            exp.log_extra(fold=object())
        exp.log_metric("a", 1)
    assert exp.data()["event"].tolist() == ["start", "metric", "stop"]
    assert not (store / "blobs").exists()


def test_slices_are_heeded_by_lazy_and_raw_answers():
    with experiment() as exp:
        exp.log_events("metric", "a", range(6))
    assert [row["value"] for row in exp.data(event="metric", lazy=True, slice=(1, 3))] == [1, 2]
    assert [row["value"] for row in exp.data(event="metric", raw=True, slice=(1, 3))] == [1, 2]
    assert [len(batch) for batch in exp.data(event="metric", batchsize=2, slice=(1, 4))] == [2, 1]
    assert len(exp.data(event="metric", lazy=True, slice=(9, 10))) == 0
    assert experiment("none").data(lazy=True).count() == 0


def test_importing_the_dialect_is_cheap():
    code = (
        "import sys, runlore.dialects.omegaml; "
        "print([name for name in ('numpy', 'pandas', 'sqlalchemy', 'psutil') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_block_ends_its_own_run_whatever_was_used_inside():
    with experiment() as first:
        first.log_metric("a", 1)
    other = experiment()
    other.start()
    with first:
        first.use(1)
        first.log_metric("a", 2)
        first.use(2)
        first.log_metric("a", 3)
    assert first.current_run() == 3
    assert [first.status(run) for run in (1, 2, 3)] == ["STOPPED", "STARTED", "STOPPED"]
    assert first.data(event="metric", run="*")[["run", "value"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 3]]
    other.stop()
    assert first.data(run=2)["event"].tolist() == ["start", "metric", "stop"]
    with first:
        first.stop()
    assert first.data()["event"].tolist() == ["start", "stop"]


def test_a_run_of_another_handle_can_be_stopped():
    owner = experiment()
    owner.start()
    experiment().use().stop()
    assert owner.status() == "STOPPED"
    assert runlore.get_run("myexp#1").status == "succeeded"


def test_nested_blocks_of_one_handle_show_the_run_that_ended_last():
    exp = experiment()
    with exp:
        with exp:
            pass
        assert exp.current_run() == 2
    assert exp.current_run() == 1
