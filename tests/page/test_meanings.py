"""What `define_metric` says, in the page: which values are the best ones, and what a chart is drawn over."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.page.conftest import WIDE, Desk
from tests.server.live import serving

import runlore


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A server over four runs that say what their metrics mean. Of `points` and `score` no name tells what is best."""
    store = str(tmp_path_factory.mktemp("meanings") / "store")
    for seed in range(4):
        with runlore.start("speech", name=f"seed{seed}", store=store, capture=False, params={"seed": seed}) as run:
            run.define_metric("score", x="epoch", best="min")
            for step in range(60):
                values = {"epoch": step / 10, "score": 5 - seed + 1 / (1 + step), "points": seed + step / 60}
                run.log_metrics(values, step=step * 7)
    with serving(store) as address:
        yield address


@pytest.fixture
def speech(browser, spoken):
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    made = Desk(context.new_page(), spoken)
    yield made.open("?experiment=speech&columns=metrics.score,metrics.points")
    context.close()
    assert made.complaints == []


def best_of(desk, column):
    """The run whose cell of a column is marked as the best one."""
    return desk.page.eval_on_selector_all(
        "[role=row][id^=run-]",
        """(rows, column) => rows
            .filter(row => +getComputedStyle(row.querySelectorAll('[role=gridcell]')[column].querySelector('span') ??
                row.querySelectorAll('[role=gridcell]')[column]).fontWeight >= 600)
            .map(row => row.querySelector('a').title.split('\\n')[0])""",
        column,
    )


def test_the_best_value_of_a_column_is_the_one_that_was_named_so(speech):
    assert best_of(speech, 0) == ["seed3"]
    assert best_of(speech, 1) == []  # nobody said what is best


def test_a_chart_is_drawn_over_the_metric_that_was_named_and_says_so(speech):
    chart = speech.page.get_by_role("region", name="score")
    expect(chart.get_by_text("over epoch")).to_be_visible()
    expect(speech.page.get_by_role("region", name="points").get_by_text("over")).to_have_count(0)
    box = chart.get_by_role("img").bounding_box()
    speech.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(speech.page.get_by_text(re.compile(r"^epoch [23]"))).to_be_visible()


def test_another_x_that_is_chosen_holds_for_all_charts(speech):
    speech.page.get_by_text("x: step").click()
    speech.page.get_by_role("button", name="Relative time").click()
    expect(speech.page.get_by_role("region", name="score")).to_be_visible()
    expect(speech.page.get_by_role("region", name="score").get_by_text("over epoch")).to_have_count(0)
