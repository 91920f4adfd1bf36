from __future__ import annotations

import os
import shutil

from stores import record, session

import runlore
from runlore.housekeeping import repair_numbers
from runlore.housekeeping.numbering import wrong_numbers


def rsync(source: str, target: str) -> None:
    """As `rsync -a source/runs/ target/runs/`."""
    shutil.copytree(os.path.join(source, "runs"), os.path.join(target, "runs"), dirs_exist_ok=True)


def test_copied_runs_get_numbers_of_their_own(root, tmp_path):
    other = str(tmp_path / "other")
    ours = [record(root) for _ in range(2)]
    theirs = [record(other) for _ in range(3)]
    rsync(other, root)
    assert sorted(runlore.runs(store=root)["run"]) == [1, 1, 2, 2, 3]
    assert {item.uid for item in wrong_numbers(session(root))} == set(theirs)
    changed = repair_numbers(session(root))
    assert [(item.uid, item.old, item.new) for item in changed] == [(theirs[0], 1, 4), (theirs[1], 2, 5)] or [
        (item.uid, item.old, item.new) for item in changed
    ] == [(theirs[0], 1, 3), (theirs[1], 2, 4), (theirs[2], 3, 5)]
    numbers = runlore.runs(store=root).set_index("uid")["run"]
    assert sorted(numbers) == [1, 2, 3, 4, 5]
    assert [numbers[uid] for uid in ours] == [1, 2]
    assert repair_numbers(session(root)) == wrong_numbers(session(root)) == []


def test_the_old_number_is_remembered(root, tmp_path):
    other = str(tmp_path / "other")
    record(root)
    uid = record(other)
    rsync(other, root)
    repair_numbers(session(root))
    events = runlore.get_run(uid, store=root).events("attribute")
    assert [(event.key, event.value) for event in events] == [("number", 2), ("original_number", 1)]
    assert runlore.get_run("iris#2", store=root).status == "succeeded"


def test_numbers_without_claims_are_claimed(root):
    uids = [record(root) for _ in range(2)]
    shutil.rmtree(os.path.join(root, "numbers"))
    assert len(wrong_numbers(session(root))) == 2
    assert repair_numbers(session(root)) == []
    assert wrong_numbers(session(root)) == []
    assert runlore.get_run(record(root), store=root).number == 3
    assert [runlore.get_run(uid, store=root).number for uid in uids] == [1, 2]


def test_runs_that_begin_meanwhile_are_not_disturbed(root):
    record(root)
    with runlore.start("iris", store=root, capture=False) as run:
        assert repair_numbers(session(root)) == []
        assert run.number == 2
