"""Ids that users chose: they go with their runs into another store, and no run takes another one's."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import time

import pytest
from stores import record, session

import runlore
from runlore.dialects.luml.experiments.tracker import ExperimentTracker
from runlore.errors import AlreadyExists, InvalidArgument
from runlore.housekeeping import Clash, export_archive, import_archive, merge
from runlore.store import claims, open_store

ODD = ["Größe 深い", "a%2Fb", "..a", "x" * 300, "ab" * 16, "CON"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")


@pytest.fixture
def other(root, tmp_path) -> str:
    open_store(root, create=True)
    return str(tmp_path / "other")


def tracker(store: str) -> ExperimentTracker:
    return ExperimentTracker(f"sqlite://{store}")


def start(store: str, name: str, **static) -> str:
    """An experiment of LUML's with this id; the uid of its run."""
    with tracker(store) as luml:
        luml.start_experiment(name)
        for key, value in static.items():
            luml.log_static(key, value)
    return uid_of(store, name)


def uid_of(store: str, name: str) -> str:
    found = claims.claimed(store, "luml", name)
    assert found is not None
    return found["uid"]


def static(store: str, name: str) -> dict:
    return tracker(store).get_experiment(name)["static_params"]


def all_claims(store: str) -> dict:
    return {where: claims.claimed_at(store, where) for where in claims.every_claim(store)}


def test_ids_stay_taken_and_are_found(root, other):
    uid = start(other, "baseline", lr=0.1)
    result = merge(session(root), other)
    assert (result.claims, result.clashes) == (1, [])
    assert uid_of(root, "baseline") == uid
    assert static(root, "baseline") == {"lr": 0.1}
    with pytest.raises(AlreadyExists, match="'baseline' is taken"):
        tracker(root).start_experiment("baseline")


@pytest.mark.parametrize("name", ODD)
def test_whatever_the_id_is(root, other, name):
    uid = start(other, name)
    claims.claim(other, "a namespace / of its own", name, {"uid": uid})
    assert merge(session(root), other).claims == 2
    assert all_claims(root) == all_claims(other)
    assert tracker(root).get_experiment(name)["experiment_id"] == name


def test_twice_is_the_same_as_once_and_there_and_back(root, other):
    start(other, "theirs")
    start(root, "ours")
    merge(session(root), other)
    before = all_claims(root)
    assert merge(session(root), other)[:3] == ([], [], 1)
    assert merge(session(root), other).claims == 0
    assert all_claims(root) == before
    assert merge(session(other), root).claims == 1
    assert all_claims(other) == before


def test_runs_that_were_copied_before_get_their_claims_now(root, other):
    start(other, "baseline")
    shutil.copytree(os.path.join(other, "runs"), os.path.join(root, "runs"), dirs_exist_ok=True)
    result = merge(session(root), other)
    assert (result.unchanged, result.claims) == (1, 1)
    assert all_claims(root) == all_claims(other)


def test_an_id_that_means_different_runs_keeps_its_meaning_here_and_both_are_named(root, other):
    ours = start(root, "baseline", where="here")
    theirs = start(other, "baseline", where="there")
    before = all_claims(root), all_claims(other)
    for _ in range(2):
        result = merge(session(root), other)
        assert result.claims == 0
        assert result.clashes == [Clash("luml", "baseline", ours, "default#1", theirs, "default#2")]
        assert (all_claims(root), all_claims(other)) == before
    assert static(root, "baseline") == {"where": "here"}
    assert static(other, "baseline") == {"where": "there"}
    assert runlore.get_run(theirs, store=root).params == {"where": "there"}
    assert static(root, theirs) == {"where": "there"}


def test_a_claim_whose_run_is_gone_here_gives_way(root, other):
    claims.claim(root, "luml", "baseline", {"uid": "0" * 32, "time_ns": 0})
    theirs = start(other, "baseline", where="there")
    result = merge(session(root), other)
    assert (result.claims, result.clashes) == (1, [])
    assert uid_of(root, "baseline") == theirs
    assert static(root, "baseline") == {"where": "there"}


def test_a_claim_of_a_run_that_is_just_being_started_here_does_not_give_way(root, other):
    claims.claim(root, "luml", "baseline", {"uid": "0" * 32, "time_ns": time.time_ns()})
    theirs = start(other, "baseline")
    result = merge(session(root), other)
    assert result.clashes == [Clash("luml", "baseline", "0" * 32, None, theirs, "default#1")]
    assert uid_of(root, "baseline") == "0" * 32


def test_a_claim_without_its_run_stays_where_it_is(root, other):
    record(other)
    claims.claim(other, "luml", "under way", {"uid": "0" * 32, "time_ns": time.time_ns()})
    assert merge(session(root), other).claims == 0
    assert all_claims(root) == {}


def test_an_id_that_was_freed_here_is_not_taken_again(root, other):
    start(other, "baseline", where="there")
    merge(session(root), other)
    tracker(root).delete_experiment("baseline")
    assert merge(session(root), other).claims == 0
    start(root, "baseline", where="here")
    assert static(root, "baseline") == {"where": "here"}


def test_a_run_in_the_trash_holds_no_id(root):
    deleted = start(root, "baseline", lr=0.1)
    runlore.get_run(deleted, store=root).delete()
    assert start(root, "baseline", lr=0.2) != deleted
    assert static(root, "baseline") == {"lr": 0.2}


def test_groups_are_described_here_too_and_not_anew(root, other):
    for store, groups in ((root, {"both": "ours"}), (other, {"both": "theirs", "new": "more"})):
        for name, description in groups.items():
            tracker(store).create_group(name, description)
    result = merge(session(root), other)
    assert (result.claims, result.clashes) == (1, [])
    assert [(group["name"], group["description"]) for group in tracker(root).list_groups()] == [
        ("both", "ours"), ("new", "more"),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"name": 3, "uid": "x"}', b"\xff"])
def test_a_damaged_claim_is_left_out_and_said(root, other, content):
    for name in ("a", "b"):
        start(other, name)
    with open(os.path.join(other, "claims", "luml", "a", "about"), "wb") as file:
        file.write(content)
    result = merge(session(root), other)
    assert (result.claims, result.damaged) == (1, ["claims/luml/a"])
    assert list(all_claims(root)) == ["luml/b"]


def test_a_claim_that_was_moved_does_not_change_what_a_name_means(root, other):
    start(other, "a")
    os.rename(os.path.join(other, "claims", "luml", "a"), os.path.join(other, "claims", "luml", "b"))
    assert merge(session(root), other).damaged == ["claims/luml/b"]
    assert all_claims(root) == {}


def pack(store: str, *uids: str) -> io.BytesIO:
    target = io.BytesIO()
    export_archive(open_store(store), [runlore.get_run(uid, store=store) for uid in uids], target)
    target.seek(0)
    return target


def test_archives_carry_the_ids_of_their_runs(root, other):
    uid = start(other, "größe", lr=0.1)
    start(other, "left out")
    result = import_archive(session(root), pack(other, uid))
    assert (len(result.added), result.claims) == (1, 1)
    assert [about["name"] for about in claims.claims(root, "luml")] == ["größe"]
    assert import_archive(session(root), pack(other, uid)).claims == 0
    with pytest.raises(AlreadyExists):
        tracker(root).start_experiment("größe")


def test_a_damaged_claim_does_not_keep_runs_from_being_archived(root, other):
    uid = start(other, "a")
    start(other, "torn")
    with open(os.path.join(other, "claims", "luml", "torn", "about"), "w"):
        pass
    assert import_archive(session(root), pack(other, uid)).claims == 1


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        (b'{"name": "a", "uid": "00000000000000000000000000000000"}', "not in it"),
        (b'{"name": "a"}', "not in it"),
        (b'{"name": "b", "uid": "%s"}', "is no claim"),
        (b"{", "is no claim"),
    ],
)
def test_an_archive_claims_names_for_its_own_runs_only(root, other, about, problem):
    uid = start(other, "mine")
    target = io.BytesIO()
    with tarfile.open(fileobj=pack(other, uid)) as source, tarfile.open(fileobj=target, mode="w") as archive:
        for member in source:
            archive.addfile(member, source.extractfile(member) if member.isreg() else None)
        member = tarfile.TarInfo("claims/luml/a/about")
        content = about.replace(b"%s", uid.encode())
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    target.seek(0)
    with pytest.raises(InvalidArgument, match=problem):
        import_archive(session(root), target)
    assert (all_claims(root), list(runlore.runs(store=root)["uid"])) == ({}, [])
