"""A uid that was chosen beforehand: `start(uid=)`."""

from __future__ import annotations

import pytest

import runlore
from runlore.errors import AlreadyExists, InvalidName
from runlore.model import new_uid


def test_a_run_gets_the_uid_that_was_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_RUN", new_uid())
    uid = new_uid()
    with runlore.start("e", store=tmp_path, capture=False, uid=uid) as run:
        run.log_metric("loss", 1)
    view = runlore.get_run(uid, store=tmp_path)
    assert (view.uid, view.number, view.status) == (uid, 1, "succeeded")
    with pytest.raises(AlreadyExists, match=uid):
        runlore.start("e", store=tmp_path, capture=False, uid=uid)
    assert runlore.get_run(uid, store=tmp_path).points == 1


@pytest.mark.parametrize("uid", ["", "x", "A" * 32, "../" + "a" * 29])
def test_what_is_no_uid_is_refused_before_anything_is_made(tmp_path, uid):
    with pytest.raises(InvalidName):
        runlore.start("e", store=tmp_path / "store", capture=False, uid=uid)
    assert list(tmp_path.iterdir()) == []
