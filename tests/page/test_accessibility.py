"""Nothing serious for those who do not see or point, in every view, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

import runlore

VIEWS = ["", "?layout=table&group=params.optimizer%2Fname", "?layout=charts&smooth=ema-0.6", "?query=number+%3D+-1"]
TABS = ["overview", "charts", "console", "artifacts", "events", "code"]


def serious(page):
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_the_workspace(desk, view, theme):
    desk.page.emulate_media(color_scheme=theme)
    desk.open(view)
    assert serious(desk.page) == []


@pytest.mark.parametrize("tab", TABS)
def test_a_run(desk, stored, tab):
    uid = runlore.runs("tags contains best", store=stored).iloc[0]["uid"]
    desk.open(f"runs/{uid}/{tab}")
    assert serious(desk.page) == []


def test_menus_and_dialogs(desk):
    desk.open()
    desk.page.get_by_role("button", name="Columns").click()
    assert serious(desk.page) == []
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("Control+k")
    desk.page.wait_for_selector("dialog")
    assert serious(desk.page) == []
