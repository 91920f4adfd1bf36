"""What users of LUML's tracker rely on, and where it failed them, one by one: a test's number is the behaviour's."""

from __future__ import annotations

import io
import json
import math
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import runlore
from runlore.dialects.luml.experiments.tracker import ExperimentTracker
from runlore.dialects.luml.modelref import ModelReference

LOGGING_CALLS = [
    lambda t: t.log_static("k", 1),
    lambda t: t.log_dynamic("k", 1.0),
    lambda t: t.log_attachment("a", "text"),
    lambda t: t.log_span("t" * 32, "s" * 16, "n", 1, 2),
    lambda t: t.log_eval_sample("e", "d", {}),
    lambda t: t.link_eval_sample_to_trace("d", "e", "t"),
    lambda t: t.log_eval_annotation("d", "e", "n", "feedback", "bool", True, "u"),
    lambda t: t.log_span_annotation("t", "s", "n", "feedback", "bool", True, "u"),
    lambda t: t.log_model(ModelReference("m.luml")),
    lambda t: t.link_to_model(ModelReference("m.luml")),
    lambda t: t.get_attachment("a"),
    lambda t: t.export("out.tar"),
]


def tree(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*")}


def history(tracker, experiment_id, key):
    return [(point["step"], point["value"]) for point in tracker.get_experiment_metric_history(experiment_id, key)]


def model_file(path="model.luml") -> ModelReference:
    with tarfile.open(path, "w") as archive:
        for name, content in (
            ("manifest.json", b'{"variant": "pyfunc"}'),
            ("meta.json", b"[]"),
            ("weights", b"\0" * 999),
        ):
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return ModelReference(path)


def snapshot_database(reference: ModelReference, target: Path, index: int = 0) -> sqlite3.Connection:
    """The zipped database of a model file, with the standard library alone."""
    with tarfile.open(reference.path) as archive:
        names = [name for name in archive.getnames() if name.endswith("/exp.db.zip")]
        raw = archive.extractfile(names[index]).read()
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        assert packed.namelist() == ["exp.db"]
        target.write_bytes(packed.read("exp.db"))
    return sqlite3.connect(target)


def test_01_start_returns_the_id_by_name_and_by_position(tracker):
    tags = ["resnet", "baseline"]
    assert tracker.start_experiment(experiment_id="x", name="nm", group="grp", tags=tags) == "x"
    assert tracker.start_experiment("y", "nm2", "grp2", ["a"]) == "y"
    first, second = tracker.list_experiments()
    assert (first["id"], first["name"], first["group"], first["tags"]) == ("x", "nm", "grp", ["resnet", "baseline"])
    assert (second["id"], second["name"], second["group"], second["tags"]) == ("y", "nm2", "grp2", ["a"])


def test_02_without_an_id_there_is_a_unique_one_that_is_current(tracker):
    ids = [tracker.start_experiment() for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(isinstance(experiment_id, str) and experiment_id for experiment_id in ids)
    assert tracker.current_experiment_id == ids[-1]
    assert tracker.get_experiment(ids[0])["metadata"]["name"] == ids[0]


@pytest.mark.parametrize("call", LOGGING_CALLS)
def test_03_with_nothing_active_every_call_raises(tracker, call):
    with pytest.raises(ValueError, match="No active experiment"):
        call(tracker)


def test_03_with_nothing_active_ending_raises(tracker):
    with pytest.raises(ValueError, match=r"No active experiment to end\."):
        tracker.end_experiment()
    with pytest.raises(ValueError, match=r"No active experiment to fail\."):
        tracker.fail_experiment()


def test_04_end_completes_and_clears_the_current_one_alone(tracker):
    first, second = tracker.start_experiment("first"), tracker.start_experiment("second")
    tracker.end_experiment(first)
    assert tracker.current_experiment_id == second
    assert tracker.get_experiment("first")["metadata"]["status"] == "completed"
    assert tracker.get_experiment("second")["metadata"]["status"] == "active"
    tracker.end_experiment()
    assert tracker.current_experiment_id is None
    tracker.end_experiment(second)
    tracker.end_experiment("never started")
    assert tracker.get_experiment("second")["metadata"]["status"] == "completed"


def test_05_an_explicit_id_writes_there_alone(tracker):
    tracker.start_experiment("old")
    tracker.start_experiment("current")
    tracker.log_static("k", "old", experiment_id="old")
    tracker.log_dynamic("m", 1, experiment_id="old")
    tracker.log_attachment("a", "old", experiment_id="old")
    tracker.log_static("k", "current")
    old, current = tracker.get_experiment("old"), tracker.get_experiment("current")
    assert (old["static_params"], list(old["dynamic_metrics"]), list(old["attachments"])) == (
        {"k": "old"},
        ["m"],
        ["a"],
    )
    assert (current["static_params"], current["dynamic_metrics"], current["attachments"]) == ({"k": "current"}, {}, {})


@pytest.mark.parametrize(
    "value", ["text", "", 7, 2**80, 0.1, -0.0, True, False, None, [1, "a", None], {"a": {"b": [1.5]}, "z": 1}, [], {}]
)
def test_06_statics_keep_value_and_type(tracker, value):
    tracker.start_experiment("x")
    tracker.log_static("k", value)
    found = tracker.get_experiment("x")["static_params"]["k"]
    assert found == value
    assert type(found) is type(value)
    assert value is not True or found is True


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), [object()]])
def test_06_what_has_no_such_form_is_refused(tracker, value):
    tracker.start_experiment("x")
    with pytest.raises(TypeError):
        tracker.log_static("k", value)
    assert tracker.get_experiment("x")["static_params"] == {}


def test_06_numpy_numbers_come_back_as_numbers(tracker):
    import numpy as np

    tracker.start_experiment("x")
    tracker.log_static("lr", np.float64(0.5))
    tracker.log_static("n", np.int64(3))
    assert tracker.get_experiment("x")["static_params"] == {"lr": 0.5, "n": 3}


def test_07_the_last_value_of_a_static_counts(tracker):
    tracker.start_experiment("x")
    tracker.log_static("k", 1)
    tracker.log_static("k", "two")
    assert tracker.get_experiment("x")["static_params"] == {"k": "two"}


def test_08_values_are_floats_and_history_ascends(tracker):
    tracker.start_experiment("x")
    for step, value in ((5, 1), (1, 2), (3, "0.5")):
        tracker.log_dynamic("m", value, step=step)
    points = tracker.get_experiment("x")["dynamic_metrics"]["m"]
    assert points == [{"value": 2.0, "step": 1}, {"value": 0.5, "step": 3}, {"value": 1.0, "step": 5}]
    assert all(type(point["value"]) is float and type(point["step"]) is int for point in points)
    detailed = tracker.get_experiment_metric_history("x", "m")
    assert set(detailed[0]) == {"value", "step", "logged_at"}
    assert tracker.get_experiment_metric_history("x", "none") == []


@pytest.mark.parametrize(
    ("value", "error"), [("abc", ValueError), (None, TypeError), ([1], TypeError), ({}, TypeError)]
)
def test_08_what_is_no_number_is_refused_and_costs_no_step(tracker, value, error):
    tracker.start_experiment("x")
    with pytest.raises(error):
        tracker.log_dynamic("m", value)
    tracker.log_dynamic("m", 1)
    assert history(tracker, "x", "m") == [(0, 1.0)]


def test_09_one_point_a_step_the_last_one(tracker):
    tracker.start_experiment("x")
    for value in (1, 2, 3):
        tracker.log_dynamic("m", value, step=4)
    assert history(tracker, "x", "m") == [(4, 3.0)]


def test_10_steps_that_are_left_out_count_on(tracker):
    tracker.start_experiment("x")
    for value in (1, 2, 3):
        tracker.log_dynamic("a", value)
    tracker.log_dynamic("b", 1, step=5)
    tracker.log_dynamic("b", 2)
    tracker.log_dynamic("b", 0, step=2)
    tracker.log_dynamic("b", 3)
    assert history(tracker, "x", "a") == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert history(tracker, "x", "b") == [(2, 0.0), (5, 1.0), (6, 2.0), (7, 3.0)]
    native = runlore.experiment("default", store="experiments").run(1).metric("a")
    assert native["step"].tolist() == [0, 1, 2]


def test_10_they_count_on_after_a_resume_and_from_another_tracker(tracker):
    tracker.start_experiment("x")
    tracker.log_dynamic("m", 1)
    tracker.log_dynamic("m", 2)
    tracker.end_experiment()
    tracker.resume_experiment("x")
    tracker.log_dynamic("m", 3)
    other = ExperimentTracker("sqlite://./experiments")
    other.log_dynamic("m", 4, experiment_id="x")
    other.log_dynamic("m", 5, experiment_id="x")
    assert history(tracker, "x", "m") == [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0)]


def test_11_text_is_utf8_and_bytes_are_kept(tracker):
    tracker.start_experiment("x")
    tracker.log_attachment("note.txt", "Größe\r\n")
    tracker.log_attachment("plot.png", b"\x89PNG\r\n\0", binary=True)
    assert tracker.get_attachment("note.txt") == "Größe\r\n".encode()
    assert tracker.get_attachment("plot.png", experiment_id="x") == b"\x89PNG\r\n\0"
    tracker.log_attachment("note.txt", "new")
    assert tracker.get_attachment("note.txt") == b"new"
    assert tracker.get_experiment("x")["attachments"]["note.txt"]["file_path"] == "note.txt"
    assert [(item["name"], item["size"]) for item in tracker.list_attachments()] == [("note.txt", 3), ("plot.png", 7)]


def test_12_files_bytes_and_what_a_string_is(tracker, tmp_path):
    source = tmp_path / "weights.bin"
    source.write_bytes(b"\0\1\2")
    tracker.start_experiment("x")
    tracker.log_attachment("by-path", source)
    tracker.log_attachment("by-name", str(source), binary=True)
    tracker.log_attachment("as-text", str(source))
    tracker.log_attachment("bytes", b"raw")
    tracker.log_attachment("deep/er/view", memoryview(b"view"))
    assert tracker.get_attachment("by-path") == tracker.get_attachment("by-name") == b"\0\1\2"
    assert tracker.get_attachment("as-text") == str(source).encode()
    assert tracker.get_attachment("bytes") == b"raw"
    assert tracker.get_attachment("deep/er/view") == b"view"


def test_12_what_cannot_be_kept_leaves_nothing(tracker, tmp_path):
    tracker.start_experiment("x")
    before = tree(tmp_path / "experiments")
    for data, binary, error in (
        (123, False, TypeError),
        (None, True, TypeError),
        (tmp_path / "none", False, FileNotFoundError),
        ("no such file", True, FileNotFoundError),
        (tmp_path, False, ValueError),
    ):
        with pytest.raises(error):
            tracker.log_attachment("a", data, binary=binary)
    assert tree(tmp_path / "experiments") == before
    assert tracker.list_attachments() == []


def test_13_a_missing_attachment_is_a_value_error(tracker):
    tracker.start_experiment("x")
    with pytest.raises(ValueError, match="missing"):
        tracker.get_attachment("missing")


UNSAFE_IDS = ["", ".", "..", "../..", "a/b", "/etc", "a\\b", "a\0b", "../x"]


@pytest.mark.parametrize("unsafe", UNSAFE_IDS)
def test_14_unsafe_ids_are_refused_everywhere(tracker, tmp_path, unsafe):
    tracker.start_experiment("x")
    before = tree(tmp_path)
    for call in (
        lambda: tracker.start_experiment(unsafe),
        lambda: tracker.resume_experiment(unsafe),
        lambda: tracker.end_experiment(unsafe),
        lambda: tracker.fail_experiment(unsafe),
        lambda: tracker.log_static("k", 1, experiment_id=unsafe),
        lambda: tracker.log_attachment("a", "b", experiment_id=unsafe),
        lambda: tracker.get_experiment(unsafe),
        lambda: tracker.delete_experiment(unsafe),
        lambda: tracker.export("out.tar", experiment_id=unsafe),
    ):
        with pytest.raises(ValueError, match="experiment_id"):
            call()
    after = {name for name in tree(tmp_path) if "catalog.sqlite" not in name}
    assert after == {name for name in before if "catalog.sqlite" not in name}
    assert [experiment["id"] for experiment in tracker.list_experiments()] == ["x"]


@pytest.mark.parametrize("unsafe", ["../x", "/tmp/x", "", "a/../../x", "a//b", "..", "a\0"])
def test_14_unsafe_names_are_refused(tracker, tmp_path, unsafe):
    tracker.start_experiment("x")
    before = tree(tmp_path)
    with pytest.raises(ValueError):
        tracker.log_attachment(unsafe, "text")
    with pytest.raises(ValueError):
        tracker.start_experiment("y", group=unsafe)
    with pytest.raises(ValueError):
        tracker.create_group(unsafe)
    assert tree(tmp_path) == before
    assert tracker.start_experiment("y") == "y"


@pytest.mark.parametrize("bad", [{"tags": "word"}, {"tags": [1]}, {"tags": [""]}, {"tags": ["luml_id"]}, {"name": 5}])
def test_14_a_refused_start_leaves_nothing_and_the_id_free(tracker, tmp_path, bad):
    before = tree(tmp_path)
    with pytest.raises((TypeError, ValueError)):
        tracker.start_experiment("x", **bad)
    assert tree(tmp_path) == before
    assert tracker.current_experiment_id is None
    assert tracker.start_experiment("x") == "x"


def test_15_items_of_the_list(tracker):
    tracker.start_experiment("x", name="nm", tags=["b", "a"])
    [experiment] = tracker.list_experiments()
    assert {key: experiment[key] for key in ("id", "name", "status", "group", "tags")} == {
        "id": "x", "name": "nm", "status": "active", "group": None, "tags": ["b", "a"],
    }  # fmt: skip
    assert isinstance(experiment["created_at"], str)
    whole = tracker.get_experiment("x")
    assert set(whole) == {"experiment_id", "metadata", "static_params", "dynamic_metrics", "attachments"}
    assert whole["metadata"] == {key: experiment[key] for key in ("name", "created_at", "status", "group", "tags")}
    with pytest.raises(ValueError, match="none"):
        tracker.get_experiment("none")


@pytest.mark.parametrize("text", ["./experiments", "", "postgres://x", "sqlite:/x", "sqlite://", "://x", "SQLITE//x"])
def test_16_other_connection_strings_are_refused(tmp_path, text):
    with pytest.raises(ValueError):
        ExperimentTracker(text)
    assert tree(tmp_path) == set()


def test_16_the_store_is_made(tmp_path):
    ExperimentTracker(f"sqlite://{tmp_path}/deep/er")
    assert (tmp_path / "deep" / "er" / "format").exists()


@pytest.mark.parametrize("call", [0, 1, 2, 3, 4])
def test_17_logging_to_an_unknown_id(tracker, call):
    with pytest.raises(ValueError, match="not initialized"):
        [
            lambda: tracker.log_static("k", 1, "nope"),
            lambda: tracker.log_dynamic("k", 1, 0, "nope"),
            lambda: tracker.log_attachment("k", "v", False, "nope"),
            lambda: tracker.log_span("t", "s", "n", 1, 2, experiment_id="nope"),
            lambda: tracker.log_eval_sample("e", "d", {}, experiment_id="nope"),
        ][call]()


def test_18_a_second_start_loses_nothing(tracker):
    tracker.start_experiment("x", name="first", group="g", tags=["keep"])
    tracker.log_static("k", 1)
    tracker.log_model(model_file())
    tracker.update_experiment("x", description="described")
    for again in (tracker, ExperimentTracker("sqlite://./experiments")):
        with pytest.raises(FileExistsError, match="resume_experiment"):
            again.start_experiment("x", name="second")
    about = tracker.get_experiment("x")
    assert (about["metadata"]["name"], about["metadata"]["tags"], about["static_params"]) == (
        "first",
        ["keep"],
        {"k": 1},
    )
    assert runlore.experiment("g", store="experiments").run(1).description == "described"
    assert [item["name"] for item in tracker.get_models()] == ["model.luml"]
    assert len(tracker.list_experiments()) == 1
    with pytest.raises(FileExistsError):
        tracker.start_experiment(runlore.experiment("g", store="experiments").run(1).uid)


def test_18_an_explicit_resume_goes_on(tracker):
    tracker.start_experiment("x", tags=["keep"])
    tracker.log_static("k", 1)
    tracker.fail_experiment()
    assert tracker.get_experiment("x")["metadata"]["status"] == "error"
    assert ExperimentTracker("sqlite://./experiments").resume_experiment("x") == "x"
    assert tracker.get_experiment("x")["metadata"]["status"] == "active"
    tracker.resume_experiment("x")
    tracker.log_static("l", 2)
    tracker.end_experiment()
    about = tracker.get_experiment("x")
    assert about["static_params"] == {"k": 1, "l": 2}
    assert about["metadata"]["tags"] == ["keep"]
    with pytest.raises(ValueError):
        tracker.resume_experiment("never")


def test_19_a_linked_model_keeps_its_members_and_gains_a_readable_snapshot(tracker, tmp_path):
    tracker.start_experiment("x")
    tracker.log_static("model_type", "RandomForest")
    tracker.log_static("layers", [1, 2])
    tracker.log_static("flag", True)
    tracker.log_dynamic("loss", 0.5, step=1)
    tracker.log_dynamic("loss", math.nan, step=2)
    tracker.log_attachment("conf/a.json", "{}")
    tracker.log_span("t1", "s1", "op", 5, 9, kind=1, status_code=2, status_message="bad", attributes={"a": 1})
    tracker.log_eval_sample("e1", "d", {"q": 1}, scores={"acc": 1.0})
    tracker.link_eval_sample_to_trace("d", "e1", "t1")
    tracker.log_eval_annotation("d", "e1", "good", "feedback", "bool", True, "ann", rationale="yes")
    tracker.log_span_annotation("t1", "s1", "steps", "expectation", "int", 3, "ann")
    reference = model_file()
    original = Path(reference.path).read_bytes()[: 5 * 512]
    before = {name: reference.extract_file(name) for name in reference.list_files()}
    tracker.link_to_model(reference)
    new = [name for name in reference.list_files() if name not in before]
    assert {name: reference.extract_file(name) for name in before} == before
    assert Path(reference.path).read_bytes()[: 5 * 512] == original
    assert len(new) == 4
    [meta] = [name for name in new if name.startswith("meta-")]
    [entry] = json.loads(reference.extract_file(meta))
    assert entry["tags"] == ["dataforce.studio::experiment_snapshot:v1"]
    assert entry["payload"] == {}
    assert entry["id"].startswith("dataforce.studio~c~~c~experiment_snapshot~c~v1~~et~~")
    folder = f"meta_artifacts/{entry['id']}/"
    assert {name.removeprefix(folder) for name in new} - {meta} == {
        "exp.db.zip", "attachments.tar", "attachments.index.json",
    }  # fmt: skip
    database = snapshot_database(reference, tmp_path / "exp.db")
    statics = {key: (value, kind) for key, value, kind in database.execute("SELECT * FROM static_params")}
    assert statics == {
        "model_type": ("RandomForest", "str"), "layers": ("[1, 2]", "json"), "flag": ("True", "bool"),
    }  # fmt: skip
    points = database.execute("SELECT key, value, step FROM dynamic_metrics ORDER BY step").fetchall()
    assert points == [("loss", 0.5, 1), ("loss", None, 2)]
    assert database.execute("PRAGMA user_version").fetchone() == (2,)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    span = database.execute("SELECT name, kind, status_code, status_message, attributes FROM spans").fetchone()
    assert span == ("op", 1, 2, "bad", '{"a": 1}')
    assert database.execute("SELECT id, dataset_id, inputs, scores FROM evals").fetchall() == [
        ("e1", "d", '{"q": 1}', '{"acc": 1.0}')
    ]
    assert database.execute("SELECT eval_id, trace_id FROM eval_traces_bridge").fetchall() == [("e1", "t1")]
    assert database.execute("SELECT name, value, user, rationale FROM eval_annotations").fetchall() == [
        ("good", "true", "ann", "yes")
    ]
    assert database.execute("SELECT name, value FROM span_annotations").fetchall() == [("steps", "3")]
    assert database.execute("SELECT name, file_path FROM attachments").fetchall() == [("conf/a.json", "conf/a.json")]
    raw = reference.extract_file(f"{folder}attachments.tar")
    index = json.loads(reference.extract_file(f"{folder}attachments.index.json"))
    assert list(index) == ["attachments/conf/a.json"]
    offset, size = index["attachments/conf/a.json"]
    assert raw[offset : offset + size] == b"{}"
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        assert archive.extractfile("attachments/conf/a.json").read() == b"{}"
    assert reference.validate()
    database.close()


def test_19_linking_twice_adds_a_second_set_and_needs_no_attachments(tracker, tmp_path):
    tracker.start_experiment("x")
    reference = model_file()
    tracker.link_to_model(reference)
    tracker.log_static("later", 1)
    tracker.link_to_model(reference)
    assert len([name for name in reference.list_files() if name.startswith("meta-")]) == 2
    first, second = (snapshot_database(reference, tmp_path / f"{i}.db", i) for i in (0, 1))
    assert first.execute("SELECT count(*) FROM static_params").fetchone() == (0,)
    assert second.execute("SELECT key FROM static_params").fetchall() == [("later",)]
    first.close()
    second.close()
    with pytest.raises(ValueError):
        tracker.link_to_model(reference, experiment_id="unknown")


def test_19_a_link_that_fails_changes_nothing(tracker, tmp_path):
    tracker.start_experiment("x")
    with pytest.raises(FileNotFoundError):
        tracker.link_to_model(ModelReference("none.luml"))
    (tmp_path / "text.luml").write_text("no archive " * 100)
    with pytest.raises(RuntimeError, match="no uncompressed tar"):
        tracker.link_to_model(ModelReference("text.luml"))
    assert (tmp_path / "text.luml").read_text() == "no archive " * 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["experiments", "text.luml"]


def test_19_a_link_through_a_symlink_keeps_the_link_and_the_mode(tracker, tmp_path):
    tracker.start_experiment("x")
    reference = model_file("real.luml")
    os.chmod("real.luml", 0o640)
    os.symlink("real.luml", "link.luml")
    tracker.link_to_model(ModelReference("link.luml"))
    assert os.path.islink("link.luml")
    assert os.stat("real.luml").st_mode & 0o777 == 0o640
    assert len(reference.metadata()) == 1


def _keep_writing(started, stop):
    tracker = ExperimentTracker("sqlite://./experiments")
    started.set()
    step = 0
    while not stop.is_set():
        tracker.log_dynamic("noise", step, step=step, experiment_id="x")
        step += 1
        stop.wait(0.001)


def test_20_snapshots_while_others_read_and_write_are_whole(tracker, tmp_path):
    tracker.start_experiment("x")
    for step in range(500):
        tracker.log_dynamic("loss", step, step=step)
    context = multiprocessing.get_context("fork")
    started, stop = context.Event(), context.Event()
    writer = context.Process(target=_keep_writing, args=(started, stop))
    writer.start()
    try:
        assert started.wait(30)
        for number in range(3):
            reference = model_file(f"{number}.luml")
            tracker.log_dynamic("loss", 500 + number, step=500 + number)
            tracker.link_to_model(reference)
            tracker.export(f"{number}.tar")
            linked = snapshot_database(reference, tmp_path / "linked.db")
            for database in (linked, exported_database(Path(f"{number}.tar"), tmp_path / "exported.db")):
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                count = database.execute("SELECT count(*) FROM dynamic_metrics WHERE key = 'loss'").fetchone()[0]
                assert count == 501 + number
                database.close()
    finally:
        stop.set()
        writer.join()
    assert writer.exitcode == 0


def exported_database(path: Path, target: Path) -> sqlite3.Connection:
    with tarfile.open(path) as archive, zipfile.ZipFile(archive.extractfile("exp.db.zip")) as packed:
        target.write_bytes(packed.read("exp.db"))
    return sqlite3.connect(target)


def _link(number):
    tracker = ExperimentTracker("sqlite://./experiments")
    for _ in range(3):
        tracker.link_to_model(ModelReference("model.luml"), experiment_id="x")


def test_20_processes_that_link_to_one_model_lose_nothing(tracker):
    tracker.start_experiment("x")
    reference = model_file()
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.map(_link, range(3))
    assert len(reference.metadata()) == 9
    assert reference.validate()
    assert not [name for name in os.listdir() if name.endswith(".tmp")]


@pytest.fixture
def tracer(monkeypatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(shutdown_on_exit=False))
    return trace.get_tracer("test")


def spans_of(group="default", number=1):
    view = runlore.experiment(group, store="experiments").run(number)
    return {event.key: event.value for event in view.events("span")}


def test_21_nested_spans_share_a_trace_and_know_their_parent(tracker, tracer):
    tracker.enable_tracing()
    tracker.start_experiment("x")
    with tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("inner") as inner:
        inner.set_attribute("gen_ai.operation.name", "chat")
        inner.add_event("token", {"n": 1})
    found = spans_of()
    assert found["inner"]["trace_id"] == found["outer"]["trace_id"]
    assert len(found["outer"]["trace_id"]) == 32
    assert found["inner"]["parent_id"] == found["outer"]["span_id"] == f"{outer.get_span_context().span_id:016x}"
    assert found["outer"]["parent_id"] is None
    assert found["inner"]["attributes"] == {"gen_ai.operation.name": "chat"}
    assert found["inner"]["events"][0]["name"] == "token"
    reference = model_file()
    tracker.link_to_model(reference)
    database = snapshot_database(reference, Path("exp.db"))
    rows = database.execute("SELECT name, kind, dfs_span_type FROM spans ORDER BY name").fetchall()
    assert rows == [("inner", 1, 1), ("outer", 1, 0)]
    database.close()


def test_22_exceptions_are_errors_and_spans_stay_where_they_started(tracker, tracer):
    tracker.enable_tracing()
    tracker.start_experiment("first")
    with pytest.raises(ValueError, match="boom"), tracer.start_as_current_span("failing"):
        raise ValueError("boom")
    span = tracer.start_span("slow")
    tracker.end_experiment()
    tracer.start_span("between").end()
    tracker.start_experiment("second")
    span.end()
    with tracer.start_as_current_span("own"):
        pass
    first, second = spans_of(number=1), spans_of(number=2)
    assert sorted(first) == ["failing", "slow"]
    assert sorted(second) == ["own"]
    assert first["failing"]["status"] == "error"
    assert "boom" in first["failing"]["status_message"]


def test_22_enabling_again_and_other_trackers_record_nothing_twice(tracker, tracer):
    other = ExperimentTracker("sqlite://./other")
    for _ in range(2):
        tracker.enable_tracing()
        other.enable_tracing()
    tracker.start_experiment("mine")
    with tracer.start_as_current_span("span"):
        pass
    view = runlore.experiment("default", store="experiments").run(1)
    assert [event.key for event in view.events("span")] == ["span"]
    other.start_experiment("theirs")
    with tracer.start_as_current_span("later"):
        pass
    assert [e.key for e in runlore.experiment("default", store="other").run(1).events("span")] == ["later"]


def test_23_threads_store_every_point(tracker):
    tracker.start_experiment("x")

    def log(number):
        for index in range(250):
            tracker.log_dynamic(f"thread {number}", index, step=index)
            tracker.log_dynamic("shared", index)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    metrics = tracker.get_experiment("x")["dynamic_metrics"]
    assert [len(metrics[f"thread {number}"]) for number in range(4)] == [250] * 4
    assert [point["step"] for point in metrics["shared"]] == list(range(1000))


def _create(barrier, number, results):
    barrier.wait()
    tracker = ExperimentTracker("sqlite://./new/store")
    tracker.start_experiment(f"mine {number}", group="shared")
    for step in range(20):
        tracker.log_dynamic("loss", step, step=step)
    tracker.end_experiment()
    try:
        tracker.start_experiment("only one of us")
        results.put(number)
    except FileExistsError:
        pass


def test_23_processes_that_make_one_store_at_once_all_succeed(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(4), context.SimpleQueue()
    processes = [context.Process(target=_create, args=(barrier, number, results)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    found = ExperimentTracker("sqlite://./new/store").list_experiments()
    assert sorted(e["id"] for e in found) == [*(f"mine {number}" for number in range(4)), "only one of us"]
    assert results.get() in range(4)
    assert results.empty()


def _write_to(number):
    tracker = ExperimentTracker("sqlite://./experiments")
    for index in range(100):
        tracker.log_dynamic(f"process {number}", index, experiment_id="x")
        tracker.log_dynamic("shared", index, experiment_id="x")


def test_23_processes_that_write_to_one_experiment_lose_no_point(tracker):
    tracker.start_experiment("x")
    tracker.log_dynamic("shared", -1)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.map(_write_to, range(3))
    metrics = tracker.get_experiment("x")["dynamic_metrics"]
    assert [len(metrics[f"process {number}"]) for number in range(3)] == [100] * 3
    assert [point["step"] for point in metrics["shared"]] == list(range(301))
    assert tracker.get_experiment("x")["metadata"]["status"] == "active"


def run_script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    head = "import os, sys\nfrom runlore.dialects.luml.experiments.tracker import ExperimentTracker\n"
    return subprocess.run(
        [sys.executable, "-c", head + text, *arguments], capture_output=True, text=True, check=False
    )  # fmt: skip


def test_24_after_a_kill_everything_is_there_and_the_run_is_known_to_be_dead(tracker):
    done = run_script(
        "t = ExperimentTracker()\nt.start_experiment('x')\nt.log_static('k', 1)\nt.log_attachment('a', 'text')\n"
        "for i in range(100): t.log_dynamic('loss', i)\nos.kill(os.getpid(), 9)"
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    about = tracker.get_experiment("x")
    assert len(about["dynamic_metrics"]["loss"]) == 100
    assert about["static_params"] == {"k": 1}
    assert tracker.get_attachment("a", "x") == b"text"
    assert about["metadata"]["status"] == "error"
    assert runlore.experiment("default", store="experiments").run(1).status == "crashed"
    tracker.end_experiment("x")
    assert tracker.get_experiment("x")["metadata"]["status"] == "completed"


@pytest.mark.parametrize(
    ("end", "code", "status"),
    [
        ("", 0, "completed"),
        ("raise ValueError('x')", 1, "error"),
        ("sys.exit(3)", 3, "error"),
        ("sys.exit()", 0, "completed"),
    ],
)
def test_24_the_end_of_the_program_ends_what_nobody_ended(tracker, end, code, status):
    done = run_script(f"t = ExperimentTracker()\nt.start_experiment('x')\nt.log_dynamic('loss', 1)\n{end}")
    assert done.returncode == code
    assert tracker.get_experiment("x")["metadata"]["status"] == status


def test_24_a_forked_child_that_exits_does_not_end_its_parents_experiment(tracker):
    done = run_script(
        "t = ExperimentTracker()\nt.start_experiment('x')\nt.log_dynamic('loss', 1)\n"
        "pid = os.fork()\nif pid == 0:\n    t.log_dynamic('loss', 2)\n    t.log_dynamic('child', 3)\n    sys.exit(0)\n"
        "os.waitpid(pid, 0)\nprint(t.get_experiment('x')['metadata']['status'])\nt.log_dynamic('loss', 4)\n"
    )
    assert done.stdout == "active\n", done.stderr
    metrics = tracker.get_experiment("x")["dynamic_metrics"]
    assert [point["value"] for point in metrics["loss"]] == [1.0, 4.0, 2.0]
    assert [point["value"] for point in metrics["child"]] == [3.0]


def test_25_nan_and_infinities_come_back_and_break_no_list(tracker):
    tracker.start_experiment("x", group="g")
    for step, value in enumerate((math.nan, math.inf, -math.inf)):
        tracker.log_dynamic("train/loss", value, step=step)
    tracker.log_static("bad", math.nan)
    tracker.start_experiment("y", group="g")
    tracker.log_dynamic("train/loss", 0.5)
    tracker.log_static("bad", 1.0)
    values = [value for _, value in history(tracker, "x", "train/loss")]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]
    assert math.isnan(tracker.get_experiment("x")["static_params"]["bad"])
    assert [e["id"] for e in tracker.list_experiments(order_by="-param.bad")] == ["y", "x"]
    assert [e["id"] for e in tracker.list_experiments("param.bad > 0")] == ["y"]
    assert [e["id"] for e in tracker.list_experiments("metric.`train/loss` >= 0.5")] == ["y"]
    assert [e["id"] for e in tracker.list_experiments(order_by="metric.`train/loss`")] == ["x", "y"]


def test_25_sorted_pages_visit_every_experiment_once(tracker):
    from runlore.reader.session import Session

    for index in range(11):
        tracker.start_experiment(f"e{index}")
        tracker.log_dynamic("acc", index % 3)
        tracker.end_experiment()
    session = Session("experiments").refresh()
    for order in ("metric.acc", "-metric.acc"):
        uids = [run.uid for page in session.index.pages(order_by=order, limit=2) for run in page.runs]
        assert len(uids) == len(set(uids)) == 11
    assert len(tracker.list_experiments(order_by="-metric.acc", limit=4)) == 4


def test_25_a_running_experiment_shows_what_it_has(tracker):
    tracker.start_experiment("x")
    tracker.log_static("lr", 0.1)
    tracker.log_dynamic("loss", 0.5)
    other = ExperimentTracker("sqlite://./experiments")
    assert other.get_experiment("x")["static_params"] == {"lr": 0.1}
    assert [e["status"] for e in other.list_experiments("metric.loss < 1 and param.lr = 0.1")] == ["active"]


@pytest.mark.parametrize(
    "text", ["metric.loss < 1 or 1 = 1", "tags.x = 'a' or 'a' = 'a'", "'; drop table runs; --", "name = 'x' )"]
)
def test_25_a_filter_cannot_escape(tracker, text):
    tracker.start_experiment("x")
    with pytest.raises(ValueError):
        tracker.list_experiments(text)
    assert tracker.list_experiments("name = \"x' or 'a' = 'a\"") == []
    assert len(tracker.list_experiments()) == 1


# -- what users of LUML's own tests would meet -------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [["zeta", "alpha"], ["b", "a", "c"], ["alpha", "zeta"]])
def test_tags_and_params_keep_their_order(tmp_path, tags):
    tracker = ExperimentTracker(f"sqlite://{tmp_path}/ordered")
    first = tracker.start_experiment(tags=["old", "zeta"])
    for key in ("z", "a", "m"):
        tracker.log_static(key, 1)
    tracker.log_static("z", 2)
    tracker.update_experiment(first, tags=tags)
    second = tracker.start_experiment(tags=tags)
    for experiment_id in (first, second):
        assert tracker.get_experiment(experiment_id)["metadata"]["tags"] == tags
    assert [item["tags"] for item in tracker.list_experiments()] == [tags, tags]
    assert list(tracker.get_experiment(first)["static_params"].items()) == [("z", 2), ("a", 1), ("m", 1)]
    tracker.end_experiment(first)
    tracker.end_experiment(second)


def test_annotations_say_when_they_were_made(tmp_path):
    tracker = ExperimentTracker(f"sqlite://{tmp_path}/annotated")
    tracker.start_experiment("x")
    tracker.log_eval_sample("1", "d", {"q": 1})
    tracker.log_span("t", "s", "work", 1, 2, events=[{"name": "e", "time_ns": 5, "attributes": {}}])
    made = [
        tracker.log_eval_annotation("d", "1", "good", "feedback", "bool", True, "ann"),
        tracker.log_span_annotation("t", "s", "good", "feedback", "bool", True, "ann"),
    ]
    from runlore.dialects.luml import _records as records

    kept = records.facts(tracker._view("x"), records.ANNOTATION)
    for note, fact in zip(made, kept, strict=True):
        assert note["created_at"][:23] == records.time_text(fact["time_ns"])[:23]
    tracker.end_experiment()


@pytest.mark.parametrize("wrong", ["model.luml", b"x", None, 3])
def test_a_model_that_is_no_reference_is_refused(tmp_path, wrong):
    tracker = ExperimentTracker(f"sqlite://{tmp_path}/models")
    tracker.start_experiment("x")
    for call in (tracker.log_model, tracker.link_to_model):
        with pytest.raises(TypeError, match=r"model_reference=.*ModelReference\(path\)"):
            call(wrong)
    tracker.end_experiment()
