from __future__ import annotations

import runlore


def test_tags_are_set_shown_and_removed(cli, runs):
    assert "tagged" in cli("tag", "iris#1", "good", "owner=ann=b").out
    assert cli("tag", "iris#1", "--json").json()["tags"] == {"good": "", "owner": "ann=b", "stage": "test"}
    cli("tag", "iris#1", "--remove", "stage", "-r", "owner")
    assert cli("tag", "iris#1").lines == ["good"]
    cli("tag", "iris#1", "stage=end")
    assert cli("tag", "iris#1").lines == ["good", "stage\tend"]
    assert cli("runs", "tags.good = ''", "--json").json()["runs"][0]["uid"] == runs[0]


def test_an_edit_leaves_the_status_as_it_was(cli, runs):
    before = runlore.get_run(runs[2])
    cli("tag", "iris#3", "x")
    cli("rename", "iris#3", "another name")
    after = runlore.get_run(runs[2])
    assert (after.status, after.ended_ns, after.name) == ("failed", before.ended_ns, "another name")


def test_notes(cli, runs):
    cli("note", "iris#1", "first")
    assert cli("note", "iris#1", "second", "--json").json()["notes"] == ["first", "second"]
    assert cli("note", "iris#1").lines == ["first", "second"]
    cli("note", "iris#2", "two\nlines\x1b[31m")
    assert cli("note", "iris#2").lines == ["two", "lines\\x1b[31m"]
    cli("note", "iris#1", "what it is", "--describe")
    assert runlore.get_run(runs[0]).description == "what it is"
    cli("note", "iris#1", "--describe", code=2)


def test_the_trash_and_back(cli, runs):
    assert "in the trash" in cli("delete", "iris#1", "iris#2").out
    assert [run["number"] for run in cli("runs", "-e", "iris", "--json").json()["runs"]] == [3]
    assert len(cli("runs", "deleted = true", "--json").json()["runs"]) == 2
    assert "in the trash" in cli("show", "iris#1").out
    (restored,) = cli("restore", "iris#1", "--json").json()["runs"]
    assert restored["deleted"] is False
    assert {run["number"] for run in cli("runs", "-e", "iris", "--json").json()["runs"]} == {1, 3}


def test_nothing_is_deleted_if_one_is_not_found(cli, runs):
    cli("delete", "iris#1", "iris#99", code=3)
    assert len(cli("runs", "-e", "iris", "--json").json()["runs"]) == 3


def test_the_archive(cli, runs):
    cli("archive", "iris#1")
    assert [run["number"] for run in cli("runs", "archived = true", "--json").json()["runs"]] == [1]
    cli("archive", "iris#1", "--undo")
    assert cli("runs", "archived = true", "--json").json()["runs"] == []
