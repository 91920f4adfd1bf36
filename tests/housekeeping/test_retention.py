from __future__ import annotations

import pytest
from stores import contents, record, session

import runlore
from runlore.errors import ArtifactNotFound, InvalidArgument
from runlore.housekeeping import collect, keep_best


@pytest.fixture
def uids(root) -> list[str]:
    return [record(root, artifact=f"model {acc}".encode(), acc=acc) for acc in (0.5, 0.9, 0.1, 0.7, float("nan"))]


@pytest.mark.parametrize(("minimize", "best"), [(False, [1, 3]), (True, [2, 0])])
def test_the_best_are_kept(root, uids, minimize, best):
    found = keep_best(session(root), "iris", 2, metric="acc", minimize=minimize)
    assert found.keep == [uids[index] for index in best]
    assert {item.uid for item in found.drop} == set(uids) - set(found.keep)


def test_a_dry_run_changes_nothing(root, uids):
    planned = keep_best(session(root), "iris", 1, metric="metrics.acc", dry_run=True)
    assert len(planned.drop) == 4
    assert collect(session(root), grace_s=0).blobs == []
    assert len(contents(root)) == 5


def test_contents_go_and_the_rest_is_remembered(root, uids):
    keep_best(session(root), "iris", 2, metric="acc")
    assert len(collect(session(root), grace_s=0).blobs) == 3
    view = runlore.get_run(uids[0], store=root)
    (item,) = view.artifacts("model")
    assert (item.name, item.size, view.status, view.metrics["acc"]) == ("model", 9, "succeeded", 0.5)
    (event,) = view.events("removed")
    assert event.value["reason"] == "not among the best 2 by acc"
    with pytest.raises(ArtifactNotFound):
        item.read_bytes()
    assert runlore.get_run(uids[1], store=root).artifact("model").read_bytes() == b"model 0.9"


def test_twice_is_the_same_as_once(root, uids):
    assert len(keep_best(session(root), "iris", 2, metric="acc").drop) == 3
    assert keep_best(session(root), "iris", 2, metric="acc").drop == []


def test_what_is_shared_with_a_kept_run_stays(root):
    for acc in (0.1, 0.9):
        record(root, artifact=b"the same", acc=acc)
    keep_best(session(root), "iris", 1, metric="acc")
    assert collect(session(root), grace_s=0).blobs == []


def test_a_run_that_goes_on_is_left_alone(root, uids):
    with runlore.start("iris", store=root, capture=False) as run:
        run.log_metric("acc", 0.0)
        run.log_artifact(b"mine", "model", kind="model")
        assert run.uid not in {item.uid for item in keep_best(session(root), "iris", 1, metric="acc").drop}


def test_only_one_experiment_and_kind(root, uids):
    other = record(root, "iris/deep", artifact=b"other", acc=0.0)
    with runlore.start("iris", store=root, capture=False) as run:
        run.log_artifact(b"a note", "note")
    dropped = keep_best(session(root), "iris", 1, metric="acc").drop
    assert other not in {item.uid for item in dropped}
    assert {item.name for item in dropped} == {"model"}
    assert {item.name for item in keep_best(session(root), "iris", 1, metric="acc", kind=None).drop} == {"note"}


def test_rules_that_would_drop_everything_are_refused(root, uids):
    with pytest.raises(InvalidArgument, match="no run of 'iris' has it"):
        keep_best(session(root), "iris", 1, metric="accuracy")
    with pytest.raises(InvalidArgument, match="count=0"):
        keep_best(session(root), "iris", 0, metric="acc")
