"""One run: its overview, console, artifacts, and that nothing which a run brought can harm who looks at it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect
from tests.server.live import serving

import runlore

PROGRAM = r"""
import runlore, sys, time
begun = time.time()
run = runlore.start("printed", name="printer")
print("\x1b[1;31mred\x1b[0m start")
for i in range(101):
    sys.stdout.write(f"\rbar {i} %")
print()
for i in range(3000):
    print("line", i)
for i in range(20):
    run.log_metrics({f"system/gpu/{k}/utilization_percent": 96 - 60 * (k == 2) for k in range(4)}, time=begun + i)
print("\x1b[38;5;208mRuntimeError\x1b[0m: out of memory", file=sys.stderr)
run.finish()
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """A run that printed, in a store of its own: the address of its server, and its uid."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.py").write_text(PROGRAM)
    store = str(folder / "store")
    environment = {**os.environ, "RUNLORE_STORE": store}
    subprocess.run([sys.executable, "-u", "program.py"], cwd=folder, check=True, capture_output=True, env=environment)
    with serving(store) as address:
        yield address, runlore.runs(store=store).iloc[0]["uid"]


@pytest.fixture
def console(desk, printed):
    desk.address, uid = printed
    desk.open(f"runs/{uid}/console")
    return desk


def first(stored, query):
    return runlore.runs(query, store=stored).iloc[0]["uid"]


def test_the_overview_has_the_best_of_each_metric_and_all_params(desk, stored):
    uid = first(stored, "tags contains best")
    desk.open(f"runs/{uid}")
    expect(desk.page.get_by_role("heading", level=1)).to_contain_text("seed3")
    expect(desk.page.locator(".tile").first).to_contain_text("val/acc, max")
    expect(desk.page.get_by_role("complementary")).to_contain_text("lr")
    expect(desk.page.locator("tbody tr").filter(has_text="val/loss")).to_contain_text("9")


def test_wish_40_the_console_is_a_terminals(console):
    desk = console
    log = desk.page.get_by_role("log")
    expect(log).to_contain_text("RuntimeError: out of memory")
    assert log.locator(".own").get_attribute("style") == "--own: #ff8700;"
    desk.page.get_by_role("searchbox", name="Search the console").fill("red start")
    line = log.locator(".line").filter(has_text="red start")
    expect(line).to_have_count(1)
    red = line.locator(".fg-red.bold")
    expect(red).to_have_text("red")
    assert red.evaluate("e => getComputedStyle(e).color") != line.evaluate("e => getComputedStyle(e).color")
    expect(log.locator(".line").filter(has_text="bar 100 %")).to_have_count(1)
    expect(log.locator(".line").filter(has_text="bar 57 %")).to_have_count(0)


def test_wish_41_search_is_over_all_lines_and_jumps(console):
    desk = console
    desk.page.get_by_role("searchbox", name="Search the console").fill("line 17")
    expect(desk.page.get_by_role("status").filter(has_text="1 of 111")).to_be_visible()
    expect(desk.page.locator(".line.now")).to_contain_text("line 17")
    desk.page.get_by_role("button", name="First error").click()
    expect(desk.page.locator(".line").filter(has_text="RuntimeError")).to_be_visible()


def test_wish_42_gpus_are_one_chart_that_names_who_lags(console):
    desk = console
    desk.page.get_by_role("link", name="System").click()
    card = desk.page.get_by_role("region", name="system/gpu/*/utilization_percent")
    expect(card).to_contain_text("gpu 2: 36 %, others 96 %")
    expect(card.get_by_role("img", name="Means of 4 lanes")).to_be_visible()
    expect(desk.page.get_by_role("region", name="system/gpu/0/utilization_percent")).to_have_count(0)
    card.get_by_role("button", name="Each").click()
    expect(card.get_by_role("img", name="gpu 3: last 96")).to_be_visible()
    heat = card.get_by_role("img", name="Means of 4 lanes").bounding_box()
    desk.page.mouse.move(heat["x"] + 30, heat["y"] + heat["height"] * 0.6)
    expect(card).to_contain_text(re.compile(r"gpu 2 · .* · 36 %"))


def test_reproduce_shows_the_command_that_ran(console):
    console.page.get_by_role("button", name="Reproduce").click()
    dialog = console.page.get_by_role("dialog", name="Run it again")
    expect(dialog).to_contain_text("program.py")
    expect(dialog.get_by_role("button", name="Copy")).to_be_visible()


def test_a_run_that_failed_says_why(desk, tmp_path):
    def fail():
        raise ValueError("shapes 128x2048 and 1024x1000 do not fit")

    store = str(tmp_path / "store")
    with pytest.raises(ValueError, match="shapes"), runlore.start("x", store=store, capture=False) as run:
        fail()
    with serving(store) as desk.address:
        desk.open(f"runs/{run.uid}")
        note = desk.page.get_by_role("note", name="Why it ended")
        expect(note).to_contain_text("ValueError: shapes 128x2048 and 1024x1000 do not fit")
        note.get_by_text("Traceback", exact=True).click()
        expect(note).to_contain_text("in fail")
        desk.page.goto("about:blank")


def test_artifacts_are_shown_and_nothing_in_them_runs_here(desk, stored):
    uid = first(stored, "name = console")
    desk.open(f"runs/{uid}/artifacts")
    desk.page.get_by_role("button", name=re.compile("report.md")).click()
    expect(desk.page.get_by_role("region", name="Preview").locator("strong")).to_have_text("0.94")
    desk.page.get_by_role("button", name=re.compile("table.csv")).click()
    expect(desk.page.get_by_role("cell", name="a, b")).to_be_visible()
    desk.page.get_by_role("button", name=re.compile("page.html")).click()
    frame = desk.page.frame_locator("iframe")
    expect(frame.locator("p")).to_have_text("turned")
    expect(frame.locator("p")).to_have_attribute("title", "no cookies")
    expect(frame.locator("i")).to_have_text("no network")
    assert desk.page.evaluate("window.harmed") is None
    desk.complaints.clear()  # the browser says that it stopped the script's reach for this page


def test_an_artifact_is_downloaded_in_three_clicks(desk, stored):
    desk.open("?experiment=nlp/translation")
    desk.page.locator("[role=row][id^=run-] a").first.click()
    desk.page.get_by_role("link", name="Artifacts").click()
    with desk.page.expect_download() as waiting:
        desk.page.get_by_role("link", name="Download", exact=True).click()
    assert waiting.value.suggested_filename == "conf.yaml"


@pytest.mark.parametrize("tab", ["charts", "system", "console", "artifacts", "events", "code"])
def test_every_tab_opens_by_its_address(desk, stored, tab):
    desk.open(f"runs/{first(stored, 'tags contains best')}/{tab}")
    expect(desk.page.get_by_role("navigation", name="About this run").locator("[aria-current]")).to_have_text(
        tab, ignore_case=True
    )


def test_a_run_that_there_is_not_says_so(desk):
    desk.open("runs/ffffffffffffffffffffffffffffffff")
    expect(desk.page.get_by_role("alert")).to_be_visible()
    desk.complaints.clear()  # the browser names the 404
