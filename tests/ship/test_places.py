"""Several who send at once, and spools on disks that are full or are no place for them."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import pytest
from tests.server.live import serving
from tests.ship.trainings import journals

import runlore
from runlore.errors import NotStored
from runlore.store import open_store


def test_several_syncs_at_once_send_everything_once(address, store_path, spool_root, monkeypatch):
    monkeypatch.setenv("RUNLORE_OFFLINE", "1")
    contents = os.urandom(2_000_000)
    for number in range(12):
        with runlore.start("e", store=address, capture=False) as run:
            run.log_metric("loss", number)
            run.log_artifact(contents if number % 2 else os.urandom(5_000), "x")
    monkeypatch.delenv("RUNLORE_OFFLINE")
    command = [sys.executable, "-m", "runlore", "sync", "--store", address]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in started]
    assert [code for _, _, code in ended] == [0, 0, 0], ended
    assert sum("sent to" in out for out, _, _ in ended) >= 1
    assert not journals(spool_root)
    frame = runlore.runs(store=store_path)
    assert sorted(frame["run"]) == list(range(1, 13))
    assert set(frame["status"]) == {"succeeded"}


def test_contents_that_somebody_else_is_sending_are_waited_for(address, store_path, monkeypatch):
    """Two processes have logged the same file: each sees to its own run, and one of them sends the file."""
    from runlore.store.arriving import Arriving

    contents = os.urandom(50_000)
    store = open_store(store_path)
    digest, _ = open_store(store_path + "-aside", create=True).put_bytes(contents)
    with Arriving(store, digest) as theirs:
        run = runlore.start("e", store=address, capture=False)
        run.log_artifact(contents, "x")
        finishing = threading.Thread(target=run.finish)
        finishing.start()
        finishing.join(1.5)
        assert finishing.is_alive()
        theirs.write(contents)
        theirs.keep()
    finishing.join(30)
    assert runlore.get_run(run.uid, store=store_path).artifact("x").read_bytes() == contents
    assert runlore.get_run(run.uid, store=store_path).status == "succeeded"


def test_two_servers_and_a_program_share_a_store(store_path):
    numbers = []

    def record(place):
        for _ in range(4):
            with runlore.start("two", store=place, capture=False) as run:
                run.log_metric("m", 1.0)
                numbers.append(run.number)

    with serving(store_path) as first, serving(store_path) as second:
        threads = [threading.Thread(target=record, args=(place,)) for place in (first, second, store_path)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(numbers) == list(range(1, 13))
        for place in (first, second, store_path):
            assert list(runlore.runs(experiment="two", store=place)["status"]) == ["succeeded"] * 12


RECORD = """
import runlore, sys
with runlore.start("e", store=sys.argv[1], capture=False) as run:
    for step in range(12_000):
        run.log_metric("loss", float(step), step=step)
    run.log_artifact(b"x" * 1_000_000, "big")
    print(run.lost, run.uid)
"""


def record_into(spool, address):
    return subprocess.run(
        [sys.executable, "-c", RECORD, address], env={**os.environ, "RUNLORE_SPOOL": str(spool)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_spool_on_a_full_disk_costs_what_does_not_fit_and_nothing_else(address, store_path, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", str(small)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk needs privileges: {mounted.stderr.strip()}")
    try:
        done = record_into(small, address)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    assert done.returncode == 0, done.stderr
    lost, uid = done.stdout.split()
    assert int(lost) > 2_000
    assert "cannot grow" in done.stderr
    run = runlore.get_run(uid, store=store_path)
    assert (run.points + int(lost), run.status) == (12_000 + 1, "succeeded")


@pytest.mark.parametrize("place", ["/proc/1/x", "/dev/null", "/dev/null/x"])
def test_what_is_no_place_for_a_spool_is_said(address, place):
    done = record_into(place, address)
    assert done.returncode == 1
    assert "NotStored: the spool '" in done.stderr
    assert "name another place with RUNLORE_SPOOL" in done.stderr
    told = subprocess.run(
        [sys.executable, "-m", "runlore", "sync", "--store", address], env={**os.environ, "RUNLORE_SPOOL": place},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 1
    assert "RUNLORE_SPOOL" in told.stderr
    assert "Traceback" not in told.stderr


def start_as_nobody(address, said):
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        runlore.start("e", store=address, capture=False)
    except NotStored as error:
        said.put(str(error))
    else:
        said.put("it was recorded")


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs privileges")
@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_the_spool_of_another_user_is_said(address, tmp_path, spool_root, monkeypatch, mode):
    """With a mode that lets others in, ours is within it and theirs cannot be."""
    monkeypatch.setenv("RUNLORE_OFFLINE", "1")
    runlore.start("e", store=address, capture=False).finish()
    spool_root.chmod(mode)
    context = multiprocessing.get_context("fork")
    said = context.Queue()
    child = context.Process(target=start_as_nobody, args=(address, said))
    child.start()
    text = said.get(timeout=30)
    child.join()
    assert text.startswith(f"the spool '{spool_root}")
    assert text.endswith(
        "cannot be used: Permission denied. Nothing was recorded; name another place with RUNLORE_SPOOL"
    )
