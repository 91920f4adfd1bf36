"""Wrong arguments raise before anything is stored: not an event, not a byte of contents, whatever the method."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import runlore
from runlore.errors import RunloreError
from runlore.media import encode_text

mpl.use("agg")


def figure() -> Figure:
    made = Figure()
    made.subplots().plot([1, 2])
    return made


def model() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=2).fit(*load_iris(return_X_y=True))


OBJECTS = {
    "log_artifact": lambda run, **more: run.log_artifact(b"content", **{"name": "a", **more}),
    "log_encoded": lambda run, **more: run.log_encoded(encode_text("text"), **{"name": "a", **more}),
    "log_figure": lambda run, **more: run.log_figure(figure(), **more),
    "log_image": lambda run, **more: run.log_image(np.zeros((4, 4)), **more),
    "log_table": lambda run, **more: run.log_table({"a": [1, 2]}, **more),
    "log_text": lambda run, **more: run.log_text("text", **more),
    "log_html": lambda run, **more: run.log_html("<b>text</b>", **more),
    "log_audio": lambda run, **more: run.log_audio(np.zeros(100), sample_rate=8000, **more),
    "log_video": lambda run, **more: run.log_video(np.zeros((2, 16, 16, 3), dtype=np.uint8), fps=2, **more),
    "log_histogram": lambda run, **more: run.log_histogram([1.0, 2.0], **more),
    "log_curve": lambda run, **more: run.log_curve([0, 1], [1, 0], **more),
    "log_roc": lambda run, **more: run.log_roc([0, 1, 1], [0.1, 0.8, 0.4], **more),
    "log_pr": lambda run, **more: run.log_pr([0, 1, 1], [0.1, 0.8, 0.4], **more),
    "log_confusion_matrix": lambda run, **more: run.log_confusion_matrix([0, 1], [1, 1], **more),
    "log_model": lambda run, **more: run.log_model(model(), **more),
}
"""Every method that keeps contents, with an object that it takes."""

STEPS = {
    "text": "three", "digits": "3", "bytes": b"3", "list": [], "object": object(), "nan": math.nan, "huge": 10**400,
    "complex": 1j,
}  # fmt: skip
NAMES = {
    "upwards": "../x", "absolute": "/x", "empty": "", "number": 3, "nul": "a\0", "newline": "a\nb", "long": "x" * 5000,
}  # fmt: skip
TIMES = {"time as text": {"time": "now"}, "time nan": {"time": math.nan}, "time far away": {"time": 1e300}}
METADATA = {
    "metadata as text": {"metadata": "abc"},
    "metadata as number": {"metadata": 3},
    "metadata of objects": {"metadata": {"a": object()}},
    "metadata of bytes": {"metadata": {"a": b"x"}},
    "metadata with a key of a tuple": {"metadata": {(1, 2): 3}},
    "metadata beyond an event": {"metadata": {"a": "x" * (65 << 20)}},
}
COLUMNS = {
    "columns as text": {"columns": "abc"},
    "columns as number": {"columns": 3},
    "columns of objects": {"columns": {"a": object()}},
    "a reserved column": {"columns": {"key": 1}},
}
OTHERS = {
    "log_artifact": {
        **METADATA,
        "kind as number": {"kind": 3},
        "kind empty": {"kind": ""},
        "kind missing": {"kind": None},
        "media type as number": {"media_type": 3},
        "name missing": {"name": None},
    },
    "log_encoded": {**TIMES, **METADATA, **COLUMNS},
}

FACTS = {
    "log_metric text": lambda run: run.log_metric("new", "0.5"),
    "log_metric key": lambda run: run.log_metric(3, 0.5),
    "log_metric step": lambda run: run.log_metric("new", 0.5, step="1"),
    "log_metric time": lambda run: run.log_metric("new", 0.5, time="now"),
    "log_metrics no mapping": lambda run: run.log_metrics([1]),
    "log_metrics second value": lambda run: run.log_metrics({"new": 1.0, "other": "x"}),
    "log_metrics second key": lambda run: run.log_metrics({"new": 1.0, 3j: 1.0}),
    "log_metrics step": lambda run: run.log_metrics({"new": 1.0}, step="1"),
    "log_metrics time": lambda run: run.log_metrics({"new": 1.0}, time="now"),
    "log_param value": lambda run: run.log_param("new", object()),
    "log_param key": lambda run: run.log_param("", 1),
    "log_params no mapping": lambda run: run.log_params([("new", 1)]),
    "log_params second value": lambda run: run.log_params({"new": 1, "other": object()}),
    "log_params second too large": lambda run: run.log_params({"new": 1, "other": "x" * (65 << 20)}),
    "log_params second key": lambda run: run.log_params({"new": 1, "": 1}),
    "unset_params second key": lambda run: run.unset_params("a", 3),
    "set_tag value": lambda run: run.set_tag("new", object()),
    "set_tag key": lambda run: run.set_tag("", 1),
    "set_tags no mapping": lambda run: run.set_tags(["new"]),
    "set_tags second value": lambda run: run.set_tags({"new": "1", "other": object()}),
    "set_tags second key": lambda run: run.set_tags({"new": "1", "": ""}),
    "add_tags second": lambda run: run.add_tags(["new", 3]),
    "add_tags number": lambda run: run.add_tags(3),
    "set_name": lambda run: run.set_name(3),
    "set_description": lambda run: run.set_description(3),
    "log_event kind": lambda run: run.log_event("", "new"),
    "log_event key": lambda run: run.log_event("mine", 3),
    "log_event value": lambda run: run.log_event("mine", "new", object()),
    "log_event step": lambda run: run.log_event("mine", "new", step="1"),
    "log_event time": lambda run: run.log_event("mine", "new", time="now"),
    "log_event columns as text": lambda run: run.log_event("mine", "new", columns="abc"),
    "log_event reserved column": lambda run: run.log_event("mine", "new", columns={"key": 1}),
    "log_event column": lambda run: run.log_event("mine", "new", a=object()),
    "log_extra": lambda run: run.log_extra(a=object()),
    "log_extra reserved": lambda run: run.log_extra(key=1),
    "log_status": lambda run: run.log_status(""),
    "log_status crashed": lambda run: run.log_status("crashed"),
    "log_status message": lambda run: run.log_status("warming up", object()),
    "log_artifacts no directory": lambda run: run.log_artifacts("nowhere"),
    "log_artifacts no path": lambda run: run.log_artifacts(3),
    "log_artifacts prefix": lambda run: run.log_artifacts("files", "../x"),
    "log_artifacts prefix as number": lambda run: run.log_artifacts("files", 3),
    "log_artifacts prefix with a line break": lambda run: run.log_artifacts("files", "a\nb"),
    "log_artifact no file": lambda run: run.log_artifact("nowhere"),
    "log_artifact no path": lambda run: run.log_artifact(3),
    "log_data_ref name": lambda run: run.log_data_ref([1], ""),
    "log_data_ref data": lambda run: run.log_data_ref(object()),
    "log_data_ref metadata": lambda run: run.log_data_ref([1], "new", a=object()),
    "unset_data_refs second": lambda run: run.unset_data_refs("a", 3),
    "alert title": lambda run: run.alert(""),
    "alert level": lambda run: run.alert("new", level="loud"),
    "alert text": lambda run: run.alert("new", 3),
    "log_span name": lambda run: run.log_span("", 0, 1),
    "log_span order": lambda run: run.log_span("new", 1, 0),
    "log_span start as text": lambda run: run.log_span("new", "0", 1),
    "log_span end as text": lambda run: run.log_span("new", 0, "1"),
    "log_span status": lambda run: run.log_span("new", 0, 1, status="fine"),
    "log_span attributes as text": lambda run: run.log_span("new", 0, 1, attributes="abc"),
    "log_span attributes": lambda run: run.log_span("new", 0, 1, attributes={"a": object()}),
    "log_span events as numbers": lambda run: run.log_span("new", 0, 1, events=[3]),
    "log_span more": lambda run: run.log_span("new", 0, 1, more=object()),
    "finish": lambda run: run.finish("fine"),
}
"""Every other method, with something that it cannot take."""


def contents(root: str) -> dict[str, str]:
    """Every file of a store, with the hash of what is in it."""
    return {
        os.path.relpath(os.path.join(parent, name), root): hashlib.sha256(Path(parent, name).read_bytes()).hexdigest()
        for parent, _, names in os.walk(root)
        for name in names
    }


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("files").mkdir()
    Path("files/a.txt").write_text("a")
    with runlore.start("e", store=str(tmp_path / "store"), params={"a": 1}, capture=False) as run:
        yield run


def refused(run, call) -> None:
    before = contents(run.store.root)
    with pytest.raises(RunloreError):
        call(run)
    assert contents(run.store.root) == before


def test_the_methods_take_what_is_right(run):
    pytest.importorskip("soundfile", reason="audio needs soundfile: pip install 'runlore[media]'")
    before = contents(run.store.root)
    for call in OBJECTS.values():
        call(run)
    assert len(contents(run.store.root)) > len(before)
    assert len(runlore.get_run(run.uid, store=run.store).artifacts()) == len(OBJECTS)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("method", OBJECTS)
def test_a_step_that_cannot_be(run, method, step):
    refused(run, lambda run: OBJECTS[method](run, step=STEPS[step]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", OBJECTS)
def test_a_name_that_cannot_be(run, method, name):
    refused(run, lambda run: OBJECTS[method](run, name=NAMES[name]))


@pytest.mark.parametrize(("method", "case"), [(method, case) for method in OTHERS for case in OTHERS[method]])
def test_other_arguments_of_artifacts(run, method, case):
    refused(run, lambda run: OBJECTS[method](run, **OTHERS[method][case]))


@pytest.mark.parametrize("case", FACTS)
def test_facts_that_cannot_be(run, case):
    refused(run, FACTS[case])
