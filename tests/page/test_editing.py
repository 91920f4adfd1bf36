"""What people change on the page is in the store, and can be taken back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.page.conftest import WIDE, Desk, train
from tests.server.live import serving

import runlore


@pytest.fixture
def own(browser, tmp_path):
    store = str(tmp_path / "store")
    for seed in range(3):
        train(store, "iris", f"run-{seed}", lr=0.1, seed=seed, steps=3)
    with serving(store) as address:
        context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
        desk = Desk(context.new_page(), address)
        desk.store = store
        yield desk
        context.close()


def test_wish_8_names_and_tags_are_edited_in_the_table(own):
    own.open("?layout=table")
    own.page.keyboard.press("j")
    own.page.keyboard.press("e")
    own.page.get_by_role("textbox", name="Name").fill("better")
    own.page.keyboard.press("Enter")
    expect(own.page.locator("a[title='better']")).to_be_visible()
    own.page.keyboard.press("x")
    own.page.get_by_role("button", name="Tag", exact=True).click()
    own.page.get_by_role("textbox", name="Tag").fill("paper = fig-3")
    own.page.keyboard.press("Enter")
    expect(own.page.get_by_role("status").filter(has_text="Tagged 1 run")).to_be_visible()
    assert list(runlore.runs("tags.paper = 'fig-3'", store=own.store)["name"]) == ["better"]


def tags(desk, uid):
    return dict(runlore.get_run(uid, store=desk.store).tags)


def test_wish_8_a_tag_is_renamed_merged_and_brought_back(own):
    uids = list(runlore.runs(store=own.store)["uid"])
    runlore.get_run(uids[0], store=own.store).set_tags({"owner": "ana"})
    runlore.get_run(uids[1], store=own.store).set_tags({"owner": "bo", "who": "zoe"})
    own.open()
    own.page.get_by_role("button", name="Views, export and more").click()
    own.page.get_by_role("button", name="Tags: rename").click()
    dialog = own.page.get_by_role("dialog", name="Tags")
    dialog.get_by_label("Name of the tag owner").fill("who")
    dialog.get_by_role("button", name="Merge").click()
    expect(dialog.get_by_label("Name of the tag owner")).to_have_count(0)
    assert tags(own, uids[0]) == {"who": "ana"}
    assert tags(own, uids[1]) == {"who": "zoe"}
    own.page.keyboard.press("Escape")
    own.page.get_by_role("button", name="Undo").click()
    expect(own.page.get_by_text("Undone")).to_be_visible()
    assert tags(own, uids[1]) == {"owner": "bo", "who": "zoe"}


def test_wish_10_what_was_deleted_comes_back_by_undo(own):
    own.open("?layout=table")
    own.page.keyboard.press("j")
    own.page.keyboard.press("x")
    own.page.keyboard.press("Delete")
    expect(own.page.locator("[role=row][id^=run-]")).to_have_count(2)
    own.page.get_by_role("button", name="Undo").click()
    expect(own.page.locator("[role=row][id^=run-]")).to_have_count(3)
    assert len(runlore.runs(store=own.store)) == 3


def test_wish_7_archived_runs_are_out_of_the_way_until_asked_for(own):
    own.open("?layout=table")
    for key in ("j", "x", "a"):
        own.page.keyboard.press(key)
    expect(own.page.locator("[role=row][id^=run-]")).to_have_count(2)
    own.page.get_by_role("button", name="1 archived").click()
    expect(own.page.locator("[role=row][id^=run-]")).to_have_count(3)
    assert len(runlore.runs("archived = true", store=own.store)) == 1


def test_wish_10_a_pinned_run_is_not_deleted(own):
    own.open("?layout=table")
    for key in ("j", "x", "p", "Delete"):
        own.page.keyboard.press(key)
    expect(own.page.get_by_role("status").filter(has_text="unpin before deleting")).to_be_visible()
    assert len(runlore.runs(store=own.store)) == 3


def test_wish_25_a_view_is_saved_in_the_store(own):
    own.open("?layout=table&sort=-params.seed&columns=params.seed")
    own.page.get_by_role("button", name="Views, export and more").click()
    own.page.get_by_role("textbox", name="Name of the view").fill("by seed")
    own.page.keyboard.press("Enter")
    expect(own.page.get_by_role("status").filter(has_text="saved in the store")).to_be_visible()
    own.open()
    own.page.get_by_role("button", name="Views, export and more").click()
    own.page.get_by_role("button", name="by seed").first.click()
    assert own.parameters()["sort"] == "-params.seed"


def test_wish_34_new_runs_and_points_come_by_themselves(own):
    own.open()
    expect(own.page.locator("[role=row][id^=run-]")).to_have_count(3)
    run = runlore.start("iris", name="live", store=own.store, capture=False)
    run.log_metric("val/loss", 1.0, step=0)
    row = own.page.locator("[role=row][id^=run-]").filter(has_text="live")
    expect(row).to_contain_text("running", timeout=20_000)
    run.finish()
    expect(row).to_contain_text("succeeded", timeout=20_000)


def test_wish_13_progress_and_time_left_stand_beside_the_status(own):
    desk = own
    with runlore.start("tried", name="going", store=own.store, params={"max_steps": 400}, capture=False) as run:
        run.log_metric("loss", 1.0, step=100)
        desk.open("?columns=status")
        row = desk.page.get_by_role("row").filter(has_text="going")
        expect(row).to_contain_text(re.compile(r"running\s*25 % · .+"))
        desk.page.get_by_role("link", name="going").click()
        expect(desk.page.get_by_role("article")).to_contain_text(re.compile(r"running\s*25 % · .+"))
    expect(desk.page.get_by_role("article")).to_contain_text("succeeded")
    expect(desk.page.get_by_role("article")).not_to_contain_text("left")


def test_wish_34_memory_is_steady_while_points_come(own):
    """The short form of half an hour: a tenth of the heap is more than a leak-free page takes for a few points."""
    own.open()
    run = runlore.start("iris", name="live", store=own.store, capture=False)
    row = own.page.locator("[role=row][id^=run-]").filter(has_text="live")
    session = own.page.context.new_cdp_session(own.page)

    def log(steps):
        for step in steps:
            run.log_metric("val/acc", 100.0 + step, step=step)
            expect(row).to_contain_text(f"{100 + step}", timeout=20_000)
        session.send("HeapProfiler.collectGarbage")
        nodes = session.send("Memory.getDOMCounters")["nodes"]
        return session.send("Runtime.getHeapUsage")["usedSize"], nodes

    log(range(6))
    heap, nodes = log(range(6, 12))
    heap_after, nodes_after = log(range(12, 24))
    run.finish()
    assert heap_after < heap * 1.1
    assert nodes_after < nodes * 1.1


def test_wish_34_a_server_that_went_away_leaves_what_is_shown(own, tmp_path):
    own.open()
    expect(own.page.locator("[role=row][id^=run-]")).to_have_count(3)
    own.page.context.set_offline(offline=True)
    own.page.get_by_role("combobox", name="Query").fill("number = 1")
    own.page.keyboard.press("Enter")
    expect(own.page.get_by_role("status").filter(has_text="does not answer").first).to_be_visible()
    expect(own.page.locator("[role=row][id^=run-]")).to_have_count(3)
