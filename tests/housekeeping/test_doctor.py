from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from stores import contents, record, session

import runlore
from runlore import registry
from runlore.catalog import open_catalog
from runlore.errors import DamagedFile
from runlore.housekeeping import examine
from runlore.store import claims, open_store
from runlore.store.sealed.sealing import seal_store


def problems(root: str, **options) -> list[tuple[str, bool]]:
    return [(item.what, item.repaired) for item in examine(session(root), **options)]


def test_a_healthy_store(root):
    record(root, artifact=b"x")
    seal_store(open_store(root))
    record(root, artifact=b"x")
    assert problems(root) == []


def test_a_crash_is_no_damage(root):
    program = (
        f"import os, runlore\nrun = runlore.start('iris', store={root!r}, capture=False)\n"
        "for step in range(100): run.log_metric('loss', 1, step=step)\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert problems(root) == []
    assert len(runlore.get_run("iris#1", store=root).metric("loss")) == 100


def test_a_live_run_is_no_damage(root):
    with runlore.start("iris", store=root, capture=False) as run:
        run.log_metric("loss", 1)
        assert problems(root) == []


def test_changed_and_missing_contents(root):
    record(root, artifact=b"one")
    record(root, artifact=b"two")
    first, second = sorted(contents(root))
    paths = [os.path.join(root, "blobs", name[:2], name) for name in (first, second)]
    os.chmod(paths[0], 0o600)
    with open(paths[0], "wb") as file:
        file.write(b"eno")
    os.unlink(paths[1])
    found = examine(session(root))
    assert [(item.what, os.path.basename(item.where)) for item in found] == [("contents", first), ("contents", second)]
    assert [item.where for item in examine(session(root), quick=True)] == [found[1].where]
    repaired = examine(session(root), repair=True)
    assert [item.repaired for item in repaired] == [True, False, False]
    assert os.path.exists(paths[0] + ".damaged")
    record(root, artifact=b"one")
    assert len(problems(root)) == 1, "logging it again healed one of them"


def test_a_damaged_journal(root):
    uid = record(root)
    folder = os.path.join(runlore.get_run(uid, store=root).directory, "journal")
    (name,) = os.listdir(folder)
    with open(os.path.join(folder, name), "r+b") as file:
        data = file.read()
        file.seek(data.index(b'"start"'))
        file.write(b"\xff\xff")
    assert ("journal", False) in problems(root)
    assert ("journal", False) in problems(root, repair=True)


def test_a_journal_of_another_run(root):
    first, second = record(root), record(root)
    source, target = (os.path.join(runlore.get_run(uid, store=root).directory, "journal") for uid in (first, second))
    (name,) = os.listdir(source)
    shutil.copy(os.path.join(source, name), target)
    assert any(f"belongs to the run {first}" in item.problem for item in examine(session(root)))


@pytest.mark.parametrize("name", ["events.parquet", "metrics.parquet"])
def test_damaged_sealed_files(root, name):
    uid = record(root)
    seal_store(open_store(root))
    path = os.path.join(runlore.get_run(uid, store=root).directory, name)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 3)
        file.write(b"\0" * 40)
    if name == "metrics.parquet":
        assert ("sealed", False) in problems(root)
    else:
        found = [item.what for item in examine(session(root), quick=True)]
        assert "sealed" in found


def test_numbers_are_mended(root, tmp_path):
    other = str(tmp_path / "other")
    record(root)
    record(other)
    shutil.copytree(os.path.join(other, "runs"), os.path.join(root, "runs"), dirs_exist_ok=True)
    assert problems(root) == [("number", False)]
    assert problems(root, repair=True) == [("number", True)]
    assert problems(root) == []


def card(root: str, name: str = "net", **options) -> registry.Card:
    return registry.register("model", "space", name, artifacts={"weights": name.encode()}, store=root, **options)


def test_healthy_cards(root):
    record(root)
    registry.tag(card(root), "stage", "checked")
    assert problems(root) == []
    assert problems(root, quick=True) == []


def test_a_registration_that_died_or_is_under_way_is_no_damage(root):
    os.makedirs(os.path.join(os.path.dirname(card(root).directory), "0.2.0"))
    assert problems(root) == []
    assert len(registry.check(root)) == 1


def test_damage_in_the_registry(root):
    record(root)
    gone, torn, moved, said = (card(root, name) for name in ("gone", "torn", "moved", "said"))
    os.unlink(gone.artifact("weights").path)
    with open(os.path.join(torn.directory, "card.json"), "w") as file:
        file.write("{")
    shutil.copytree(moved.directory, os.path.join(os.path.dirname(moved.directory), "9.9.9"))
    registry.tag(said, "stage", "checked")
    journals = os.path.join(said.directory, "journal")
    (name,) = (name for name in os.listdir(journals) if name.endswith(".rlj"))
    with open(os.path.join(journals, name), "r+b") as file:
        data = file.read()
        file.seek(data.index(b'"tag"'))
        file.write(b"\xff\xff")
    for options in ({}, {"quick": True}, {"repair": True}):
        found = [item for item in examine(session(root), **options) if item.what == "card"]
        assert [(item.where, item.repaired) for item in found] == [
            ("cards/model/space/gone/0.1.0", False),
            ("cards/model/space/moved/9.9.9", False),
            ("cards/model/space/said/0.1.0", False),
            ("cards/model/space/torn/0.1.0", False),
        ]
        assert "the contents of 'weights'" in found[0].problem
        assert "runlore merge" in found[0].remedy
        assert "says that it is model/space/moved@0.1.0" in found[1].problem
        assert name in found[2].problem
        assert "card.json is damaged" in found[3].problem


def test_a_card_that_cannot_be_read_does_not_hide_the_others(root):
    first, second = card(root, "a"), card(root, "b")
    os.unlink(os.path.join(first.directory, "card.json"))
    os.mkdir(os.path.join(first.directory, "card.json"))
    os.unlink(second.artifact("weights").path)
    found = examine(session(root))
    assert [(item.what, item.where) for item in found] == [
        ("card", "cards/model/space/a/0.1.0"),
        ("card", "cards/model/space/b/0.1.0"),
    ]
    assert found[0].problem == "card.json is a directory where a regular file should be"
    assert [item.name for item in registry.list_cards(store=root)] == ["b"]


def test_a_claim_that_cannot_be_read_frees_its_name(root):
    record(root)
    for name in ("whole", "torn"):
        claims.claim(root, "luml", name, {"uid": "0" * 32})
    with open(os.path.join(root, "claims", "luml", "torn", "about"), "w"):
        pass
    (finding,) = examine(session(root))
    assert (finding.what, finding.where, finding.repaired) == ("claim", "claims/luml/torn", False)
    with pytest.raises(DamagedFile, match="doctor --repair"):
        claims.claimed(root, "luml", "torn")
    assert problems(root, repair=True) == [("claim", True)]
    assert problems(root) == []
    assert claims.claim(root, "luml", "torn", {"uid": "1" * 32})
    assert claims.every_claim(root) == ["luml/torn", "luml/whole"]


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE metrics SET last = 99.0",
        "UPDATE facts SET last = zeroblob(8)",
        "UPDATE runs SET name = 'x'",
        "DELETE FROM metrics",
        "INSERT INTO tags VALUES (1, 'a', 'b')",
        "DELETE FROM facts",
    ],
)
def test_a_catalog_that_lies_is_made_anew(root, lie):
    uid = record(root, acc=0.5)
    here = session(root)
    with open_catalog(here.store).database.writing() as connection:
        connection.run(lie)
    (finding,) = examine(here)
    assert (finding.what, finding.repaired) == ("catalog", False)
    assert uid in finding.problem
    assert problems(root, repair=True) == [("catalog", True)]
    assert runlore.get_run(uid, store=root).metrics["acc"] == 0.5
    assert problems(root) == []
