from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import contents, everything, record, session
from tests.examples import examples

import runlore
from runlore import registry
from runlore.errors import InvalidArgument, StoreNotFound
from runlore.housekeeping import collect, examine, keep_best, merge
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_store


@pytest.fixture
def other(tmp_path) -> str:
    return str(tmp_path / "other")


def test_two_stores_become_one(root, other):
    record(root, artifact=b"ours", acc=0.1)
    record(other, artifact=b"theirs", acc=0.2)
    record(other, "deep/er", artifact=b"ours", acc=0.3)
    expected = everything(root) | everything(other)
    result = merge(session(root), other)
    assert (len(result.added), result.unchanged, result.blobs) == (2, 0, 1)
    assert everything(root) == expected
    assert examine(session(root)) == []


def test_twice_is_the_same_as_once(root, other):
    record(root)
    record(other, artifact=b"theirs")
    merge(session(root), other)
    before = everything(root), contents(root), sorted(runlore.runs(store=root)["run"])
    result = merge(session(root), other)
    assert (result.added, result.extended, result.unchanged, result.blobs, result.renumbered) == ([], [], 1, 0, [])
    assert (everything(root), contents(root), sorted(runlore.runs(store=root)["run"])) == before


def test_there_and_back_again(root, other):
    record(root)
    record(other)
    merge(session(root), other)
    merge(session(other), root)
    assert everything(root) == everything(other)
    for store in (root, other):
        assert sorted(runlore.runs(store=store)["run"]) == [1, 2]
        assert examine(session(store)) == []


def test_a_run_that_goes_on_there_is_extended_later(root, other):
    run = runlore.start("live", store=other, capture=False)
    run.log_metric("loss", 1, step=1)
    merge(session(root), other)
    assert len(runlore.get_run(run.uid, store=root).metric("loss")) == 1
    for step in range(2, 500):
        run.log_metric("loss", 1 / step, step=step)
    assert merge(session(root), other).extended == [run.uid]
    assert len(runlore.get_run(run.uid, store=root).metric("loss")) == 499
    run.finish()
    assert merge(session(root), other).extended == [run.uid]
    assert runlore.get_run(run.uid, store=root).status == "succeeded"
    assert merge(session(root), other).unchanged == 1


def edit(store: str, uid: str, tag: str) -> None:
    runlore.get_run(uid, store=store).set_tag(tag)


def add_points(store: str, uid: str, key: str) -> None:
    with runlore.resume(uid, store=store, capture=False) as run:
        run.log_metric(key, 0.25, step=7)


def seal(store: str, *_: str) -> None:
    seal_store(open_store(store))


STEPS = {
    "tag here": lambda a, b, uid: edit(a, uid, "here"),
    "tag there": lambda a, b, uid: edit(b, uid, "there"),
    "points here": lambda a, b, uid: add_points(a, uid, "here"),
    "points there": lambda a, b, uid: add_points(b, uid, "there"),
    "seal here": lambda a, b, uid: seal(a),
    "seal there": lambda a, b, uid: seal(b),
    "merge": lambda a, b, uid: merge(session(a), b),
    "merge back": lambda a, b, uid: merge(session(b), a),
}


def facts(store: str, uid: str) -> tuple[set, set]:
    """Every point and event of a run, whatever its place in files is."""
    view = runlore.get_run(uid, store=store)
    rows = view.data()
    points = {
        (row.key, row.step, row.value, row.time) for row in rows[rows["event"] == "metric"].itertuples(index=False)
    }
    events = {(event.writer, event.sequence, event.kind, event.key, str(event.value)) for event in view.events()}
    return points, events


@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=9))
@settings(deadline=None, max_examples=examples(20))
def test_whatever_happened_before_nothing_is_lost(tmp_path_factory, steps):
    """Edits, further points and sealing on both sides, in any order: the merged run has what both copies had."""
    folder = tmp_path_factory.mktemp("merge")
    here, there = str(folder / "here"), str(folder / "there")
    uid = record(here, loss=0.5)
    shutil.copytree(here, there)
    for step in steps:
        STEPS[step](here, there, uid)
    before = [facts(store, uid) for store in (here, there)]
    merge(session(here), there)
    points, events = facts(here, uid)
    assert points == before[0][0] | before[1][0]
    assert events == before[0][1] | before[1][1]
    assert merge(session(here), there).unchanged == 1
    merge(session(there), here)
    assert facts(there, uid) == (points, events)
    view = runlore.get_run(uid, store=here)
    assert view.points == len(points)
    assert examine(session(here)) == []


def test_what_was_removed_on_purpose_does_not_come_back(root, other):
    record(other, artifact=b"small", acc=0.1)
    record(other, artifact=b"best", acc=0.9)
    merge(session(root), other)
    keep_best(session(root), "iris", 1, metric="acc")
    collect(session(root), grace_s=0)
    assert len(contents(root)) == 1
    merge(session(root), other)
    assert len(contents(root)) == 1


def test_missing_contents_come_back(root, other):
    record(other, artifact=b"model")
    merge(session(root), other)
    shutil.rmtree(os.path.join(root, "blobs"))
    assert examine(session(root)) != []
    merge(session(root), other)
    assert examine(session(root)) == []


def test_damaged_contents_are_not_copied(root, other):
    record(root)
    record(other, artifact=b"model")
    (name,) = contents(other)
    path = os.path.join(other, "blobs", name[:2], name)
    os.chmod(path, 0o600)
    with open(path, "wb") as file:
        file.write(b"mode1")
    result = merge(session(root), other)
    assert result.damaged == [name]
    assert contents(root) == set()


def card(store: str, version: str) -> registry.Card:
    return registry.register("model", "space", "net", version=version, artifacts={"w": version.encode()}, store=store)


def test_cards_are_copied_and_conflicts_said(root, other):
    record(root)
    record(other)
    card(root, "1.0.0")
    card(other, "1.0.0")
    card(other, "1.1.0")
    result = merge(session(root), other)
    assert (result.cards, result.conflicts) == (1, ["cards/model/space/net/1.0.0"])
    assert registry.get("model", "space", "net", store=root).artifact("w").read_bytes() == b"1.1.0"
    assert merge(session(root), other).cards == 0


def test_what_was_said_of_a_card_is_added(root, other):
    record(root)
    record(other)
    mine = card(root, "1.0.0")
    theirs = shutil.copytree(mine.directory, mine.directory.replace(root, other))
    registry.tag(mine, "here")
    registry.tag(registry.get("model", "space", "net", store=other), "there")
    merge(session(root), other)
    assert set(registry.get("model", "space", "net", store=root).tags) == {"here", "there"}
    assert sorted(os.listdir(theirs)) == ["card.json", "journal"]


def test_stores_that_cannot_be_merged(root, other, tmp_path):
    record(root)
    with pytest.raises(InvalidArgument, match="the store itself"):
        merge(session(root), root)
    with pytest.raises(StoreNotFound):
        merge(session(root), other)
