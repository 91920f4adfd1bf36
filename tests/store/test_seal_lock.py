from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from unittest.mock import patch

import pytest
from store_truth import new_run, record, truth

from runlore.journal import liveness
from runlore.model import new_uid
from runlore.store import seal_lock
from runlore.store.seal_lock import NAME, sealing
from runlore.store.sealed.sealing import seal_run

HOLDER = """
import sys
from runlore.journal import liveness
from runlore.store.seal_lock import sealing
if sys.argv[2] == "file":
    liveness.trusts_locks = lambda _: False
with sealing(sys.argv[1]) as lock:
    print(lock is not None, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["record", "file"])
def kind(request, monkeypatch):
    """Both kinds of lock keep the same promises."""
    if request.param == "file":
        monkeypatch.setattr(liveness, "trusts_locks", lambda _: False)
    return request.param


def hold(directory, kind):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, directory, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "True\n"
    return holder


def test_one_holds_it_at_a_time(tmp_path, kind):
    with sealing(str(tmp_path)) as first, sealing(str(tmp_path)) as second:
        assert first is not None
        assert first.held()
        assert second is None
    with sealing(str(tmp_path)) as again:
        assert again is not None
    assert os.listdir(tmp_path) == []


def test_another_process_keeps_it_until_it_is_killed(tmp_path, kind):
    holder = hold(str(tmp_path), kind)
    with sealing(str(tmp_path)) as lock:
        assert lock is None
    holder.kill()
    holder.communicate()
    with sealing(str(tmp_path)) as lock:
        assert lock is not None
    assert os.listdir(tmp_path) == []


def test_it_goes_with_an_exception(tmp_path, kind):
    with pytest.raises(ValueError, match="x"), sealing(str(tmp_path)):
        raise ValueError("x")
    with sealing(str(tmp_path)) as lock:
        assert lock is not None


def owner(**changes):
    about = {
        "host": os.uname().nodename,
        "boot": liveness.boot_id(),
        "pid": os.getpid(),
        "pid_started": liveness.process_started(os.getpid()),
        "lock": new_uid(),
    }
    return json.dumps({**about, **changes})


@pytest.mark.parametrize(
    ("content", "hours_old", "abandoned"),
    [
        (owner(), 100, False),
        (owner(pid_started=1), 0, True),
        (owner(boot="before"), 0, True),
        (owner(host="elsewhere"), 1, False),
        (owner(host="elsewhere"), 7, True),
        ("", 1, False),
        ("{", 7, True),
    ],
)
def test_a_lock_file_is_taken_over_once_its_owner_is_known_to_be_gone(
    tmp_path, monkeypatch, content, hours_old, abandoned
):
    monkeypatch.setattr(liveness, "trusts_locks", lambda _: False)
    path = tmp_path / NAME
    path.write_text(content)
    then = time.time() - hours_old * 3600
    os.utime(path, (then, then))
    with sealing(str(tmp_path)) as lock:
        assert (lock is not None) == abandoned
    assert os.listdir(tmp_path) == ([] if abandoned else [NAME])


def test_a_lock_that_was_taken_over_meanwhile_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(liveness, "trusts_locks", lambda _: False)
    path = tmp_path / NAME
    path.write_text(owner(boot="before"))
    theirs = owner(host="elsewhere")

    def abandoned(*_):
        path.write_text(theirs)  # another one was faster
        return True

    monkeypatch.setattr(seal_lock, "_is_abandoned", abandoned)
    with sealing(str(tmp_path)) as lock:
        assert lock is None
    assert path.read_text() == theirs
    assert os.listdir(tmp_path) == [NAME]


def test_a_sealing_whose_lock_was_taken_over_is_not_committed(store, monkeypatch):
    monkeypatch.setattr(liveness, "trusts_locks", lambda _: False)
    directory = new_run(store)
    with patch.object(liveness, "trusts_locks", lambda _: True):
        record(directory)
    expected = truth(directory)
    with patch.object(seal_lock.Lock, "held", lambda _: False):
        assert seal_run(store, directory).outcome == "busy"
    assert sorted(os.listdir(directory)) == ["journal", NAME]
    assert truth(directory) == expected
