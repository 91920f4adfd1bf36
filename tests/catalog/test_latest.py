"""Which runs changed last: by what they recorded, and by what was said of them from outside."""

from __future__ import annotations

import pytest
from tests.reader.made_runs import make_run

from runlore.errors import InvalidArgument
from runlore.reader.session import Session
from runlore.store import open_store


def test_what_was_said_of_a_run_from_outside_counts(tmp_path):
    session = Session(open_store(tmp_path / "store", create=True))
    uids = [make_run(session.store) for _ in range(3)]

    def latest(limit):
        return [run.uid for run in session.refresh().index.latest(limit)]

    assert sorted(latest(5)) == uids
    session.store.open_run(uids[0]).annotate([("tag", "a", "b")])
    assert latest(1) == [uids[0]]
    session.store.open_run(uids[1]).annotate([("attribute", "deleted", True)])
    assert latest(2) == [uids[1], uids[0]]
    assert session.index.latest(1, facts=True)[0].facts is not None
    with pytest.raises(InvalidArgument):
        session.index.latest(0)
