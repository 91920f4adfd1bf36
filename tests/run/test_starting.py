"""What `start` takes beyond the first steps: columns from the start event on, and a run to join by its uid."""

from __future__ import annotations

import pytest

import runlore
from runlore.errors import InvalidArgument, InvalidName, RunNotFound, StoreNotFound, WrongType


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".runlore"


def test_columns_are_on_every_record_from_the_start_event_on():
    with runlore.start("iris", columns={"fold": 3}) as run:
        run.log_metric("acc", 0.5)
        run.log_extra(tag="a")
        run.log_metric("acc", 0.6)
    data = runlore.experiment("iris").data()
    assert data["fold"].tolist() == [3, 3, 3, 3]
    assert data["tag"].isna().tolist() == [True, True, False, False]


@pytest.mark.parametrize("columns", [{"run": 1}, {"x": object()}])
def test_columns_that_cannot_be_leave_nothing_behind(store, columns):
    with pytest.raises((InvalidArgument, WrongType)):
        runlore.start("iris", columns=columns)
    assert not store.exists()


def test_a_run_is_joined_by_its_uid():
    with runlore.start("iris") as run:
        joined = runlore.start("iris", join=run.uid)
        joined.log_metric("acc", 0.5)
        assert (joined.uid, joined.number) == (run.uid, 1)
        joined.finish()
        run.log_metric("acc", 0.6)
    view = runlore.get_run(run.uid)
    assert view.metric("acc")["value"].tolist() == [0.5, 0.6]
    assert len(view.events("start")) == len(view.events("stop")) == 1
    assert len(runlore.experiment("iris")) == 1


def test_only_what_exists_can_be_joined(store):
    with pytest.raises(StoreNotFound):
        runlore.start("iris", join="0" * 32)
    assert not store.exists()
    run = runlore.start("iris")
    run.finish()
    with pytest.raises(RunNotFound, match="other"):
        runlore.start("other", join=run.uid)
    with pytest.raises(InvalidName, match="join='x'"):
        runlore.start("iris", join="x")
    assert runlore.experiments()["experiment"].tolist() == ["iris"]
