"""Columns of the table as people shape them, and what cells show besides numbers."""

from __future__ import annotations

from playwright.sync_api import expect

VISION = "?experiment=vision/cifar10&layout=table"


def header(desk, title):
    return desk.page.get_by_role("columnheader").filter(has_text=title).first


def titles(desk):
    return desk.page.eval_on_selector_all(
        "[role=columnheader][aria-colindex]", "all => all.map(one => one.querySelector('.title span').textContent)"
    )


def test_a_column_is_as_wide_as_it_was_drawn_and_the_address_keeps_it(desk):
    desk.open(VISION)
    before = header(desk, "val/acc").bounding_box()["width"]
    edge = header(desk, "val/acc").get_by_role("separator").bounding_box()
    x, y = edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    desk.page.mouse.move(x + 80, y, steps=4)
    desk.page.mouse.up()
    assert abs(header(desk, "val/acc").bounding_box()["width"] - before - 80) <= 1
    desk.page.reload()
    desk.page.wait_for_selector("[role=row][id^=run-]")
    assert abs(header(desk, "val/acc").bounding_box()["width"] - before - 80) <= 1


def test_a_column_is_made_wider_by_keys(desk):
    desk.open("?layout=table&columns=params.lr,metrics.val/acc")
    head = desk.page.get_by_role("columnheader").filter(has_text="lr")
    before = head.bounding_box()["width"]
    head.get_by_role("button", name="lr").focus()
    desk.page.keyboard.press("Shift+ArrowRight")
    desk.page.keyboard.press("Shift+ArrowRight")
    desk.page.keyboard.press("Shift+ArrowLeft")
    assert head.bounding_box()["width"] == before + 16
    assert desk.parameters()["widths"] == f"params.lr={before + 16:.0f}"
    head.get_by_role("separator").dblclick()
    assert head.bounding_box()["width"] == before


def test_a_column_is_dragged_to_another_place(desk):
    desk.open(VISION)
    before = titles(desk)
    last, first = before.index("val/loss"), before.index("val/acc")
    header(desk, "val/loss").drag_to(header(desk, "val/acc"))
    after = titles(desk)
    assert sorted(after) == sorted(before)
    assert (after.index("val/loss") < after.index("val/acc")) == (last > first)
    assert "columns" in desk.parameters()


def test_constant_columns_are_hidden_by_one_item(desk):
    desk.open(f"{VISION}&columns=status,params.epochs,params.lr")
    assert "epochs" in titles(desk)
    desk.page.get_by_role("button", name="Columns").click()
    desk.page.get_by_role("button", name="Hide constant columns").click()
    expect(header(desk, "epochs")).to_have_count(0)
    assert "lr" in titles(desk)


def test_cells_have_small_curves_also_after_scrolling(desk):
    desk.page.set_viewport_size({"width": 1440, "height": 400})
    desk.open(VISION)
    curves = desk.page.locator("[role=gridcell] svg path[stroke]")
    expect(curves.first).to_be_visible()
    desk.page.get_by_role("grid").evaluate("grid => { grid.scrollTop = grid.scrollHeight; }")
    last = desk.page.locator("[role=row][aria-rowindex='25'] [role=gridcell] svg path[stroke]")
    expect(last).to_be_visible()
    assert len(last.get_attribute("d")) > 50


def test_heat_shades_the_better_values_and_can_be_off(desk):
    desk.open(VISION)
    shaded = desk.page.locator("[role=gridcell] .heat")
    expect(shaded.first).to_be_visible()
    expect(desk.page.locator("[role=gridcell] .heat.best").first).to_be_visible()
    desk.page.get_by_role("button", name="Columns").click()
    desk.page.get_by_label("Shade metrics by value").uncheck()
    expect(shaded).to_have_count(0)
    assert "heat" in desk.parameters()


def test_shift_click_selects_runs_and_no_text(desk):
    desk.open(VISION)
    cells = desk.page.locator("[role=gridcell][aria-colindex='2']")
    cells.nth(1).click()
    cells.nth(4).click(modifiers=["Shift"])
    expect(desk.page.locator("[role=row][aria-selected=true]")).to_have_count(4)
    assert desk.page.evaluate("String(getSelection())") == ""


def test_there_are_no_more_rows_than_fit_wherever_one_scrolls(desk):
    desk.page.set_viewport_size({"width": 1440, "height": 300})
    desk.open(VISION)
    most, fit = desk.page.evaluate(
        """async () => {
          const grid = document.querySelector('[role=grid]');
          let most = 0;
          for (let i = 0; i < 40; i++) {
            grid.scrollTop = (i % 20) * 40;
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            most = Math.max(most, grid.querySelectorAll('[role=row][id^=run-]').length);
          }
          return [most, Math.ceil(grid.clientHeight / 30) + 13];
        }"""
    )
    assert 0 < most <= fit < 24


def test_small_sections_of_charts_stand_side_by_side(desk):
    desk.open("?layout=charts")
    sections = desk.page.locator("section[aria-label^='Section']")
    expect(sections).to_have_count(2)
    boxes = [sections.nth(i).bounding_box() for i in range(2)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert sum(box["width"] for box in boxes) > 1300
