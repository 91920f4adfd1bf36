"""`Run.log_encoded` and columns of single events, of whatever name."""

from __future__ import annotations

import datetime as dt

import pytest

import runlore
from runlore.errors import InvalidArgument, InvalidName
from runlore.media import encode_object


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / ".runlore"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")


def test_an_encoded_object_keeps_time_step_metadata_and_columns():
    time = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.timezone.utc)
    with runlore.start("iris") as run:
        about = {"origin": "test"}
        run.log_encoded(encode_object((1, "a")), "pair", 3, time=time, metadata=about, columns={"fold": 2, "kind": "x"})
    artifact = runlore.get_run(run.uid).artifact("pair")
    assert artifact.load() == (1, "a")
    assert artifact.step == 3
    assert artifact.time_ns == 1767323045678901000
    assert artifact.metadata["origin"] == "test"
    assert artifact.kind == "object"
    row = runlore.experiment("iris").data(event="artifact").iloc[0]
    assert (row["fold"], row["kind"]) == (2, "x")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"name": "../x"}, InvalidName),
        ({"name": "x", "columns": {"run": 1}}, InvalidArgument),
        ({"name": "x", "time": float("nan")}, InvalidArgument),
    ],
)
def test_what_cannot_be_leaves_nothing_behind(arguments, error):
    with runlore.start("iris") as run, pytest.raises(error):
        run.log_encoded(encode_object(1), **arguments)
    assert runlore.get_run(run.uid).artifacts() == []


def test_columns_may_be_called_like_arguments():
    with runlore.start("iris") as run:
        run.log_event("note", "n", 1, columns={"kind": "a", "time": "b"}, other=2)
        with pytest.raises(InvalidArgument, match="node"):
            run.log_event("note", "n", 1, columns={"node": "a"})
    row = runlore.experiment("iris").data(event="note").iloc[0]
    assert (row["kind"], row["time"], row["other"]) == ("a", "b", 2)
