"""A store in a directory, through the contract of a store: runs, contents, claims, cards."""

from __future__ import annotations

import os
import shutil

import pytest

import runlore
from runlore.errors import ArtifactNotFound, DamagedFile, InvalidArgument, NotLocal, RunNotFound
from runlore.model import new_uid
from runlore.store import DirectoryStore, contents, open_store
from runlore.store.base import RecordedRun, Store
from runlore.store.cards import CardName
from runlore.store.directory import in_files
from runlore.store.sealed.sealing import seal_run
from runlore.versions import Version


@pytest.fixture
def store(tmp_path) -> DirectoryStore:
    return open_store(tmp_path / "store", create=True)


@pytest.fixture
def uids(store) -> list[str]:
    found = []
    for number in range(3):
        with runlore.start("a/b", store=store, capture=False, tags={"n": number}) as run:
            run.log_metrics({"loss": number, "acc": 1.0}, step=number)
        found.append(run.uid)
    return found


def test_a_directory_keeps_the_contract(store):
    assert isinstance(store, Store)
    assert not DirectoryStore.__abstractmethods__
    assert store.location == store.root
    assert open_store(store) is store


@pytest.mark.parametrize("sealed", [False, True])
def test_a_run_gives_what_it_recorded(store, uids, sealed):
    run = store.open_run(uids[1], experiment="a/b")
    if sealed:
        assert seal_run(store, run.directory).outcome == "sealed"
    assert isinstance(run, RecordedRun)
    assert run.location == run.directory == store.run_directory("a/b", uids[1])
    assert run.points(["loss"]).value.tolist() == [1.0]
    assert [event.value for event in run.events(["tag"])] == ["1"]
    assert run.start()["number"] == 2
    assert run.is_alive() == (False, "closed")
    follower = run.follow(["note"])
    assert follower.poll() == []
    time = run.annotate([("note", "note", "seen")], after_ns=2**62)
    assert time == 2**62 + 1
    assert [(event.time_ns, event.value) for event in follower.poll()] == [(time, "seen")]


def test_a_run_is_looked_for_where_it_should_be_or_everywhere(store, uids):
    assert store.open_run(uids[0]).directory == store.open_run(uids[0], experiment="a/b").directory
    for experiment in ("a", "a/b/c", "b"):
        with pytest.raises(RunNotFound, match="no run"):
            store.open_run(uids[0], experiment=experiment)
    for uid in (new_uid(), "", "..", f"../b/{uids[0]}", uids[0].upper()):
        for where in (None, "a/b"):
            with pytest.raises(RunNotFound):
                store.open_run(uid, experiment=where)


def test_several_runs_at_once_in_order_without_those_that_are_gone(store, uids):
    moved = store.run_directory("elsewhere", uids[2])
    os.makedirs(os.path.dirname(moved))
    os.rename(store.run_directory("a/b", uids[2]), moved)
    shutil.rmtree(store.run_directory("a/b", uids[1]))
    asked = [uids[2], new_uid(), "../..", uids[1], uids[0]]
    for experiment in ("a/b", None, "nothing"):
        points = {uid: found.value.tolist() for uid, found in store.points(asked, ["loss"], experiment=experiment)}
        assert list(points.items()) == [(uids[2], [2.0]), (uids[0], [0.0])]
        events = [(uid, [item.value for item in found]) for uid, found in store.events(asked, ["tag"])]
        assert events == [(uids[2], ["2"]), (uids[0], ["0"])]


def test_a_second_writer_records_and_keeps_the_run_alive(store, uids):
    run = store.open_run(uids[0])
    writer = run.record()
    writer.columns({"rank": 1})
    writer.scalar("loss", 5, step=7)
    writer.row({"loss": 6.0, "acc": 2.0}, step=8)
    assert writer.event("note", "note", "hello", time_ns=5) is True
    assert run.is_alive() == (True, "lock")
    writer.close()
    writer.close()
    assert writer.lost == 0
    assert run.is_alive() == (False, "closed")
    assert run.points(["loss"]).value.tolist() == [0.0, 5.0, 6.0]
    assert [event.extra for event in run.events(["note"])] == [{"rank": 1}]
    view = runlore.get_run(uids[0], store=store)
    assert (view.status, view.points, view.metrics["acc"]) == ("succeeded", 5, 2.0)


def test_a_run_in_which_nothing_was_recorded_is_taken_back(store):
    uid = new_uid()
    assert (store.create_run("x/y", uid), store.create_run("x/y", uid)) == (True, False)
    store.open_run(uid).record().discard()
    store.abandon_run("x/y", uid)
    assert not os.path.exists(store.run_directory("x/y", uid))
    store.abandon_run("x/y", uid)


def test_a_run_that_somebody_joined_is_not_taken_back(store):
    uid = new_uid()
    store.create_run("x", uid)
    writer = store.open_run(uid).record()
    store.abandon_run("x", uid)
    assert store.open_run(uid).is_alive()[0]
    writer.scalar("loss", 1.0)
    writer.close()
    store.abandon_run("x", uid)
    assert store.open_run(uid).points().value.tolist() == [1.0]


def test_contents_by_their_digest(store, tmp_path):
    digest, size = store.put_bytes(b"some weights")
    (tmp_path / "file").write_bytes(b"some weights")
    assert store.put_file(tmp_path / "file") == (digest, size) == (digest, 12)
    assert store.has_content(digest)
    with store.open_content(digest) as file:
        file.seek(5)
        assert file.read() == b"weights"
    with open(store.content_path(digest), "rb") as file:
        assert file.read() == b"some weights"
    missing = "0" * 64
    assert not store.has_content(missing)
    for ask in (store.open_content, store.content_path, lambda digest: contents.read_content(store, digest)):
        with pytest.raises(ArtifactNotFound, match=missing):
            ask(missing)
        with pytest.raises(ArtifactNotFound, match="passwd"):
            ask("../../etc/passwd")


def _overwrite(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"x")


def _cut(path: str) -> None:
    os.truncate(path, 3)


def _link(path: str) -> None:
    os.rename(path, path + "-real")
    os.symlink(path + "-real", path)


def _fifo(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path)


@pytest.mark.parametrize("damage", [_overwrite, _cut, _link, _fifo])
def test_contents_that_are_not_what_they_were_are_damage(store, tmp_path, damage):
    digest, _ = store.put_bytes(b"some weights")
    damage(store.blob_path(digest))
    target = str(tmp_path / "copy")
    for ask in (contents.read_content, contents.checked_path, lambda *a: contents.copy_content(*a, target)):
        with pytest.raises(DamagedFile):
            ask(store, digest)
    assert not [name for name in os.listdir(tmp_path) if name.startswith("copy")]


def test_claims(store):
    about = {"uid": new_uid()}
    assert store.claim("names", "résumé/1", about)
    assert not store.claim("names", "résumé/1", {})
    assert store.claimed("names", "résumé/1") == {**about, "name": "résumé/1"}
    assert store.claimed("other", "résumé/1") is None
    assert [item["name"] for item in store.claims("names")] == ["résumé/1"]
    assert not store.release("names", "résumé/1", {})
    assert store.release("names", "résumé/1", about)
    assert store.claims("names") == []


def test_cards(store):
    card = CardName("model", "a/b", "tree")
    first = store.claim_version(card, lambda taken: Version.parse("1.0.0") if not taken else taken[0])
    assert store.versions_taken(card) == [first]
    about = {"uid": new_uid(), **card._asdict(), "version": "1.0.0", "created_ns": 5, "metadata": {}, "inputs": []}
    store.complete_card(card, first, about)
    store.annotate_card(card, "1.0.0", about["uid"], [("note", "note", "good")])
    found = runlore.registry.get(*card, store=store)
    assert (found.uid, found.note) == (about["uid"], "good")
    assert found.directory == store.card_directory(card, "1.0.0")


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "https://host/base", "s3://bucket"])
def test_the_address_of_a_server_says_what_is_possible(address):
    with pytest.raises(InvalidArgument, match="a directory of this machine is needed"):
        open_store(address)


def test_what_is_no_kind_of_store_is_refused_when_a_run_starts(monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", "s3://bucket")
    with pytest.raises(InvalidArgument, match="server"):
        runlore.start("iris")


def test_what_works_on_files_says_so_of_a_store_without(store):
    class Elsewhere(Store):
        location = "https://host"

    Elsewhere.__abstractmethods__ = frozenset()
    assert in_files(store, "sealing") is store
    with pytest.raises(NotLocal, match=r"sealing works on the files .*https://host"):
        in_files(Elsewhere(), "sealing")
    with pytest.raises(NotLocal, match="no directory"):
        Elsewhere().card_directory(CardName("model", "a", "b"), "1.0.0")
