from __future__ import annotations

import pytest

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


@pytest.fixture
def odd(store) -> str:
    """A run whose artifacts have names that logging accepts and no file can have."""
    with runlore.start("odd", capture=False) as run:
        for name in ("a/" * 2000 + "b", "n" * 300 + ".png", "plots/" + "x" * 400, "z", "z/inner", "größe"):
            run.log_artifact(name[:5].encode(), name)
    return run.uid


def test_names_that_no_file_can_have_are_shortened_and_said(cli, odd, tmp_path):
    printed = cli("artifacts", "odd#1", "get", "--to", "out", code=1)
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert len(files) == 6
    assert {"z/inner", "größe"} <= set(files)
    assert printed.err.count("saved as ") == 4
    assert len(printed.lines) == 6
    document = cli("artifacts", "odd#1", "get", "--to", "out", "--force", "--json", code=1).json()
    assert sorted(item["path"].partition("/out/")[2] for item in document["renamed"]) == [""] * 4
    assert {item["path"] for item in document["renamed"]} == set(files) - {"z/inner", "größe"}
    assert document["failed"] == []
    assert len(document["files"]) == 6
    assert cli("artifacts", "odd#1", "get", "größe", "--to", "other").err == ""


def test_what_cannot_be_copied_costs_nothing_else(cli, odd, tmp_path):
    digest = runlore.get_run(odd).artifact("größe").digest
    (tmp_path / ".runlore" / "blobs" / digest[:2] / digest).unlink()
    printed = cli("artifacts", "odd#1", "get", "gr*", "z/*", "--to", "out", code=1)
    assert (tmp_path / "out" / "z" / "inner").exists()
    assert printed.err.startswith("runlore: 'größe' was not copied: artifact 'größe' cannot be read")
    assert printed.err.count("\n") == 1
    document = cli("artifacts", "odd#1", "get", "gr*", "z/*", "--to", "out2", "--json", code=1).json()
    assert [item["name"] for item in document["failed"]] == ["größe"]
    cli("artifacts", "odd#1", "get", "größe", "--to", "out3", code=3)


def test_nothing_is_copied_where_one_would_be_replaced(cli, odd, tmp_path):
    (tmp_path / "out" / "z").mkdir(parents=True)
    (tmp_path / "out" / "z" / "inner").write_text("mine")
    assert "Nothing was copied" in cli("artifacts", "odd#1", "get", "--to", "out", code=1).err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["z"]


def test_the_contents_of_cards_likewise(cli, store, tmp_path):
    name = "w" * 300
    runlore.registry.register("model", "s", "n", artifacts={name: b"1", "b": b"2"})
    printed = cli("card", "download", "model/s/n", "--to", "out", code=1)
    assert (tmp_path / "out" / "b").exists()
    assert "saved as 'www" in printed.err
    assert len(list((tmp_path / "out").iterdir())) == 2
