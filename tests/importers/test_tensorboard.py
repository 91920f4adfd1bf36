"""The writers of tensorboardX and of TensorBoard itself make logdirs; they are taken in, whole and damaged."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

import runlore
from runlore.errors import InvalidArgument, NotFound
from runlore.importers import follow_runs, import_runs
from runlore.importers._protobuf import message
from runlore.importers.tensorboard import LogDirectory
from runlore.importers.tensorboard.tfrecord import read_records

WRITE = """
import numpy as np
from tensorboardX import SummaryWriter
for name in ("a/train", "a/val"):
    writer = SummaryWriter("logs/" + name)
    for step in range(100):
        writer.add_scalar("loss", 1 / (step + 1), step)
    writer.add_scalar("nan", float("nan"), 3)
    writer.add_histogram("weights", np.arange(100.0), 7)
    writer.add_histogram("constant", np.zeros(5), 7)
    writer.add_text("note", "**bold**", 1)
    writer.add_image("image", np.zeros((3, 4, 5), np.uint8), 2)
    writer.add_hparams({"lr": 0.1, "depth": 3, "opt": "adam", "flag": True}, {"acc": 0.5}, name="hparams")
    writer.close()
"""

WRITE_TENSORS = """
import time, numpy as np
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.scalar.metadata import create_summary_metadata as scalar
from tensorboard.plugins.histogram.metadata import create_summary_metadata as histogram
from tensorboard.util.tensor_util import make_tensor_proto
writer = EventFileWriter("logs")
def add(tag, value, metadata, step):
    tensor = make_tensor_proto(value)
    item = Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
    writer.add_event(Event(wall_time=1700000000.5 + step, step=step, summary=Summary(value=[item])))
for step in range(3):
    add("loss", np.float32(step / 4), scalar("loss", ""), step)
    add("double", np.float64(step / 3), scalar("double", ""), step)
add("weights", np.array([[0.0, 1.0, 3.0], [1.0, 2.0, 4.0]]), histogram("weights", ""), 2)
add("graph", np.zeros((2, 2)), None, 2)
writer.close()
"""


@pytest.fixture(scope="session")
def written(tmp_path_factory, written_by):
    return written_by("tensorboardX", WRITE, tmp_path_factory.mktemp("tensorboard")) / "logs"


@pytest.fixture
def logs(written, tmp_path):
    shutil.copytree(written, tmp_path / "logs")
    return tmp_path / "logs"


def event_file(directory):
    (path,) = directory.glob("*tfevents*")
    return path


def run_named(name):
    return next(view for view in map(runlore.get_run, runlore.runs()["uid"]) if view.name == name)


def points_of(view, key):
    frame = runlore.experiment(view.experiment).data(run=view.uid, event="metric", key=key)
    return list(zip(frame["step"].tolist(), frame["value"].tolist(), strict=True))


def test_runs_are_what_was_written(take, logs):
    report = take(lambda: LogDirectory(str(logs)))
    assert sorted(run.id for run in report.runs) == ["a/train", "a/train/hparams", "a/val", "a/val/hparams"]
    view = run_named("a/train")
    assert (view.experiment, view.status) == ("logs", "succeeded")
    assert points_of(view, "loss") == [(step, float(np.float32(1 / (step + 1)))) for step in range(100)]
    assert np.isnan(view.metrics["nan"])
    histogram = view.artifact("weights").load()
    assert histogram.counts.sum() == 100
    assert (histogram.edges[0], histogram.edges[-1]) == (0.0, 99.0)
    assert view.artifact("constant").load().counts.tolist() == [5.0]
    assert view.artifact("note").read_bytes() == b"**bold**"
    assert view.artifact("image").load().size == (5, 4)
    params = run_named("a/val/hparams").params
    assert params == {"lr": 0.1, "depth": 3, "opt": "adam", "flag": True}
    assert run_named("a/val/hparams").metrics == {"acc": 0.5}


def test_tensors_of_the_second_version(take, store, tmp_path, written_by):
    logs = written_by("tensorboard", WRITE_TENSORS, tmp_path) / "logs"
    report = take(lambda: LogDirectory(str(logs)), whole=False)
    (run,) = report.runs
    assert run.problems == ["left out: 1 values of the kind 'tensors', which has no form here"]
    view = runlore.get_run(run.uid)
    assert points_of(view, "loss") == [(0, 0.0), (1, 0.25), (2, 0.5)]
    assert points_of(view, "double") == [(step, step / 3) for step in range(3)]
    assert view.artifact("weights").load().counts.tolist() == [3.0, 4.0]
    times = store.open_run(run.uid).points(["loss"]).time_ns.tolist()
    assert times == [1_700_000_000_500_000_000 + step * 1_000_000_000 for step in range(3)]


def test_a_file_that_is_cut_anywhere_gives_what_is_there_and_later_the_rest(store, logs):
    path = event_file(logs / "a" / "train")
    whole = path.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, 300):
        path.write_bytes(whole[:size])
        report = import_runs(store, LogDirectory(str(logs)))
        (run,) = [run for run in report.runs if run.id == "a/train"]
        assert "not there as a whole" in run.problems[0]
        assert run.source.points <= run.store.points
    path.write_bytes(whole)
    assert import_runs(store, LogDirectory(str(logs))).is_whole
    assert len(points_of(run_named("a/train"), "loss")) == 100


def test_what_a_first_import_did_not_get_to_is_added_by_a_second(store, logs):
    path = event_file(logs / "a" / "train")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 4])
    first = import_runs(store, LogDirectory(str(logs)))
    path.write_bytes(whole)
    second = import_runs(store, LogDirectory(str(logs)))
    assert second.is_whole
    assert {run.id: run.state for run in second.runs if run.state != "unchanged"} == {"a/train": "extended"}
    assert [run.uid for run in first.runs] == [run.uid for run in second.runs]
    assert points_of(run_named("a/train"), "loss") == [(s, float(np.float32(1 / (s + 1)))) for s in range(100)]


def test_a_flipped_bit_costs_its_event(take, logs):
    path = event_file(logs / "a" / "train")
    content = bytearray(path.read_bytes())
    ends = [piece.end for piece in read_records(str(path))]
    content[ends[10] + 20] ^= 1
    path.write_bytes(bytes(content))
    report = take(lambda: LogDirectory(str(logs)), whole=False)
    (problem,) = [text for run in report.runs for text in run.problems]
    assert problem == f"left out: 1 events of {str(path)!r} whose checksum is not right"
    assert len(points_of(run_named("a/train"), "loss")) == 99


def test_a_length_that_is_damaged_costs_what_comes_after_it(take, logs):
    path = event_file(logs / "a" / "train")
    content = bytearray(path.read_bytes())
    ends = [piece.end for piece in read_records(str(path))]
    content[ends[10]] ^= 1
    path.write_bytes(bytes(content))
    report = take(lambda: LogDirectory(str(logs)), whole=False)
    (problem,) = [text for run in report.runs for text in run.problems]
    assert problem.startswith(f"left out: the last {len(content) - ends[10]:,} bytes of {str(path)!r}")
    assert points_of(run_named("a/train"), "loss")[-1][0] == 9


def test_noise_is_no_event(store, logs):
    for name, content in (("noise", bytes(range(256)) * 9), ("empty", b"")):
        (logs / name).mkdir()
        (logs / name / "events.out.tfevents.1").write_bytes(content)
    report = import_runs(store, LogDirectory(str(logs)))
    assert len(report.runs) == 4
    assert len(report.problems) == 2


@pytest.mark.parametrize("content", [b"\x0a", b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", b"\x0b\x00"])
def test_bytes_that_are_no_message_are_refused(content):
    with pytest.raises(runlore.errors.DamagedFile):
        message(memoryview(content))


def test_a_logdir_is_followed_while_it_is_written(store, tmp_path):
    writers = pytest.importorskip("tensorboard.summary.writer.event_file_writer", reason="it writes what is followed")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    logs = tmp_path / "live"
    logs.mkdir()
    seen = []

    def wait(runs: int) -> bool:
        """Between two looks: more is written, and what readers see meanwhile is kept."""
        seen.append([(view.status, len(points_of(view, "x"))) for view in map(runlore.get_run, runlore.runs()["uid"])])
        step = len(seen)
        if step == 1:
            wait.writer = writers.EventFileWriter(str(logs / "one"), flush_secs=1000)
        summary = Summary(value=[Summary.Value(tag="x", simple_value=step)])
        wait.writer.add_event(Event(wall_time=1.7e9 + step, step=step, summary=summary))
        wait.writer.flush()
        if step == 3:
            wait.writer.close()
        return step < 3

    report = follow_runs(store, LogDirectory(str(logs), live=True), wait=wait)
    assert seen == [[], [("running", 1)], [("running", 2)]]
    assert report.is_whole
    assert [(view.status, len(points_of(view, "x"))) for view in map(runlore.get_run, runlore.runs()["uid"])] == [
        ("succeeded", 3)
    ]
    assert {run.state for run in import_runs(store, LogDirectory(str(logs))).runs} == {"unchanged"}


def test_ctrl_c_ends_following_and_the_runs(store, logs):
    command = [
        sys.executable,
        "-m",
        "runlore",
        "import",
        "tensorboard",
        str(logs),
        "--follow",
        "--store",
        store.location,
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert "following" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "4 added" in out
    assert set(runlore.runs()["status"]) == {"succeeded"}


def test_what_is_no_logdir_is_refused(tmp_path):
    with pytest.raises(NotFound, match="none"):
        LogDirectory(str(tmp_path / "none"))
    with pytest.raises(InvalidArgument, match="no event files"):
        LogDirectory(str(tmp_path)).runs()
