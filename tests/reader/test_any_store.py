"""Reading knows no kind of store: whatever keeps the contracts is read and edited alike."""

from __future__ import annotations

import os

import pytest
from tests.reader.made_runs import START_S, S, make_run

import runlore
from runlore import registry
from runlore.errors import ArtifactNotFound, DamagedFile, NotFound, NotLocal, RunNotFound, WrongType
from runlore.opening import open_index
from runlore.store import open_store
from runlore.store.base import Store
from runlore.testing import MemoryStore


@pytest.fixture(params=["memory", "directory"])
def store(request, tmp_path) -> Store:
    return MemoryStore() if request.param == "memory" else open_store(tmp_path / "store", create=True)


@pytest.fixture
def uids(store) -> list[str]:
    return [
        make_run(store, params={"lr": lr, "seed": seed}, tags={"kind": "demo"}, artifacts={"notes.txt": b"hello"},
                 metrics={"loss": [1.0, lr], "system/cpu": [5.0]}, start_s=START_S + 100 * seed, group=f"lr {lr}")
        for seed, lr in enumerate((0.1, 0.1, 0.2))
    ]  # fmt: skip


def test_a_table_of_runs(store, uids):
    table = runlore.runs("metrics.loss < 0.15", order_by="started", store=store)
    assert table["uid"].tolist() == uids[:2]
    assert table["run"].tolist() == [1, 2]
    assert table["params.seed"].tolist() == [0, 1]
    assert table["metrics.loss"].tolist() == [0.1, 0.1]
    assert table["tags.kind"].tolist() == ["demo", "demo"]
    assert table["duration"].dt.total_seconds().tolist() == [10, 10]
    assert [name for name in table if "system/" in name] == []
    assert runlore.experiments(store=store)[["experiment", "runs", "running"]].to_numpy().tolist() == [["iris", 3, 0]]


def test_everything_that_was_recorded(store, uids):
    iris = runlore.experiment("iris", store=store)
    data = iris.data(event="metric", key="loss", run=[1, 3])
    assert data[["run", "step", "value"]].to_numpy().tolist() == [[1, 0, 1.0], [1, 1, 0.1], [3, 0, 1.0], [3, 1, 0.2]]
    assert data["time"].astype("int64").tolist() == [(START_S + second) * S for second in (0, 1, 200, 201)]
    assert len(iris.data()) == sum(len(view.data()) for view in iris) == 3 * 9
    assert iris.data(run=uids[1][:20])["run"].unique().tolist() == [2]
    assert iris.data(run=[-1, "iris#1"])["run"].unique().tolist() == [1, 3]
    assert iris.data(run=99).empty
    assert iris.metric("loss")["value"].tolist() == [1.0, 0.1] * 2 + [1.0, 0.2]
    assert iris.numbers == [1, 2, 3]
    assert len(iris) == 3


def test_a_run_by_any_of_its_names(store, uids):
    for name in (uids[1], uids[1].upper(), uids[1][:25], "iris#2", "iris#-2"):
        assert runlore.get_run(name, store=store).uid == uids[1]
    iris = runlore.experiment("iris", store=store)
    for name in (2, -2, uids[1], uids[1][:25], "iris#2", "iris#-2"):
        assert iris.run(name).uid == uids[1]
    for name in ("iris#4", "iris#-4", "#1", "0" * 32, "abc", "", "other#1"):
        with pytest.raises(RunNotFound, match="no run"):
            runlore.get_run(name, store=store)
        with pytest.raises(RunNotFound, match="no run"):
            iris.run(name)
    for name in (4, -4, 0):
        with pytest.raises(RunNotFound, match=r"no run .*it has 3, the latest is 3"):
            iris.run(name)
    with pytest.raises(WrongType, match="uid=3"):
        runlore.get_run(3, store=store)


def test_a_run_of_another_experiment_is_not_one_of_this(store, uids):
    other = make_run(store, "other")
    iris = runlore.experiment("iris", store=store)
    for name in (other, other[:25], "other#1"):
        with pytest.raises(RunNotFound, match="one of 'other'"):
            iris.run(name)
        assert iris.data(run=name).empty


def test_what_differs(store, uids):
    frame = runlore.compare([uids[0], "iris#3"], store=store)
    assert frame.loc[("params", "lr")].tolist() == [0.1, 0.2]
    assert frame.loc[("run", "group")].tolist() == ["lr 0.1", "lr 0.2"]
    everything = runlore.compare(["iris#1", runlore.get_run("iris#2", store=store)], store=store, everything=True)
    assert everything.loc[("artifacts", "notes.txt")].nunique() == 1
    assert not [key for _, key in everything.index if key.startswith("system/")]


def test_editing_an_ended_run(store, uids):
    view = runlore.get_run(uids[0], store=store)
    view.set_tag("stage", "checked")
    view.set_tags({"kind": None, "n": 3})
    view.set_name("the best")
    view.set_description("of *all*")
    view.set_note("first")
    view.set_note("second")
    view.archive()
    for known in (view, runlore.get_run(uids[0], store=store)):
        assert (known.tags, known.name) == ({"stage": "checked", "n": "3"}, "the best")
        assert (known.description, known.notes, known.archived) == ("of *all*", ["first", "second"], True)
        assert (known.status, known.duration_s) == ("succeeded", 10)
    view.delete()
    assert len(runlore.runs(store=store)) == 2
    assert runlore.get_run("iris#1", store=store).deleted
    view.restore()
    assert len(runlore.experiment("iris", store=store)) == 3


def test_edits_win_over_clocks_that_are_ahead(store, uids):
    ahead = runlore.get_run(uids[0], store=store)
    stale = runlore.get_run(uids[0], store=store)
    ahead.recorded().annotate([("tag", "kind", "from the future"), ("attribute", "name", "x")], after_ns=2**62)
    stale.set_tag("kind", "now")
    assert (stale.tags["kind"], stale.name) == ("now", "x")
    ahead.set_name("y")
    ahead.set_tag("kind", None)
    found = runlore.get_run(uids[0], store=store)
    assert (found.tags, found.name) == ({}, "y")


def test_artifacts(store, uids, tmp_path):
    view = runlore.get_run(uids[0], store=store)
    (artifact,) = view.artifacts()
    assert (artifact.name, artifact.step, artifact.size, artifact.kind) == ("notes.txt", 1, 5, "text")
    assert isinstance(artifact.step, int)
    assert view.artifact("notes.txt", step=1) == artifact
    assert (artifact.read_bytes(), artifact.read_text(), artifact.load()) == (b"hello", "hello", "hello")
    with artifact.open() as file:
        file.seek(1)
        assert file.read() == b"ello"
    with open(artifact.path, "rb") as file:
        assert file.read() == b"hello"
    path = artifact.download(tmp_path / "copies")
    with open(path, "rb") as file:
        assert file.read() == b"hello"
    with pytest.raises(ArtifactNotFound, match=r"did you mean 'notes\.txt'"):
        view.artifact("note.txt")


def test_contents_that_are_gone_or_not_what_they_were(store, uids, tmp_path):
    artifact = runlore.get_run(uids[0], store=store).artifact("notes.txt")
    asked = (artifact.read_bytes, artifact.read_text, artifact.load, lambda: artifact.download(tmp_path / "copies"))
    if isinstance(store, MemoryStore):
        store.contents[artifact.digest] = b"HELLO"
    else:
        with open(artifact.path, "wb") as file:
            file.write(b"HELLO")
    for ask in asked:
        with pytest.raises(DamagedFile, match=artifact.digest):
            ask()
    if isinstance(store, MemoryStore):
        del store.contents[artifact.digest]
    else:
        os.unlink(artifact.path)
    for ask in (*asked, artifact.open, lambda: artifact.path):
        with pytest.raises(ArtifactNotFound, match=r"'notes\.txt'.*are not in the store|'notes\.txt'.*has no contents"):
            ask()
    assert not (tmp_path / "copies" / "notes.txt").exists()


def test_logs_children_and_followers(store, uids):
    child = make_run(store, parent=uids[0])
    gone = make_run(store, parent=uids[0])
    runlore.get_run(gone, store=store).delete()
    view = runlore.get_run(uids[0], store=store)
    assert [run.uid for run in view.children()] == [child]
    follower = view.follow("log")
    recorder = view.recorded().record()
    recorder.event("log", "stdout", "one\ntwo")
    recorder.close()
    assert [event.value for event in follower.poll()] == ["one\ntwo"]
    assert list(view.logs()) == ["one", "two"]
    assert view.recorded().points(["loss"]).value.tolist() == [1.0, 0.1]


def test_a_metric_that_no_run_has(store, uids):
    iris = runlore.experiment("iris", store=store)
    with pytest.raises(NotFound, match=r"'los'; did you mean 'loss'\?"):
        iris.metric("los")
    with pytest.raises(NotFound, match=r"'los'; did you mean 'loss'\?"):
        iris.run(1).metric("los")
    make_run(store, metrics={"late": [1.0]})
    assert iris.metric("late")["run"].tolist() == [4]
    with pytest.raises(NotFound, match="no chosen run"):
        iris.metric("late", runs=[1, 2])


def test_deleting_an_experiment(store, uids):
    other = make_run(store, "iris/other")
    assert runlore.experiment("iris", store=store).delete() == 3
    assert runlore.runs(store=store)["uid"].tolist() == [other]
    assert runlore.get_run(make_run(store), store=store).number == 1


def test_the_registry(store, uids, tmp_path):
    data = registry.register("data", "iris", "rows", artifacts={"rows.txt": b"1,2"}, store=store)
    registry.use(data, "iris#1")
    registry.use(data, uids[1][:25])
    model = registry.register("model", "iris", "tree", inputs=[data], run="iris#-1", tags=["new"], store=store)
    assert (data.run, model.run) == (None, uids[2])
    assert model.version == registry.get("model", "iris", "tree", store=store).version == "0.1.0"
    assert registry.alias(model, "champion").aliases == ("champion",)
    assert registry.get("model", "iris", "tree", "champion", store=store) == registry.get_uid(model.uid, store=store)
    second = registry.register("model", "iris", "tree", store=store)
    assert registry.alias(second, "champion").version == "0.2.0"
    assert registry.get_uid(model.uid[:25], store=store).aliases == ()
    edited = registry.note(registry.stage(registry.tag(model, "a", 1), "production"), "good")
    assert (edited.tags, edited.stage, edited.note) == ({"new": "", "a": "1"}, "production", "good")
    assert [card.uid for card in registry.list_cards(run="iris#3", store=store)] == [model.uid]
    assert registry.list_cards(tags=["a=1"], store=store)[0].uid == model.uid
    found = registry.lineage(model)
    assert [card.uid for card in found.ancestors] == [data.uid]
    assert registry.lineage("iris#1", store=store).ancestor_runs == ()
    assert [card.uid for card in registry.lineage("iris#1", store=store).ancestors] == [data.uid]
    assert registry.lineage(data).descendant_runs == (uids[0], uids[1])
    assert registry.delete(model).deleted
    assert [card.uid for card in registry.list_cards(kind="model", store=store)] == [second.uid]
    assert data.artifact("rows.txt").read_bytes() == b"1,2"
    assert os.listdir(os.path.dirname(data.download(tmp_path / "out")[0])) == ["rows.txt"]


@pytest.mark.parametrize("run", ["iris#9", "0123456789", "x#1"])
def test_a_card_of_a_run_that_is_not_there(store, uids, run):
    data = registry.register("data", "iris", "rows", store=store)
    for call in (
        lambda: registry.use(data, run),
        lambda: registry.register("model", "iris", "tree", run=run, store=store),
        lambda: registry.list_cards(run=run, store=store),
    ):
        with pytest.raises(RunNotFound, match=run):
            call()
    assert len(registry.list_cards(store=store)) == 1


def test_a_store_without_files_says_where_things_are():
    store = MemoryStore()
    view = runlore.get_run(make_run(store), store=store)
    card = registry.register("data", "iris", "rows", store=store)
    with pytest.raises(NotLocal, match="memory:"):
        _ = view.directory
    with pytest.raises(NotLocal, match="memory:"):
        _ = card.directory
    with pytest.raises(NotLocal, match="checking the registry"):
        registry.check(store)


def test_a_store_without_an_index_is_refused():
    class NoIndex(Store):
        location = "nowhere"

    NoIndex.__abstractmethods__ = frozenset()
    with pytest.raises(WrongType, match="NoIndex"):
        open_index(NoIndex())
