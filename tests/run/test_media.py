"""Objects through a run and back: each `log_*` call, read again as what it was."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import runlore
from runlore.errors import InvalidArgument, UnsafeLoad, WrongType

mpl.use("agg")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    with runlore.start("e", capture=False) as run:
        yield run


def read(run, name, step=None, **options):
    return runlore.get_run(run.uid).artifact(name, step).load(**options)


def test_figures(run):
    figure = Figure()
    figure.subplots().plot([1, 2])
    run.log_figure(figure, "curves/loss", step=3)
    run.log_figure(go.Figure(go.Scatter(y=[1, 3, 2])), "interactive")
    item = runlore.get_run(run.uid).artifact("curves/loss")
    assert (item.kind, item.media_type, item.step) == ("figure", "image/png", 3.0)
    assert item.read_bytes().startswith(b"\x89PNG")
    assert read(run, "interactive").data[0].y == (1, 3, 2)


def test_images_by_step(run):
    for step in range(3):
        run.log_image(np.full((4, 5, 3), step * 100, dtype=np.uint8), "sample", step=step, caption=f"at {step}")
    images = runlore.get_run(run.uid).images("sample")
    assert sorted(images) == [0.0, 1.0, 2.0]
    assert isinstance(images[1.0].load(), Image.Image)
    np.testing.assert_array_equal(images[2.0].load(as_array=True), np.full((4, 5, 3), 200))
    assert images[2.0].metadata["caption"] == "at 2"


def test_boxes_stay_beside_the_image(run):
    run.log_image(np.zeros((8, 8)), "boxed", boxes=[{"box": [1, 1, 3, 3], "label": "cat"}])
    kept = runlore.get_run(run.uid).artifact("boxed").metadata["boxes"]
    assert kept == [{"x_min": 1.0, "y_min": 1.0, "x_max": 3.0, "y_max": 3.0, "label": "cat"}]


def test_tables(run):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, np.nan]})
    run.log_table(frame, "frame")
    run.log_table({"k": [1, 2, 3]}, "mapping")
    run.log_table([[1, "a"], [2, "b"]], "rows", columns=["n", "s"])
    pd.testing.assert_frame_equal(read(run, "frame"), frame)
    assert read(run, "mapping")["k"].tolist() == [1, 2, 3]
    assert read(run, "rows").columns.tolist() == ["n", "s"]


def test_text_html_audio_video(run):
    run.log_text("größe\n", "notes")
    run.log_html("<b>bold</b>", "page")
    run.log_audio(np.sin(np.linspace(0, 100, 8000)), "tone", sample_rate=8000)
    run.log_video(np.zeros((4, 16, 16, 3), dtype=np.uint8), "clip", fps=4)
    view = runlore.get_run(run.uid)
    assert read(run, "notes") == "größe\n"
    assert view.artifact("page").read_text() == "<b>bold</b>"
    assert view.artifact("tone").media_type == "audio/wav"
    assert view.artifact("clip").media_type == "video/mp4"


def test_histograms_curves_and_matrices(run):
    rng = np.random.default_rng(0)
    run.log_histogram(rng.standard_normal(100), "weights", step=1, bins=10)
    run.log_histogram(name="given", counts=[1, 2], edges=[0, 1, 2])
    run.log_curve([0, 1], [1, 0], "curve", x_label="epoch")
    run.log_roc([0, 1, 1], [0.1, 0.8, 0.4])
    run.log_pr([0, 1, 1], [0.1, 0.8, 0.4])
    run.log_confusion_matrix([0, 1, 1], [0, 1, 0])
    assert read(run, "weights").counts.sum() == 100
    assert read(run, "given").edges.tolist() == [0, 1, 2]
    assert read(run, "curve").to_frame().shape[0] == 2
    assert read(run, "confusion_matrix").matrix.tolist() == [[1, 0], [1, 1]]
    assert {item.kind for item in runlore.get_run(run.uid).artifacts()} == {"histogram", "curve", "confusion_matrix"}


def test_models_load_back_without_pickle(run):
    data, target = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(data, target)
    run.log_model(model, "classifier", example=data[:2])
    np.testing.assert_array_equal(read(run, "classifier").predict(data), model.predict(data))
    item = runlore.get_run(run.uid).artifact("classifier")
    assert item.kind == "model"
    assert "signature" in item.metadata


class Custom:
    """A model that only a pickle can hold."""


def test_a_pickle_is_written_and_read_only_when_asked_for(run):
    with pytest.raises((UnsafeLoad, WrongType), match="pickle"):
        run.log_model(Custom(), "custom")
    assert runlore.get_run(run.uid).artifacts() == []
    run.log_model(Custom(), "custom", allow_pickle=True)
    with pytest.raises(UnsafeLoad, match="allow_pickle"):
        read(run, "custom")
    assert type(read(run, "custom", allow_pickle=True)).__name__ == "Custom"


def test_data_references_change_with_the_data(run):
    data = np.arange(10_000.0)
    first = run.log_data_ref(data, "train", split="train")
    data[5_000] += 1
    second = run.log_data_ref(data, "train")
    assert first["hash"] != second["hash"]
    events = runlore.get_run(run.uid).events("data")
    assert [event.value["hash"] for event in events] == [first["hash"], second["hash"]]
    assert events[0].value["split"] == "train"


def test_alerts_and_spans(run):
    run.alert("loss is NaN", "at step 3", level="error")
    trace, span = run.log_span("predict", 10, 20, attributes={"n": 1})
    run.log_span("inner", 12, 15, trace_id=trace, parent_id=span)
    view = runlore.get_run(run.uid)
    assert view.events("alert")[0].value == {"text": "at step 3", "level": "error"}
    assert [event.value["parent_id"] for event in view.events("span")] == [None, span]
    for bad in ({"level": "fatal"}, {"text": 3}):
        with pytest.raises((InvalidArgument, WrongType)):
            run.alert("x", **bad)
    with pytest.raises(InvalidArgument, match="end_ns"):
        run.log_span("x", 20, 10)


@pytest.mark.parametrize(
    "call", ["log_figure", "log_image", "log_table", "log_text", "log_html", "log_model", "log_video"]
)
def test_what_is_no_such_object_is_refused_and_leaves_nothing(run, call, tmp_path):
    with pytest.raises((TypeError, ValueError, UnsafeLoad)):
        getattr(run, call)(object())
    with pytest.raises((TypeError, ValueError, UnsafeLoad)):
        getattr(run, call)("text", "../x")
    assert runlore.get_run(run.uid).artifacts() == []
    assert not (tmp_path / "store" / "blobs").exists()
