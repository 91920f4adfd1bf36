"""The workspace: table, query, groups, selection, and that the address holds all of it. Named after the wishes met."""

from __future__ import annotations

import re
import threading

import pytest
from playwright.sync_api import expect

NAMES = "resnet50-imagenet-pretrained-"


def column(desk, index):
    return desk.page.locator(f"[role=gridcell][aria-colindex='{index}']")


def header(desk, title):
    return desk.page.get_by_role("columnheader").filter(has_text=title)


def test_runs_and_charts_are_seen_first(desk):
    desk.open()
    expect(desk.page.locator("[role=row][id^=run-]")).to_have_count(25)
    expect(desk.page.get_by_role("region", name="Charts by key").locator("canvas").first).to_be_visible()
    assert desk.rows()[0] == "console"


def test_wish_1_the_best_value_instead_of_the_last_by_one_menu(desk):
    desk.open("?experiment=vision/cifar10&layout=table")
    title = header(desk, "val/loss").first
    title.hover()
    title.get_by_role("button", name="Column val/loss").click()
    desk.page.get_by_role("button", name="min value").click()
    expect(header(desk, "val/loss").filter(has_text="min")).to_be_visible()
    assert "metrics.val/loss:min" in desk.parameters()["columns"]
    expect(desk.page.locator("[role=gridcell]").filter(has_text=re.compile(r"^0\.\d{4}$")).first).to_be_visible()


def test_wish_1_the_value_where_another_metric_is_best(desk):
    desk.open("?experiment=vision/cifar10&layout=table&columns=metrics.val/loss@max(val/acc)")
    expect(header(desk, "at max of val/acc")).to_be_visible()
    expect(column(desk, 2).filter(has_text=re.compile(r"\d")).first).to_be_visible()


def test_wish_1_a_link_with_a_best_value_has_it_for_every_run(desk):
    desk.open("?layout=table&columns=metrics.val/loss:min&sort=metrics.val/loss:min&experiment=vision/cifar10")
    expect(column(desk, 2).filter(has_text=re.compile(r"\d"))).to_have_count(24)


def test_wish_2_groups_show_mean_spread_and_count(desk):
    desk.open("?experiment=vision/cifar10&layout=table")
    desk.page.get_by_role("button", name="Group").click()
    desk.page.locator(".item").filter(has_text="optimizer/name").click()
    desk.page.keyboard.press("Escape")
    group = desk.page.locator(".row.group")
    expect(group).to_have_count(2)
    expect(group.first).to_contain_text("12")
    expect(group.first).to_contain_text("±")
    colours = group.locator(".fold i").evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
    assert len(set(colours)) == 2
    group.first.get_by_role("button").click()
    expect(group.first.get_by_role("button")).to_have_attribute("aria-expanded", "false")


def test_wish_3_params_sort_as_numbers_whichever_way(desk):
    desk.open("?experiment=vision/cifar10&layout=table&columns=params.lr&sort=params.lr")
    assert "lr0.001" in desk.rows()[0]
    header(desk, "lr").get_by_role("button").first.click()
    expect(header(desk, "lr")).to_have_attribute("aria-sort", "descending")
    assert "lr0.1-" in desk.rows()[0]


def test_wish_4_a_query_is_typed_and_entered(desk):
    desk.open()
    desk.page.keyboard.press("/")
    desk.page.keyboard.type("params.lr < 0.01 and tags contains best")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("[role=row][id^=run-]")).to_have_count(1)
    assert desk.parameters()["query"] == "params.lr < 0.01 and tags contains best"


def test_wish_4_an_error_stands_at_its_place_and_nothing_is_lost(desk):
    desk.open()
    desk.page.get_by_role("combobox", name="Query").fill("statsu = failed")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("#query-error")).to_contain_text("did you mean")
    expect(desk.page.locator(".squiggle")).to_be_visible()
    expect(desk.page.locator("[role=row][id^=run-]")).to_have_count(25)


def test_wish_4_completion_offers_what_the_store_has(desk):
    desk.open()
    desk.page.get_by_role("combobox", name="Query").press_sequentially("metrics.val/a")
    option = desk.page.get_by_role("option").filter(has_text="val/acc").first
    expect(option).to_be_visible()
    desk.page.keyboard.press("Tab")
    assert desk.page.get_by_role("combobox", name="Query").input_value().startswith("metrics.val/acc")


def test_wish_4_plain_words_look_for_names(desk):
    desk.open()
    desk.page.get_by_role("combobox", name="Query").fill("sgd-lr0.1")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("[role=row][id^=run-]")).to_have_count(4)


def test_wish_5_a_baseline_stays_on_top_and_others_show_their_difference(desk):
    desk.open("?experiment=vision/cifar10&layout=table&sort=-metrics.val/acc")
    last = desk.page.locator("[role=row][id^=run-]").last
    uid = last.get_attribute("id").removeprefix("run-")
    desk.open(f"?experiment=vision/cifar10&layout=table&sort=-metrics.val/acc&baseline={uid}&query=params.seed+%3D+0")
    first = desk.page.locator(f"#run-{uid}")
    expect(first).to_have_attribute("aria-rowindex", "2")
    expect(first).to_contain_text("baseline")
    expect(desk.page.locator("[role=gridcell] small").first).to_contain_text(re.compile("[+\u2212]"))


def test_wish_6_columns_that_differ_are_there_and_constant_ones_are_not(desk):
    desk.open("?experiment=vision/cifar10&layout=table")
    titles = desk.page.locator("[role=columnheader]").all_inner_texts()
    assert any(title.startswith("lr") for title in titles)
    assert not any(title.startswith("epochs") for title in titles)
    desk.page.get_by_role("button", name="Columns").click()
    desk.page.get_by_role("searchbox", name="Search columns").fill("epochs")
    desk.page.get_by_role("checkbox", name=re.compile("epochs")).check()
    expect(header(desk, "epochs")).to_be_attached()
    desk.page.reload()
    desk.page.wait_for_selector("[role=grid]")
    assert "params.epochs" in desk.parameters()["columns"]


def test_wish_7_a_range_is_selected_and_only_these_are_shown(desk):
    desk.open("?experiment=vision/cifar10")
    rows = desk.page.locator("[role=row][id^=run-] .number")
    rows.nth(1).click()
    rows.nth(3).click(modifiers=["Shift"])
    expect(desk.page.get_by_role("toolbar")).to_contain_text("3 selected")
    desk.page.get_by_role("button", name="Only these on charts").click()
    desk.page.keyboard.press("Escape")
    expect(desk.page.get_by_role("button", name=re.compile("runs shown on charts"))).to_have_text("3 of 24 on charts")


def test_wish_9_names_lose_what_all_share_and_keep_their_ends(desk):
    desk.open("?experiment=vision/cifar10")
    shown = desk.page.locator("[role=row][id^=run-] a").first
    assert shown.get_attribute("title").startswith(NAMES)
    assert shown.inner_text().startswith("…")
    assert "seed3" in shown.inner_text()


def test_wish_11_how_many_are_drawn_is_said_and_all_can_be(desk):
    desk.open("?experiment=vision/cifar10")
    chip = desk.page.get_by_role("button", name=re.compile("runs shown on charts"))
    expect(chip).to_have_text("8 of 24 on charts")
    chip.click()
    desk.page.get_by_role("button", name=re.compile("^All")).last.click()
    expect(chip).to_have_text("24 of 24 on charts")


def test_wish_16_everything_comes_back_with_the_address_and_with_back(desk):
    desk.open("?experiment=vision/cifar10")
    desk.page.get_by_role("button", name="Log y").click()
    header(desk, "val/acc").get_by_role("button").first.click()
    address = desk.page.url
    desk.open(address.removeprefix(f"{desk.address}/"))
    expect(desk.page.get_by_role("button", name="Log y")).to_have_attribute("aria-pressed", "true")
    expect(header(desk, "val/acc").first).to_have_attribute("aria-sort", "descending")
    desk.page.get_by_role("button", name="Log y").click()
    desk.page.go_back()
    expect(desk.page.get_by_role("button", name="Log y")).to_have_attribute("aria-pressed", "true")


def test_wish_20_a_run_has_one_colour_everywhere(desk):
    desk.open("?experiment=vision/cifar10")
    row = desk.page.locator("[role=row][id^=run-]").nth(2)
    swatch = row.locator(".swatch i")
    colour = swatch.evaluate("e => getComputedStyle(e).backgroundColor")
    row.locator("a").click()
    expect(desk.page.locator("h1")).to_be_visible()
    assert desk.page.locator("header .swatch").evaluate("e => getComputedStyle(e).backgroundColor") == colour


def test_wish_46_a_run_of_elsewhere_is_added_by_its_link(desk):
    desk.open("?experiment=vision/cifar10")
    desk.page.get_by_role("button", name="Views, export and more").click()
    desk.page.get_by_role("textbox", name="Run to add").fill("nlp/translation#1")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("[role=row][id^=run-] a[title='console']")).to_be_visible()
    assert len(desk.parameters()["added"]) == 32


def test_wish_50_a_folder_is_enough(desk):
    desk.open("?query=number+%3D+-1")
    expect(desk.page.get_by_role("heading", name="No run answers this query")).to_be_visible()


def test_keys_move_select_and_open(desk):
    desk.open("?experiment=vision/cifar10")
    for key in ("j", "j", "x"):
        desk.page.keyboard.press(key)
    expect(desk.page.locator("[role=row][aria-selected=true]")).to_have_count(1)
    desk.page.keyboard.press("o")
    expect(desk.page.locator("h1")).to_be_visible()


def test_the_palette_finds_commands(desk):
    desk.open("?experiment=vision/cifar10")
    desk.page.keyboard.press("Control+k")
    desk.page.keyboard.type("group seed")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator(".row.group").first).to_be_visible()
    desk.page.keyboard.press("?")
    expect(desk.page.get_by_role("dialog", name="Keys")).to_be_visible()


@pytest.mark.parametrize("layout", ["table", "split", "charts"])
def test_a_phone_shows_one_thing_at_a_time(desk, layout):
    desk.page.set_viewport_size({"width": 390, "height": 844})
    desk.open(f"?layout={layout}")
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 390
    grid, charts = desk.page.locator("[role=grid]"), desk.page.get_by_role("region", name="Charts by key")
    assert (grid.count(), charts.count()) == ((0, 1) if layout == "charts" else (1, 0))


def test_what_is_waited_for_has_its_place_and_no_number(desk):
    held, let_through = [], threading.Event()

    def hold(route):
        if let_through.is_set():
            route.continue_()
        else:
            held.append(route)

    desk.page.route(re.compile("/table$"), hold)
    desk.page.goto(f"{desk.address}/?experiment=vision/cifar10")
    expect(desk.page.locator(".waiting p")).to_have_count(8)
    expect(desk.page.locator("footer")).to_contain_text("loading")
    expect(desk.page.locator("footer")).not_to_contain_text("runs")
    expect(desk.page.get_by_role("button", name=re.compile("on charts"))).to_have_count(0)
    let_through.set()
    for route in held:
        route.continue_()
    expect(desk.page.locator(".waiting")).to_have_count(0)
    expect(desk.page.locator("footer")).to_contain_text("24 runs")
