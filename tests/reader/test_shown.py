"""What a notebook shows of runs, experiments, artifacts and pictures; in a real kernel, and what strangers wrote."""

from __future__ import annotations

import copy
import io
import pickle
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tests.notebook_cells import run_cells

import runlore
from runlore.errors import InvalidArgument
from runlore.media import decode, encode_figure
from runlore.media.picture import Picture

EVIL = '<script>alert("x")</script>\ud800'


class Parsed(HTMLParser):
    """Fails where tags are not closed in order; knows the tags and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self._open, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag != "img":
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


def shown(value):
    html = value._repr_html_()
    html.encode()
    return Parsed(html)


def drawn():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2, 3])
    return figure


def test_a_notebook_shows_each_object_as_more_than_text(tmp_path):
    record = (
        "import runlore\nfrom matplotlib.figure import Figure\n"
        "run = runlore.start('nb', name='first', params={'lr': 0.5}, capture=False)\n"
        "run.log_metric('loss', 0.25)\nf = Figure(figsize=(2, 1)); run.log_figure(f, 'fig')\n"
        "run.log_roc([0, 1, 1], [0.1, 0.9, 0.8], 'roc')\nrun.log_confusion_matrix([0, 1], [0, 1], name='cm')"
    )
    cells = [
        record,
        "run",
        "run.finish(); view = runlore.get_run('nb#1'); view",
        "runlore.experiment('nb')",
        "runlore.runs()",
        "runlore.experiments()",
        "view.artifact('fig')",
        "view.artifact('fig').load()",
        "view.artifact('roc').load()",
        "view.artifact('cm').load()",
    ]
    outputs = run_cells(tmp_path, *cells, environment={"RUNLORE_STORE": str(tmp_path / "store")})
    data = [output[-1]["data"] if output else {} for output in outputs[1:]]
    assert [next((kind for kind in ("image/png", "text/html") if kind in found), found) for found in data] == [
        "text/html", "text/html", "text/html", "text/html", "text/html", "text/html", "image/png", "text/html",
        "text/html",
    ]  # fmt: skip
    assert "nb#1" in data[0]["text/html"]
    assert all(word in data[1]["text/html"] for word in ("nb#1", "first", "succeeded", "loss", "0.25", "lr", "0.5"))
    assert all(word in data[2]["text/html"] for word in ("first", "succeeded", "loss", "0.25"))
    assert "data:image/png;base64," in data[5]["text/html"]
    assert "AUC 1" in data[7]["text/html"]
    assert max(len(found["text/plain"]) for number, found in enumerate(data) if number not in (3, 4)) < 130


def test_what_strangers_wrote_is_text(tmp_path):
    store = tmp_path / "store"
    with runlore.start("e", EVIL[:-1], params={EVIL[:-1]: EVIL[:-1]}, store=store, capture=False) as run:
        run.log_metric(EVIL, 1.0)
        run.log_param("surrogate", EVIL)
        run.log_text("x", EVIL[:-1])
        run.log_curve([1, 2], {EVIL[:-1]: [1, 2]}, name="c", x_label=EVIL[:-1])
        run.log_confusion_matrix([EVIL[:-1]], [EVIL[:-1]], name="m")
    view = runlore.get_run(run.uid, store=store)
    things = [run, view, runlore.experiment("e", store=store), *view.artifacts()]
    things += [view.artifact(name).load() for name in ("c", "m")]
    for thing in things:
        assert "script" not in shown(thing).tags
    assert "<script>" in shown(view).text


def test_a_run_with_many_facts_says_how_many_are_left_out(tmp_path):
    with runlore.start("e", params={f"p{i}": i for i in range(50)}, store=tmp_path, capture=False) as run:
        run.log_metrics({f"m{i}": i for i in range(30)})
    text = shown(runlore.get_run(run.uid, store=tmp_path)).text
    assert "params (50)" in text
    assert "… and 30 more" in text
    assert "… and 10 more" in text


def test_an_experiment_shows_its_latest_runs(tmp_path):
    for number in range(25):
        with runlore.start("e", store=tmp_path, capture=False) as run:
            run.log_metric("acc", number)
    found = shown(runlore.experiment("e", store=tmp_path))
    assert "25 succeeded" in found.text
    assert found.tags.count("tr") == 21
    assert "… and 5 more" in found.text


def test_contents_that_are_gone_or_too_large_are_said_and_raise_nothing(tmp_path):
    with runlore.start("e", store=tmp_path, capture=False) as run:
        run.log_image(np.zeros((4, 4)), "i")
        run.log_image(np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8), "large")
    view = runlore.get_run(run.uid, store=tmp_path)
    assert "img" not in shown(view.artifact("large")).tags
    item = view.artifact("i")
    assert "img" in shown(item).tags
    with open(item.path, "r+b") as file:
        file.write(b"x")
    assert "img" not in shown(item).tags
    assert "hash" in shown(item).text or "logged" in shown(item).text


def test_the_text_of_an_artifact_is_short(tmp_path):
    with runlore.start("e", store=tmp_path, capture=False) as run:
        run.log_table({"a": list(range(2000))}, "t")
        run.log_image(np.zeros((4, 4)), "i", step=3)
    view = runlore.get_run(run.uid, store=tmp_path)
    assert all(len(repr(item)) < 120 for item in view.artifacts())
    assert repr(view.artifact("i")).startswith("<Artifact 'i' image step=3 (image/png, ")


def test_curves_and_histograms_are_charts(tmp_path):
    x = np.linspace(0, 1, 10_000)
    y = np.sin(x)
    y[5000], y[77] = 1e6, np.nan
    with runlore.start("e", store=tmp_path, capture=False) as run:
        run.log_curve(x, y, name="c")
        run.log_histogram([0.0, 1.0, np.nan], "h")
        run.log_histogram([-1e308, 1e308], "wide")
    view = runlore.get_run(run.uid, store=tmp_path)
    chart = shown(view.artifact("c").load())
    assert chart.tags.count("polyline") == 2
    assert "1e+06" in chart.text
    assert len(view.artifact("c").load()._repr_html_()) < 30_000
    assert shown(view.artifact("h").load()).tags.count("rect") == 64
    assert "NaN" in shown(view.artifact("h").load()).text
    assert "nan" not in view.artifact("wide").load()._repr_html_()
    assert max(len(repr(view.artifact(name).load())) for name in ("c", "h", "wide")) < 120


def test_a_figure_comes_back_as_a_picture_that_is_its_bytes(tmp_path):
    with runlore.start("e", store=tmp_path, capture=False) as run:
        run.log_figure(drawn(), "loss_curve")
    item = runlore.get_run(run.uid, store=tmp_path).artifact("loss_curve")
    picture = item.load()
    assert isinstance(picture, Picture)
    assert picture == item.read_bytes() == picture.bytes
    assert type(picture.bytes) is bytes
    assert picture.image().size == Image.open(io.BytesIO(picture)).size == (200, 100)
    assert picture._repr_png_() == picture.bytes
    assert picture._repr_html_() is None
    for other in (copy.copy(picture), copy.deepcopy(picture), pickle.loads(pickle.dumps(picture))):
        assert (other, other.media_type, type(other)) == (picture, "image/png", Picture)


@pytest.mark.parametrize("form", ["svg", "pdf", "jpg", "webp"])
def test_a_picture_of_another_form(form):
    encoded = encode_figure(drawn(), format=form)
    picture = decode("figure", encoded.media_type, encoded.metadata, encoded.data)
    assert picture._repr_png_() is None
    assert (picture._repr_jpeg_() is None) == (form != "jpg")
    if form in ("svg", "webp"):
        assert Parsed(picture._repr_html_()).tags == ["img"]
    if form in ("svg", "pdf"):
        with pytest.raises(InvalidArgument, match="no pixels"):
            picture.image()
    else:
        assert picture.image().size == (200, 100)
