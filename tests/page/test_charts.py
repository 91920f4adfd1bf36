"""Charts tell the truth: no spike vanishes, what is not finite has a mark, one cursor and one zoom run through all."""

from __future__ import annotations

import re

from playwright.sync_api import expect


def charts(desk):
    return desk.page.get_by_role("region", name="Charts by key")


def card(desk, key):
    return charts(desk).get_by_role("region", name=key)


def hover(desk, key, share=0.5, height=0.5):
    box = card(desk, key).locator(".u-over").bounding_box()
    desk.page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * height)
    return box


def test_wish_14_a_spike_of_one_point_is_in_the_picture(desk):
    desk.open("?experiment=vision/cifar10&query=tags+contains+best&layout=charts")
    expect(card(desk, "val/loss").get_by_role("img")).to_have_attribute("aria-label", re.compile("max 9"))


def test_wish_15_smoothing_is_off_until_chosen_and_says_how_much(desk):
    desk.open("?experiment=vision/cifar10")
    button = desk.page.get_by_role("button", name="Smoothing")
    expect(button).to_have_text("Smoothing")
    button.click()
    desk.page.get_by_role("button", name=re.compile("Gaussian")).click()
    expect(button).to_have_text("Smoothing 10")
    assert desk.parameters()["smooth"] == "gaussian-10"


def test_wish_17_a_zoom_in_one_chart_is_one_in_all_and_back_undoes_it(desk):
    desk.open("?experiment=vision/cifar10")
    expect(card(desk, "val/loss").locator("canvas")).to_be_visible()
    box = hover(desk, "val/loss", 0.3)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=5)
    desk.page.mouse.up()
    expect(desk.page.get_by_role("button", name="Zoomed")).to_be_visible()
    low, high = map(float, desk.parameters()["zoom"].split("~"))
    assert 120 < low < 240 < high < 420
    desk.page.go_back()
    expect(desk.page.get_by_role("button", name="Zoomed")).to_have_count(0)


def test_wish_18_the_tooltip_is_sorted_and_held_by_a_click(desk):
    desk.open("?experiment=vision/cifar10")
    expect(card(desk, "val/loss").locator("canvas")).to_be_visible()
    hover(desk, "val/loss")
    tip = desk.page.locator(".tip")
    expect(tip).to_be_visible()
    expect(tip.locator("h4")).to_contain_text("step")
    values = [float(text) for text in tip.locator("b").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    expect(tip.locator(".near")).to_have_count(1)
    desk.page.mouse.down()
    desk.page.mouse.up()
    desk.page.mouse.move(10, 400)
    expect(tip).to_be_visible()


def test_wish_19_from_a_line_to_its_run(desk):
    desk.open("?experiment=vision/cifar10")
    expect(card(desk, "val/loss").locator("canvas")).to_be_visible()
    hover(desk, "val/loss")
    expect(desk.page.locator(".tip")).to_be_visible()
    desk.page.mouse.down()
    desk.page.mouse.up()
    desk.page.locator(".tip > button").first.click()
    desk.page.get_by_role("button", name="Only this").click()
    expect(desk.page.get_by_role("button", name=re.compile("runs shown on charts"))).to_have_text("1 of 24 on charts")


def test_wish_21_tooltips_can_be_off(desk):
    desk.open("?experiment=vision/cifar10")
    desk.page.keyboard.press("Control+k")
    desk.page.keyboard.type("tooltips")
    desk.page.keyboard.press("Enter")
    expect(card(desk, "val/loss").locator("canvas")).to_be_visible()
    hover(desk, "val/loss")
    expect(desk.page.locator(".tip")).to_have_count(0)


def test_wish_22_the_legend_has_its_own_room(desk):
    desk.open("?experiment=vision/cifar10&layout=charts")
    expect(charts(desk).locator("[data-line]")).to_have_count(8)


def test_wish_13_x_by_time_since_the_start(desk):
    desk.open("?experiment=vision/cifar10&layout=charts")
    desk.page.get_by_role("button", name="x axis").click()
    desk.page.get_by_role("button", name=re.compile("active time")).click()
    expect(card(desk, "val/loss").locator("canvas")).to_be_visible()
    expect(card(desk, "val/loss").get_by_role("img")).to_have_attribute("aria-label", re.compile("last"))
    assert desk.parameters()["x"] == "active"


def test_wish_30_and_31_marks_and_logarithms_say_what_they_do(desk):
    desk.open("?experiment=vision/cifar10&query=tags+contains+best&layout=charts&logy=1")
    expect(card(desk, "val/loss")).to_contain_text("1 not finite")
    expect(card(desk, "val/loss")).to_contain_text("log y")
    expect(card(desk, "val/acc")).to_contain_text("symlog y: 1 points ≤ 0")


def test_wish_12_groups_are_bands_of_all_their_members(desk):
    desk.open("?experiment=vision/cifar10&layout=charts&group=params.optimizer%2Fname")
    expect(card(desk, "val/loss")).to_contain_text("mean ± 95 % CI of up to 12")


def test_wish_35_only_what_is_on_screen_is_drawn(desk):
    desk.open("?experiment=vision/cifar10&keys=nothing")
    expect(charts(desk)).to_contain_text("No key answers")
    expect(charts(desk).locator("canvas")).to_have_count(0)


def test_charts_are_enlarged_and_downloaded(desk):
    desk.open("?experiment=vision/cifar10&layout=charts")
    expect(card(desk, "val/loss").locator("canvas")).to_be_visible()
    for item, end in (("PNG", "png"), ("SVG", "svg"), ("CSV of what is drawn", "csv")):
        card(desk, "val/loss").get_by_role("button", name=re.compile("Download")).click()
        with desk.page.expect_download() as waiting:
            desk.page.get_by_role("button", name=item, exact=True).click()
        assert waiting.value.suggested_filename == f"val_loss.{end}"
        content = waiting.value.path().read_bytes()
        assert content.startswith({"png": b"\x89PNG", "svg": b"<svg ", "csv": b"run,step,value"}[end])
    card(desk, "val/loss").get_by_role("button", name="Enlarge val/loss").click()
    expect(desk.page.get_by_role("dialog", name="val/loss").locator("canvas")).to_be_visible()
    assert desk.parameters()["chart"] == "val/loss"


def test_wish_13_the_unit_of_time_is_chosen_and_stays_in_the_address(desk):
    desk.open("?experiment=vision/cifar10&layout=charts&x=relative")
    desk.page.get_by_role("button", name="x axis").click()
    desk.page.get_by_role("group", name="Unit of time").get_by_role("button", name="min", exact=True).click()
    assert desk.parameters()["unit"] == "min"
    desk.page.keyboard.press("Escape")
    expect(card(desk, "val/loss").get_by_role("img")).to_have_attribute("aria-label", re.compile("last"))
    hover(desk, "val/loss")
    expect(desk.page.locator(".tip h4")).to_have_text(re.compile(r"^[\d.]+ min after the start$"))


def legend(desk):
    return [text.strip() for text in desk.page.locator("[data-line]").all_inner_texts()]


def test_wish_22_the_legend_is_ordered_by_drag_and_by_keys(desk):
    desk.open("?experiment=vision/cifar10&layout=charts")
    chips = desk.page.locator("[data-line]")
    expect(chips).to_have_count(8)
    before = legend(desk)
    chips.nth(3).drag_to(chips.nth(0))
    expect(chips.nth(0)).to_have_text(before[3])
    assert legend(desk) == [before[3], *before[:3], *before[4:]]
    chips.nth(0).focus()
    desk.page.keyboard.press("Shift+ArrowRight")
    expect(chips.nth(1)).to_have_text(before[3])
    expect(chips.nth(1)).to_be_focused()
    desk.page.reload()
    expect(chips).to_have_count(8)
    assert legend(desk) == [before[0], before[3], *before[1:3], *before[4:]]
    desk.page.get_by_role("button", name="Legend", exact=True).click()
    desk.page.get_by_role("button", name="In the table's order again").click()
    expect(chips.nth(1)).to_have_text(before[1])
    assert "order" not in desk.parameters()


def test_wish_22_lines_are_called_by_a_template(desk):
    desk.open("?experiment=vision/cifar10&layout=charts&columns=status")
    desk.page.get_by_role("button", name="Legend", exact=True).click()
    desk.page.get_by_role("textbox", name="Names of lines").fill("lr={params.lr} s{params.seed} {nmae}")
    first = desk.page.locator("[data-line]").first
    expect(first).to_have_text(re.compile(r"^lr=[\d.e-]+ s\d+ \{nmae\}$"))
    desk.page.keyboard.press("Escape")
    hover(desk, "val/loss")
    expect(desk.page.locator(".tip > button").first).to_contain_text("lr=")
    desk.page.reload()
    expect(first).to_have_text(re.compile(r"^lr=[\d.e-]+ s\d+ "))
