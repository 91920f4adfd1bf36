"""Params and references to data that count no longer, and the directory of a run's own files."""

from __future__ import annotations

import os

import pytest

import runlore
from runlore.errors import InvalidName, RunEnded, WrongType
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_run


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    with runlore.start("e", params={"a": 1, "b": 2}, capture=False) as run:
        yield run


def view(run):
    return runlore.get_run(run.uid)


def test_a_param_counts_no_longer_and_stays_in_the_events(run):
    assert view(run).params == {"a": 1, "b": 2}
    run.unset_params("a", "never logged")
    assert view(run).params == run.params == {"b": 2}
    assert [event.value for event in view(run).events("param") if event.key == "a"] == [1]
    assert len(runlore.runs("params.a is null")) == 1
    assert "params.a" not in runlore.runs().columns


def test_a_param_comes_back_when_it_is_logged_again(run):
    run.unset_params("a")
    run.log_param("a", None)
    assert view(run).params == {"a": None, "b": 2}


def test_another_writer_unsets_it(run):
    other = runlore.start("e", join=run.uid, capture=False)
    other.unset_params("a")
    other.finish()
    assert view(run).params == {"b": 2}


def test_bad_keys_are_refused_before_anything_is_recorded(run):
    with pytest.raises(InvalidName):
        run.unset_params("a", "")
    with pytest.raises(WrongType):
        run.unset_data_refs("a", 3)
    assert view(run).params == {"a": 1, "b": 2}
    run.finish()
    with pytest.raises(RunEnded):
        run.unset_params("a")


@pytest.mark.parametrize("seal", [False, True])
def test_it_is_the_same_after_sealing_and_without_the_catalog(run, seal):
    run.unset_params("a")
    run.log_data_ref([1], "x")
    run.log_data_ref([2], "y")
    run.unset_data_refs("x")
    run.finish()
    if seal:
        seal_run(open_store(), run.path)
    view(run)
    os.unlink(os.path.join(run.store.root, "catalog.sqlite"))
    assert (view(run).params, list(view(run).data_refs())) == ({"b": 2}, ["y"])


def test_references_are_the_latest_by_name(run):
    first = run.log_data_ref([1], "x")
    second = run.log_data_ref([2], "x", rows=1)
    run.log_event("data", "drift", {"columns": ["a"]})
    assert first["hash"] != second["hash"]
    assert view(run).data_refs() == {"x": second}


def test_files_of_the_programs_own_stay_with_the_run(run):
    path = run.outputs_directory()
    assert (path, os.listdir(path)) == (run.outputs_directory(), [])
    with open(os.path.join(path, "weights.bin"), "wb") as file:
        file.write(b"weights")
    run.finish()
    seal_run(open_store(), run.path)
    assert view(run).directory + "/outputs" == path
    assert os.listdir(path) == ["weights.bin"]
    assert view(run).artifacts() == []
    assert len(runlore.experiment("e")) == 1
