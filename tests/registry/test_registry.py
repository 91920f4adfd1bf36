"""The registry: what is registered is found, by everyone, once, and stays so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import runlore
from runlore import registry
from runlore.catalog import open_catalog
from runlore.errors import (
    AlreadyExists,
    ArtifactNotFound,
    CardNotFound,
    InvalidArgument,
    InvalidName,
    NotFound,
    RunEnded,
    UnsafeLoad,
    WrongType,
)
from runlore.store import open_store


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    return tmp_path / "store"


def model(**options):
    return registry.register("model", "nlp", "sentiment", **options)


def everything_under(path):
    return sorted(str(file.relative_to(path)) for file in path.rglob("*"))


# -- registering and finding ----------------------------------------------------------------------------------------


def test_a_card_comes_back_as_it_was_registered(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.bin").write_bytes(b"\0\1")
    card = model(
        artifacts={"notes.txt": file, "tree": str(folder), "raw": b"raw", "object": {"a": (1, 2.5)}},
        metadata={"accuracy": 0.9, "labels": ["a", "b"]}, description="A model.", tags={"team": "x", "n": 3},
    )  # fmt: skip
    found = registry.get("model", "nlp", "sentiment")
    assert found == card
    assert str(found) == "model/nlp/sentiment@0.1.0"
    assert (found.metadata, found.description, found.tags) == (
        {"accuracy": 0.9, "labels": ["a", "b"]}, "A model.", {"team": "x", "n": "3"},
    )  # fmt: skip
    assert [item.name for item in found.artifacts()] == ["notes.txt", "object", "raw", "tree/inner/a.bin"]
    assert found.artifact("notes.txt").read_text() == "hello"
    assert found.artifact("notes.txt").media_type == "text/plain"
    assert found.load("object") == {"a": (1, 2.5)}
    downloaded = found.download(tmp_path / "copy")
    assert (tmp_path / "copy" / "tree" / "inner" / "a.bin").read_bytes() == b"\0\1"
    assert len(downloaded) == 4
    with pytest.raises(FileExistsError):
        found.download(tmp_path / "copy")


def test_versions_count_up_and_are_found_by_range_alias_and_uid():
    cards = [model(bump=bump) for bump in ("minor", "minor", "patch", "major", "pre", "build")]
    assert [card.version for card in cards] == ["0.1.0", "0.2.0", "0.2.1", "1.0.0", "1.1.0-rc.1", "1.1.0-rc.1+build.1"]
    assert model(version="3.4.5").version == "3.4.5"
    for query, version in {"latest": "3.4.5", "^0.2": "0.2.1", "~0.1": "0.1.0", "0.*": "0.2.1", "1": "1.0.0"}.items():
        assert registry.get("model", "nlp", "sentiment", query).version == version
    assert registry.get_uid(cards[2].uid[:20]) == cards[2]
    assert registry.find("model/nlp/sentiment@1.1.0-rc.1") == cards[4]
    assert registry.find(cards[0].uid) == cards[0]
    listed = registry.list_cards(name="sentiment")
    assert [card.version for card in listed][:3] == ["3.4.5", "1.1.0-rc.1+build.1", "1.1.0-rc.1"]
    assert [c.version for c in registry.list_cards(name="sentiment", version="0", order_by="created", limit=2)] == [
        "0.2.1", "0.2.0",
    ]  # fmt: skip


def test_a_function_may_choose_the_version():
    assert model(bump=lambda taken: registry.Version(len(taken) + 7)).version == "7.0.0"
    with pytest.raises(AlreadyExists):
        model(bump=lambda taken: taken[0])


def test_an_explicit_version_is_never_given_twice(store):
    model(version="1.2.3")
    before = everything_under(store)
    with pytest.raises(AlreadyExists, match=r"'1\.2\.3' is taken.*latest is 1\.2\.3"):
        model(version="1.2.3", artifacts={"a": b"never stored"})
    assert everything_under(store) == before


def test_kinds_spaces_and_names_are_apart():
    names = [("model", "a", "x"), ("data", "a", "x"), ("model", "b", "x"), ("m", "team/a", "x")]
    cards = [registry.register(*name) for name in names]
    assert {card.version for card in cards} == {"0.1.0"}
    assert registry.find("m/team/a/x") == cards[3]
    assert {str(card) for card in registry.list_cards(kind="model")} == {"model/a/x@0.1.0", "model/b/x@0.1.0"}


@pytest.mark.parametrize("name", ["Größe", "a b", "x%2Fy", "con.cat", "0" * 32, "a" * 300, "日本", "-x", "café\u0301"])
def test_any_name_is_found_again(name):
    card = registry.register(name, name, name)
    assert registry.get(name, name, name) == card
    assert registry.list_cards(space=name) == [card]


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("../x", "a", "b"), {}, InvalidName),
        (("model", "..", "b"), {}, InvalidName),
        (("model", "a", "../../b"), {}, InvalidName),
        (("model", "a", "b/c"), {}, InvalidName),
        (("model", "/a", "b"), {}, InvalidName),
        (("model", "a", ""), {}, InvalidName),
        (("model", "a", "b\0c"), {}, InvalidName),
        (("model", "a", 3), {}, WrongType),
        (("model", "a", "b"), {"version": "one"}, InvalidArgument),
        (("model", "a", "b"), {"bump": "huge"}, InvalidArgument),
        (("model", "a", "b"), {"bump": "pre", "pre_tag": "r c"}, InvalidArgument),
        (("model", "a", "b"), {"artifacts": {"../x": b""}}, InvalidName),
        (("model", "a", "b"), {"artifacts": {"x": "/no/such/file"}}, ArtifactNotFound),
        (("model", "a", "b"), {"artifacts": {"ok": b"", "x": object()}}, UnsafeLoad),
        (("model", "a", "b"), {"metadata": {"x": object()}}, WrongType),
        (("model", "a", "b"), {"metadata": [1]}, WrongType),
        (("model", "a", "b"), {"tags": {"x": [1]}}, WrongType),
        (("model", "a", "b"), {"description": 3}, WrongType),
        (("model", "a", "b"), {"inputs": ["abc"]}, InvalidName),
        (("model", "a", "b"), {"run": "abc"}, InvalidName),
        (("model", "a", "b"), {"run": "0" * 32, "run_role": "friend"}, InvalidArgument),
        (("model", "a", "b"), {"uid": "../x"}, InvalidName),
    ],
)
def test_a_refused_call_leaves_nothing_behind(store, arguments, options, error):
    registry.register("model", "first", "first")
    before = everything_under(store)
    with pytest.raises(error):
        registry.register(*arguments, **options)
    assert everything_under(store) == before


def test_an_ended_run_registers_nothing(store):
    run = runlore.start("iris")
    run.finish()
    with pytest.raises(RunEnded):
        model(run=run)
    assert not (store / "cards").exists()


def test_what_is_not_there_is_said_with_what_is():
    model()
    model()
    registry.alias(registry.get("model", "nlp", "sentiment"), "champion")
    with pytest.raises(CardNotFound, match=r"'\^7'; there are 0\.2\.0, 0\.1\.0; aliases: champion"):
        registry.get("model", "nlp", "sentiment", "^7")
    with pytest.raises(CardNotFound, match="did you mean 'model/nlp/sentiment'"):
        registry.get("model", "nlp", "sentimant")
    with pytest.raises(CardNotFound):
        registry.get("model", "nlp", "sentiment", "challenger")
    for uid in ("f" * 32, "fff", "' or 1=1"):
        with pytest.raises(NotFound):
            registry.get_uid(uid)
    with pytest.raises(ArtifactNotFound, match="it has nothing"):
        registry.get("model", "nlp", "sentiment").artifact("x")


def test_pickles_only_where_asked_for_on_both_sides():
    class Odd:
        pass

    with pytest.raises(UnsafeLoad):
        model(artifacts={"odd": Odd})
    card = model(artifacts={"slow": complex}, allow_pickle=True)
    with pytest.raises(UnsafeLoad):
        card.load()
    assert card.load(allow_pickle=True) is complex


def test_models_are_stored_in_their_own_format():
    pytest.importorskip("skops", reason="models of scikit-learn need skops: pip install 'runlore[models]'")
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    card = model(artifacts={"model": fitted})
    assert card.artifact("model").media_type == "application/x-skops"
    assert registry.load("model", "nlp", "sentiment").predict([[2.0]]).tolist() == fitted.predict([[2.0]]).tolist()


def test_contents_are_stored_once(store):
    for _ in range(3):
        model(artifacts={"a": b"the same", "b": b"the same"})
    assert len([path for path in (store / "blobs").rglob("*") if path.is_file()]) == 1
    assert len(registry.referenced_digests()) == 1


# -- what is said afterwards ----------------------------------------------------------------------------------------


def test_an_alias_belongs_to_the_version_that_took_it_last():
    old, new = model(), model()
    assert registry.alias(old, "champion").aliases == ("champion",)
    registry.alias(new, "champion")
    assert registry.get_uid(old.uid).aliases == ()
    assert registry.get("model", "nlp", "sentiment", "champion") == registry.get_uid(new.uid)
    registry.remove_alias(old, "champion")
    assert registry.get("model", "nlp", "sentiment", "champion").uid == new.uid
    registry.remove_alias(new, "champion")
    with pytest.raises(CardNotFound):
        registry.get("model", "nlp", "sentiment", "champion")
    other = registry.register("model", "nlp", "other")
    registry.alias(other, "champion")
    registry.alias(old, "champion")
    assert registry.get("model", "nlp", "other", "champion").uid == other.uid


def test_an_alias_wins_although_the_clock_went_back(monkeypatch):
    from runlore.store import cards as files

    old, new = model(), model()
    registry.alias(old, "champion")
    monkeypatch.setattr(files, "time_ns", lambda: 1)
    assert registry.alias(new, "champion").aliases == ("champion",)
    assert registry.get_uid(old.uid).aliases == ()


@pytest.mark.parametrize("name", ["latest", "*", "1", "^1.2", "~1", "1.2.3", "2.0.0-rc.1", "a/b", "a@b", ""])
def test_an_alias_that_could_be_a_version_is_refused(name):
    with pytest.raises(InvalidName):
        registry.alias(model(), name)


def test_tags_notes_and_stages_change_and_go():
    card = model(tags=["first"])
    registry.tag(card, "team", "x")
    registry.tag(card, "team", "y")
    registry.tag(card, "first", None)
    registry.note(card, "Good.\n")
    card = registry.stage(card, "production")
    assert (card.tags, card.note, card.stage) == ({"team": "y"}, "Good.\n", "production")
    assert [c.uid for c in registry.list_cards(stage="production", tags=["team=y"])] == [card.uid]
    assert registry.list_cards(tags=["team=x"]) == []
    card = registry.note(registry.stage(card, None), None)
    assert (card.note, card.stage) == (None, None)
    with pytest.raises(WrongType):
        registry.tag(card, "x", [1])
    with pytest.raises(WrongType):
        registry.note(card, 3)


def test_a_deleted_card_is_hidden_its_version_stays_taken_and_it_can_return():
    card = model(artifacts={"a": b"kept"})
    assert registry.delete(card).deleted
    assert registry.list_cards() == []
    with pytest.raises(CardNotFound):
        registry.get("model", "nlp", "sentiment")
    assert registry.get("model", "nlp", "sentiment", deleted=True).uid == card.uid
    assert model().version == "0.2.0"
    with pytest.raises(AlreadyExists):
        model(version="0.1.0")
    assert registry.restore(card).artifact("a").read_bytes() == b"kept"
    assert len(registry.list_cards()) == 2


# -- lineage --------------------------------------------------------------------------------------------------------


def test_lineage_from_data_through_runs_to_models_and_back():
    raw = registry.register("data", "iris", "raw")
    with runlore.start("clean") as cleaning:
        registry.use(raw, cleaning)
        clean = registry.register("data", "iris", "clean", run=cleaning, inputs=[raw])
    with runlore.start("train") as training:
        registry.use(clean, training)
        tree = registry.register("model", "iris", "tree", run=training)
    export = registry.register("model", "iris", "tree-onnx", inputs=[tree.uid])
    record = registry.register("run", "iris", "train", run=training.uid, run_role="record")

    back = registry.lineage(export)
    assert [card.name for card in back.ancestors] == ["tree", "clean", "raw"]
    assert back.ancestor_runs == (training.uid, cleaning.uid)
    assert back.descendants == ()
    ahead = registry.lineage(raw)
    assert {card.name for card in ahead.descendants} == {"clean", "tree", "tree-onnx"}
    assert set(ahead.descendant_runs) == {cleaning.uid, training.uid}
    middle = registry.lineage(training)
    assert [card.name for card in middle.ancestors] == ["clean", "raw"]
    assert [card.name for card in middle.descendants] == ["tree", "tree-onnx"]
    assert (("card", clean.uid), ("run", training.uid)) in middle.edges
    assert (("run", training.uid), ("card", tree.uid)) in middle.edges
    assert registry.lineage(record).ancestors == ()


def test_a_link_is_an_event_of_the_run():
    with runlore.start("iris") as run:
        card = model(run=run)
    events = runlore.get_run(run.uid).events("card")
    assert [(event.key, event.value["uid"], event.value["role"]) for event in events] == [
        ("model/nlp/sentiment", card.uid, "output")
    ]
    assert runlore.experiment("iris").data(event="card")["key"].tolist() == ["model/nlp/sentiment"]
    assert registry.list_cards(run=run.uid) == [card]


def test_a_circle_of_inputs_ends():
    first, second = "1" * 32, "2" * 32
    registry.register("data", "a", "x", uid=first, inputs=[second])
    registry.register("data", "a", "y", uid=second, inputs=[first])
    assert [card.name for card in registry.lineage(first).ancestors] == ["y"]


# -- what is promised -----------------------------------------------------------------------------------------------


def snapshot():
    return [(str(c), c.uid, c.aliases, c.tags, c.note, c.stage, c.deleted) for c in registry.list_cards(deleted=True)]


def test_the_catalog_can_be_thrown_away():
    for _ in range(3):
        model(tags=["x"])
    cards = registry.list_cards()
    registry.alias(cards[1], "champion")
    registry.delete(cards[2])
    before = snapshot()
    open_catalog(open_store()).rebuild()
    assert snapshot() == before


def test_directories_that_are_copied_moved_and_removed_are_noticed(store, tmp_path):
    model()
    card = model()
    assert len(registry.list_cards()) == 2
    place = store / "cards" / "model" / "nlp" / "sentiment"
    os.rename(place / "0.2.0", tmp_path / "0.2.0")
    assert [c.version for c in registry.list_cards()] == ["0.1.0"]
    os.rename(tmp_path / "0.2.0", place / "0.2.0")
    assert registry.get_uid(card.uid).version == "0.2.0"
    os.rename(store / "cards" / "model", tmp_path / "model")
    assert registry.list_cards() == []


def test_copies_of_a_card_merge_into_what_both_say(store, tmp_path):
    import shutil

    card = model()
    other = tmp_path / "other"
    shutil.copytree(store, other, ignore=shutil.ignore_patterns("catalog.sqlite*"))
    registry.tag(card, "here", "1")
    registry.tag(registry.get_uid(card.uid, store=other), "there", "2")
    assert registry.get_uid(card.uid, store=other).tags == {"there": "2"}
    shutil.copytree(other / "cards", store / "cards", dirs_exist_ok=True)
    assert registry.get_uid(card.uid).tags == {"here": "1", "there": "2"}


REGISTER = """
import sys, time
from runlore import registry
while time.time() < float(sys.argv[1]):
    pass
for _ in range(2):
    card = registry.register("model", "nlp", "sentiment", artifacts={"a": b"x"})
    if int(sys.argv[2]) < 3:
        registry.tag(card, "by", sys.argv[2])
    print(card.version)
"""


def test_sixteen_processes_never_get_the_same_version():
    model()
    start = str(time.time() + 1.5)
    workers = [
        subprocess.Popen([sys.executable, "-c", REGISTER, start, str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(16)
    ]
    printed = [line for worker in workers for line in worker.communicate()[0].split()]
    assert [worker.returncode for worker in workers] == [0] * 16
    assert sorted(printed, key=registry.Version.parse) == [f"0.{n}.0" for n in range(2, 34)]
    cards = registry.list_cards()
    assert len(cards) == 33
    assert sum("by" in card.tags for card in cards) == 6


def test_a_death_between_claim_and_completion_leaves_no_card_and_the_version_is_burnt(store):
    model()
    script = (
        "import os, signal\nfrom runlore import registry\nfrom runlore.store import cards\n"
        "cards.complete = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "registry.register('model', 'nlp', 'sentiment', artifacts={'a': b'x'})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [card.version for card in registry.list_cards()] == ["0.1.0"]
    with pytest.raises(AlreadyExists):
        model(version="0.2.0")
    assert model().version == "0.3.0"
    assert registry.check() == [
        "cards/model/nlp/sentiment/0.2.0: claimed, and never registered; its version stays taken"
    ]


def test_a_claim_that_is_completed_later_is_found_although_nothing_else_changed(store):
    model()
    place = store / "cards" / "model" / "nlp" / "sentiment"
    (place / "0.2.0").mkdir()
    assert len(registry.list_cards()) == 1
    time.sleep(0.06)
    assert len(registry.list_cards()) == 1
    about = json.loads((place / "0.1.0" / "card.json").read_text()) | {"version": "0.2.0", "uid": "3" * 32}
    (place / "0.2.0" / "card.json").write_text(json.dumps(about))  # and its process dies before it touches anything
    assert len(registry.list_cards()) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"format": 99}', "\0" * 100])
def test_a_damaged_card_is_reported_and_hides_nothing_else(store, damage):
    model()
    card = model()
    (store / "cards" / "model" / "nlp" / "sentiment" / "0.1.0" / "card.json").write_text(damage)
    open_catalog(open_store()).rebuild()
    assert [c.uid for c in registry.list_cards()] == [card.uid]
    assert len(registry.check()) == 1
    assert "card.json is damaged" in registry.check()[0]


def test_missing_and_truncated_contents_are_reported():
    card = model(artifacts={"a": b"gone", "b": b"cut"})
    os.unlink(card.artifact("a").path)
    with open(card.artifact("b").path, "wb") as file:
        file.write(b"c")
    assert [problem.partition(": ")[2] for problem in registry.check()] == [
        f"the contents of 'a' (sha256 {card.artifacts()[0].digest}) are missing",
        f"the contents of 'b' (sha256 {card.artifacts()[1].digest}) have 1 bytes instead of 3",
    ]


def test_a_torn_journal_loses_only_its_tail(store):
    card = registry.tag(model(), "kept", "1")
    registry.tag(card, "torn", "2")
    journals = sorted((store / "cards" / "model" / "nlp" / "sentiment" / "0.1.0" / "journal").glob("*.rlj"))
    assert len(journals) == 2
    journals[1].write_bytes(journals[1].read_bytes()[:-40])
    open_catalog(open_store()).rebuild()
    assert registry.get_uid(card.uid).tags["kept"] == "1"


def test_registering_needs_no_database_and_no_numpy():
    script = (
        "import sys\nfrom runlore import registry\n"
        "registry.register('model', 'nlp', 'sentiment', artifacts={'a': b'x'})\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'sqlalchemy', 'sqlite3'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
