"""How few actions common questions take, counted: each call of `act` is one click or one entry."""

from __future__ import annotations

import json
import re
import zipfile

import pytest
from playwright.sync_api import expect
from tests.page.test_charts import card, hover
from tests.page.test_run import first


@pytest.fixture
def acts():
    """Does one action, and counts it."""

    class Acts(list):
        def __call__(self, action, *arguments, **options):
            self.append(action)
            return action(*arguments, **options)

    return Acts()


def test_curves_of_the_best_five_runs_take_two(desk, acts):
    desk.open("?experiment=vision/cifar10&shown=all")
    expect(card(desk, "val/loss").get_by_role("img")).to_have_attribute("aria-label", re.compile("and 12 more"))
    hover(desk, "val/loss")
    expect(desk.page.locator(".tip")).to_be_visible()
    acts(desk.page.mouse.click, *centre(card(desk, "val/loss").locator(".u-over")))
    acts(desk.page.get_by_role("button", name="Only the best 5 here").click)
    expect(desk.page.get_by_role("button", name=re.compile("runs shown on charts"))).to_have_text("5 of 24 on charts")
    assert "lr0.001" in " ".join(drawn(desk))
    assert "lr0.1-" not in " ".join(drawn(desk))
    assert len(acts) == 2


def test_params_of_two_runs_side_by_side_take_three(desk, acts):
    desk.open("?experiment=vision/cifar10&layout=table")
    rows = desk.page.locator("[role=row][id^=run-]")
    names = desk.rows()
    cell = ".cell >> nth=0"
    acts(rows.filter(has=desk.page.get_by_title(names[3])).locator(cell).click)
    acts(rows.filter(has=desk.page.get_by_title(names[20])).locator(cell).click, modifiers=["Control"])
    acts(desk.page.get_by_role("toolbar", name="Selected runs").get_by_role("button", name="Pin").click)
    expect(desk.page.locator(".pinned")).to_have_count(2)
    assert set(desk.rows()[:2]) == {names[3], names[20]}
    expect(desk.page.get_by_role("columnheader").filter(has_text=re.compile(r"^\s*lr"))).to_be_visible()
    assert len(acts) == 3


def test_the_console_of_a_run_takes_two(desk, acts):
    desk.open("?experiment=nlp/translation&layout=table")
    acts(desk.page.get_by_role("link", name="console").click)
    acts(desk.page.get_by_role("link", name="Console").click)
    expect(desk.page.get_by_text("Nothing was printed")).to_be_visible()
    assert len(acts) == 2


def test_a_query_sorted_by_a_metric_is_typed_entered_and_one_click(desk, acts):
    desk.open("?layout=table")
    query = desk.page.get_by_role("combobox", name="Query")
    acts(query.fill, "params.lr < 0.01")
    acts(query.press, "Enter")
    expect(desk.page.locator(".count b")).to_have_text("8")
    acts(desk.page.get_by_role("columnheader").filter(has_text="val/acc").get_by_role("button").first.click)
    expect(desk.page.locator("[aria-sort=descending]")).to_contain_text("val/acc")
    assert len(acts) == 3


def test_groups_with_their_mean_and_band_take_two(desk, acts):
    desk.open("?experiment=vision/cifar10")
    acts(desk.page.get_by_role("button", name="Group").first.click)
    acts(desk.page.get_by_role("button", name=re.compile("^seed")).click)
    expect(card(desk, "val/loss")).to_contain_text("mean ± 95 % CI of up to 6")
    assert desk.parameters()["group"] == "params.seed"
    assert len(acts) == 2


@pytest.mark.parametrize("format_", ["csv", "json", "parquet"])
def test_the_table_is_exported_as_it_is_filtered(desk, format_, tmp_path):
    desk.open("?layout=table&query=params.lr%20%3C%200.01")
    desk.page.get_by_role("button", name="Views, export and more").click()
    with desk.page.expect_download() as started:
        desk.page.get_by_role("link", name=re.compile(format_, re.IGNORECASE)).click()
    path = tmp_path / f"runs.{format_}"
    started.value.save_as(path)
    if format_ == "parquet":
        import pyarrow.parquet as pq

        count = pq.read_table(path).num_rows
    else:
        text = path.read_text()
        count = text.count("\n") - 1 if format_ == "csv" else len(rows_of(json.loads(text)))
    assert count == 8


def test_artifacts_come_in_one_file(desk, stored, tmp_path):
    desk.open(f"runs/{first(stored, 'name = console')}/artifacts")
    with desk.page.expect_download() as started:
        desk.page.get_by_role("link", name="Zip").click()
    path = tmp_path / "all.zip"
    started.value.save_as(path)
    with zipfile.ZipFile(path) as found:
        assert {"report.md", "kinds/dot.png", "kinds/train.py"} <= set(found.namelist())


@pytest.mark.parametrize(
    ("name", "what", "shows"),
    [
        ("dot.png", "img", None), ("mark.svg", "img", None), ("sound.wav", "audio", None),
        ("paper.pdf", "iframe", None), ("scores.parquet", "table", "dog"), ("conf.yaml", ".text, pre, .code", "layers"),
        ("values.json", "details", "24"), ("train.py", ".code, pre, table", "def train"),
    ],
)  # fmt: skip
def test_every_kind_of_file_has_its_preview(desk, stored, name, what, shows):
    desk.open(f"runs/{first(stored, 'name = console')}/artifacts")
    desk.page.get_by_text(name, exact=True).click()
    preview = desk.page.get_by_role("region", name="Preview")
    expect(preview.locator(what).first).to_be_visible()
    if shows:
        expect(preview).to_contain_text(shows)
    if what == "img":
        assert preview.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_a_film_plays(desk, stored):
    """A second of a square that moves, as VP8 in WebM."""
    desk.open(f"runs/{first(stored, 'name = console')}/artifacts")
    desk.page.get_by_text("film.webm", exact=True).click()
    film = desk.page.get_by_role("region", name="Preview").locator("video")
    expect(film).to_be_visible()
    played = film.evaluate(
        """async (film) => {
          film.muted = true;
          const ended = new Promise((done, fail) => { film.onended = done; film.onerror = () => fail(film.error); });
          await film.play();
          await ended;
          return [film.videoWidth, film.videoHeight, film.currentTime];
        }"""
    )
    assert played[:2] == [64, 48]
    assert played[2] > 0.5


def rows_of(document):
    return document if isinstance(document, list) else document.get("runs", document)


def centre(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drawn(desk):
    """Names of those runs on screen whose curves are drawn."""
    shown = desk.parameters()["shown"].removeprefix("only-").split(",")
    links = [desk.page.locator(f"#run-{uid} a") for uid in shown]
    return [link.get_attribute("title") for link in links if link.count()]
