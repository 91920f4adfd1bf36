"""Client and server are killed at any byte: after a restart and `runlore sync` both stores hold the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from tests.ship.trainings import Training, compare, free_port, sync

import runlore


class Server:
    """A server in a process of its own, which can be killed and started again at the same address."""

    def __init__(self, store_path):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.store_path = store_path
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "runlore", "server", "--port", str(self.port), "--store", self.store_path]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert b"serves" in self.process.stdout.readline()
        with urllib.request.urlopen(f"{self.address}/health", timeout=30) as answer:
            assert answer.status == 200

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def kill_both(store_path, spool_root, seed):
    """Kill the server once or twice and the client, at random moments while bytes go over."""
    chance = random.Random(seed)
    server = Server(store_path)
    server.start()
    environment = {"RUNLORE_SYNC_TIMEOUT": "0", "RUNLORE_JOURNAL": chance.choice(["mmap", "write"])}
    training = Training(
        server.address, 20_000, chance.choice([0.0, 0.0, 0.0002]), chance.choice([0, 40_000]), **environment
    )
    try:
        uid = training.uid()
        for _ in range(chance.randrange(3)):
            time.sleep(chance.random() * 0.4)  # the moment is what varies
            server.kill()
            time.sleep(chance.random() * 0.1)
            server.start()
        time.sleep(chance.random() * 0.8)
        if chance.random() < 0.5:
            server.kill()
            training.process.kill()
            server.start()
        else:
            training.process.kill()
        training.ended()
        code, out, err = sync(server.address, RUNLORE_KEEP_SPOOL="1")
        assert code == 0, (out, err)
    finally:
        training.process.kill()
        server.kill()
    assert compare(spool_root, store_path) == 1
    here = next(spool_root.glob("*/runs")).parent
    ours, theirs = (runlore.get_run(uid, store=str(place)) for place in (here, store_path))
    assert ours.metrics == theirs.metrics or any(value != value for value in ours.metrics.values())
    if "loss" in ours.metrics:
        assert ours.metric("loss").equals(theirs.metric("loss"))
    assert [event[1:] for event in ours.events()] == [event[1:] for event in theirs.events() if event.key != "number"]
    assert theirs.status in {"crashed", "succeeded"}
    assert ours.status == theirs.status


SHORT = (1, 4, 6, 7, 11)
"""Both ways to write; the client killed alone and with the server; no, one and two kills of the server before."""


@pytest.mark.parametrize("seed", SHORT)
def test_client_and_server_are_killed(store_path, spool_root, seed):
    kill_both(store_path, spool_root, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", sorted(set(range(400)) - set(SHORT)))
def test_client_and_server_are_killed_hundreds_of_times(store_path, spool_root, seed):
    kill_both(store_path, spool_root, seed)


@pytest.mark.parametrize("length", [1, 63, 64, 300, 544, 545, 16_384, 20_001, 40_000])
def test_the_server_died_while_it_wrote(address, store_path, spool_root, length, monkeypatch):
    """What it left of a piece is gone on with from that byte, whichever it is."""
    monkeypatch.setenv("RUNLORE_OFFLINE", "1")
    monkeypatch.setenv("RUNLORE_KEEP_SPOOL", "1")
    with runlore.start("iris", store=address, capture=False) as run:
        for step in range(3000):
            run.log_metric("loss", step / 3, step)
    monkeypatch.delenv("RUNLORE_OFFLINE")
    journal = next(spool_root.rglob("*.rlj"))
    folder = os.path.join(store_path, "runs", "iris", run.uid, "journal")
    os.makedirs(folder)
    with open(os.path.join(folder, journal.name), "wb") as file:
        file.write(journal.read_bytes()[:length])
    code, _, err = sync(address)
    assert code == 0, err
    assert compare(spool_root, store_path) == 1
    assert len(runlore.get_run(run.uid, store=store_path).metric("loss")) == 3000


def test_other_bytes_at_the_server_are_said_and_ours_are_kept(address, store_path, spool_root, monkeypatch):
    monkeypatch.setenv("RUNLORE_OFFLINE", "1")
    with runlore.start("iris", store=address, capture=False) as run:
        for step in range(3000):
            run.log_metric("loss", step / 3, step)
    monkeypatch.delenv("RUNLORE_OFFLINE")
    journal = next(spool_root.rglob("*.rlj"))
    before = journal.read_bytes()
    folder = os.path.join(store_path, "runs", "iris", run.uid, "journal")
    os.makedirs(folder)
    damaged = bytearray(before)
    damaged[30_000] ^= 1
    with open(os.path.join(folder, journal.name), "wb") as file:
        file.write(damaged)
    code, _, err = sync(address)
    assert code == 1
    assert "other bytes" in err
    assert journal.read_bytes() == before
