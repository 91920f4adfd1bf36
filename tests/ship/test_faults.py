"""The server, or what is before it, misbehaves in every way: the training does not notice, and nothing is lost."""

from __future__ import annotations

import random
import re

import pytest
from tests.ship.faulty import FAULTS, FaultyProxy
from tests.ship.trainings import Training, compare, sync

import runlore

MOST_OVERHEAD_S = 20.0


def trained(out):
    """(seconds of training, seconds until the end)."""
    return float(re.search(r"trained ([\d.]+)", out).group(1)), float(re.search(r"ended ([\d.]+)", out).group(1))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "hang"])
def test_what_goes_wrong_for_a_while_costs_nothing(address, store_path, spool_root, fault):
    with FaultyProxy(address, lambda n: fault if n in {0, 2, 3, 5, 8, 9} else "") as proxy:
        training = Training(proxy.address, 2000, 0.0005, 200_000)
        uid = training.uid()
        code, _, err = training.ended()
        if fault in ("status 401", "status 413"):  # they are not waited for: somebody has to do something
            assert code == 0
            code, _, err = sync(proxy.address, RUNLORE_KEEP_SPOOL="1")
    assert code == 0, err
    assert "Traceback" not in err
    assert any(found == fault for _, found in proxy.requests)
    assert compare(spool_root, store_path) == 1
    run = runlore.get_run(uid, store=store_path)
    assert (run.status, run.number) == ("succeeded", 1)
    assert len(run.metric("loss")) == 2000


ALWAYS_TRIED = ("status 401", "status 500", "refuse", "half answer", "slow")


@pytest.mark.parametrize(
    "fault",
    [fault if fault in ALWAYS_TRIED else pytest.param(fault, marks=pytest.mark.soak) for fault in FAULTS],
)  # each takes seconds: all of them are tried for a while above, and all the time in the long form
def test_what_goes_wrong_all_the_time_does_not_keep_the_program(address, store_path, spool_root, fault):
    with FaultyProxy(address, lambda _: fault) as proxy:
        training = Training(proxy.address, 3000, 0.0, 50_000, RUNLORE_SYNC_TIMEOUT="1")
        uid = training.uid()
        code, out, err = training.ended()
        assert code == 0, err
        assert "Traceback" not in err
        begun, ended = trained(out)
        assert ended - begun < MOST_OVERHEAD_S
        if fault == "slow":  # slow, and yet it is done
            return
        assert "still to be sent" in err
        assert f"runlore sync --store {proxy.address}" in err
        code, out, err = sync(proxy.address)
        assert code == 1
        assert "Traceback" not in err
        proxy.choose = lambda _: ""
        code, out, err = sync(proxy.address, RUNLORE_KEEP_SPOOL="1")
        assert code == 0, err
    assert compare(spool_root, store_path) == 1
    assert runlore.get_run(uid, store=store_path).status == "succeeded"


@pytest.mark.parametrize("store", ["http://127.0.0.1:9", "http://no-such-host.invalid", "https://127.0.0.1:9"])
def test_without_a_server_the_program_goes_on(store, spool_root):
    code, out, err = Training(store, 3000, RUNLORE_SYNC_TIMEOUT="1").ended()
    assert code == 0
    begun, ended = trained(out)
    assert ended - begun < MOST_OVERHEAD_S
    assert "still to be sent" in err
    assert err.count("\n") in {1, 2}  # the first trouble, unless there was no time to find out; and what is left


def storm(address, store_path, spool_root, seed, steps=1500):
    """Requests fail at random, in all ways, half of the time."""
    chance = random.Random(seed)
    faults = [fault for fault in FAULTS if fault not in ("hang", "status 401")]
    with FaultyProxy(address, lambda _: chance.choice([*faults, *[""] * len(faults)])) as proxy:
        training = Training(proxy.address, steps, 0.0002, 30_000, RUNLORE_SYNC_TIMEOUT="1")
        uid = training.uid()
        code, _, err = training.ended()
        assert code == 0, err
        proxy.choose = lambda _: ""
        code, _, err = sync(proxy.address, RUNLORE_KEEP_SPOOL="1")
        assert code == 0, err
    assert compare(spool_root, store_path) >= 1
    run = runlore.get_run(uid, store=store_path)
    assert (run.status, len(run.metric("loss"))) == ("succeeded", steps)


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_faults(address, store_path, spool_root, seed):
    storm(address, store_path, spool_root, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 100))
def test_storms_of_faults(address, store_path, spool_root, seed):
    storm(address, store_path, spool_root, seed)
