from __future__ import annotations

import io
import subprocess
import sys

import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure
from PIL import Image

from runlore.errors import InvalidArgument, WrongType
from runlore.media import decode, encode_figure


@pytest.fixture
def figure():
    figure = Figure(figsize=(3, 2), dpi=80)
    figure.subplots().plot([1, 2, 3])
    figure.axes[0].set_title("Loss")
    return figure


def test_matplotlib_png(figure):
    encoded = encode_figure(figure)
    assert encoded.media_type == "image/png"
    assert Image.open(io.BytesIO(encoded.data)).size == (encoded.metadata["width"], encoded.metadata["height"])
    assert encoded.metadata["title"] == "Loss"
    assert decode("figure", encoded.media_type, encoded.metadata, encoded.data) == encoded.data


@pytest.mark.parametrize(
    ("form", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("jpg", b"\xff\xd8"), ("webp", b"RIFF")]
)
def test_matplotlib_formats(figure, form, start):
    encoded = encode_figure(figure, format=form)
    assert encoded.data.startswith(start)
    assert encoded.suffix == f".{form}"


def test_savefig_arguments_reach_matplotlib(figure):
    assert encode_figure(figure, dpi=160).metadata["width"] == 480
    with pytest.raises(InvalidArgument, match="no_such"):
        encode_figure(figure, no_such=1)


def test_the_figure_stays_as_it_is(figure):
    before = (figure.canvas, figure.dpi, figure.get_size_inches().tolist(), figure.get_facecolor(), len(figure.axes))
    first = encode_figure(figure, dpi=200, facecolor="red", bbox_inches="tight").data
    assert before == (
        figure.canvas,
        figure.dpi,
        figure.get_size_inches().tolist(),
        figure.get_facecolor(),
        len(figure.axes),
    )
    assert encode_figure(figure, dpi=200, facecolor="red", bbox_inches="tight").data == first


def test_axes_and_subfigures(figure):
    assert encode_figure(figure.axes[0]).data == encode_figure(figure).data
    outer = Figure()
    inner = outer.subfigures(1, 2)[0]
    assert encode_figure(inner.subplots()).metadata["width"] == 640


def test_pyplot_is_never_imported():
    script = (
        "import sys\nfrom matplotlib.figure import Figure\nfrom runlore.media import encode_figure\n"
        "f = Figure(); f.subplots().plot([1]); encode_figure(f)\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_pyplot_module_means_its_current_figure(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    from matplotlib import pyplot as plt

    plt.close("all")
    with pytest.raises(InvalidArgument, match="no figure is open"):
        encode_figure(plt)
    plt.figure(figsize=(1, 1), dpi=50)
    assert encode_figure(plt, dpi=50).metadata["width"] == 50
    plt.close("all")


def test_plotly_keeps_its_specification():
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), layout={"title": {"text": "T"}})
    encoded = encode_figure(figure)
    assert encoded.media_type == "application/vnd.plotly.v1+json"
    assert encoded.metadata == {"library": "plotly", "traces": 1, "title": "T"}
    assert decode("figure", encoded.media_type, {}, encoded.data) == figure
    with pytest.raises(InvalidArgument, match="specification"):
        encode_figure(figure, format="png")


@pytest.mark.parametrize("value", [None, "figure.png", 3, [1, 2], object()])
def test_other_objects_are_refused_by_name(value):
    with pytest.raises(WrongType, match=r"Matplotlib Figure or Axes.*Plotly") as error:
        encode_figure(value)
    assert type(value).__name__ in str(error.value)


def test_unknown_format(figure):
    with pytest.raises(InvalidArgument, match="exe"):
        encode_figure(figure, format="exe")


@pytest.mark.parametrize("content", [b"\x80\x04N.", b"[]", b'{"data": 3}', b"{", b"[" * 100_000])
def test_damaged_plotly(content):
    with pytest.raises(InvalidArgument, match="Plotly"):
        decode("figure", "application/vnd.plotly.v1+json", {}, content)
