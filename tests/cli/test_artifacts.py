from __future__ import annotations

import runlore


def test_artifacts_are_listed(cli, runs):
    printed = cli("artifacts", "iris#1")
    assert printed.lines[1].split()[:4] == ["notes/a.txt", "file", "10", "B"]
    (item,) = cli("artifacts", "iris#1", "--json").json()["artifacts"]
    assert (item["name"], item["size"], item["media_type"]) == ("notes/a.txt", 10, "text/plain")


def test_artifacts_are_copied_out(cli, runs, tmp_path):
    printed = cli("artifacts", "iris#1", "get", "--to", tmp_path / "out")
    assert (tmp_path / "out" / "notes" / "a.txt").read_text() == "notes of 1"
    assert str(tmp_path / "out" / "notes" / "a.txt") in printed.out


def test_one_artifact_on_stdout(cli, runs):
    assert cli("artifacts", "iris#2", "get", "notes/a.txt", "--to", "-").out == "notes of 2"


def test_the_latest_version_is_copied(cli, store, tmp_path):
    with runlore.start("versions", capture=False) as run:
        run.log_artifact(b"old", "a")
        run.log_artifact(b"new", "a")
        run.log_artifact(b"other", "b/c")
    document = cli("artifacts", "versions#1", "get", "a", "b*", "--to", tmp_path, "--json").json()
    assert [item["name"] for item in document["files"]] == ["a", "b/c"]
    assert (tmp_path / "a").read_text() == "new"


def test_files_are_not_replaced_unasked(cli, runs, tmp_path):
    cli("artifacts", "iris#1", "get", "--to", tmp_path)
    assert "--force" in cli("artifacts", "iris#2", "get", "--to", tmp_path, code=1).err
    assert (tmp_path / "notes" / "a.txt").read_text() == "notes of 1"
    cli("artifacts", "iris#2", "get", "--to", tmp_path, "--force")
    assert (tmp_path / "notes" / "a.txt").read_text() == "notes of 2"


def test_what_is_not_there(cli, runs):
    assert "did you mean 'notes/a.txt'?" in cli("artifacts", "iris#1", "get", "notes/b.txt", code=3).err
    cli("artifacts", "iris#1", "get", "x*", code=3)
    cli("artifacts", "iris#1", "fetch", code=2)
    assert "has no artifacts" in cli("artifacts", "vision/cifar 10#1").err
