"""Servers over one store, each ended at a random moment by one of three signals, while a sender goes on sending.

No server hangs or writes a traceback, each next one comes up, and what was confirmed is there.
"""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.ship.trainings import free_port

import runlore
from runlore.journal import open_journal
from runlore.model import new_uid
from runlore.ship.client import Client
from runlore.ship.connection import Unreachable

ENDS_WITHIN_S = 20
POINTS = 3_000
"""For each server: more than is sent to one, so that there is always something to be sent."""


class Sending:
    """A thread that sends a journal in small pieces, to whichever server there is."""

    def __init__(self, address, folder, store_path, points):
        self.uid = new_uid()
        folder.mkdir()
        journal = open_journal(str(folder), self.uid)
        journal.event("start", "start", {"experiment": "e", "number": 1})
        for step in range(points):
            journal.scalar("m", float(step), step)
        journal.close()
        self.content = Path(journal.path).read_bytes()
        self.stored = Path(store_path, "runs", "e", self.uid, "journal", f"{journal.writer}.rlj")
        self.writer = journal.writer
        self.confirmed = 0
        self.answers = 0
        self.over = threading.Event()
        self.client = Client(address, 30)
        self.failed: list[Exception] = []
        self.thread = threading.Thread(target=self.send)
        self.thread.start()

    def send(self):
        chance, is_announced = random.Random(0), False
        while not self.over.is_set() and not self.failed:
            piece = self.content[self.confirmed : self.confirmed + chance.choice([600, 1_000, 2_000])]
            try:
                if not is_announced:
                    self.client.announce("e", self.uid)
                    is_announced = True
                self.confirmed = self.client.append("e", self.uid, self.writer, self.confirmed, piece)
                self.answers += 1
                self.over.wait(0.02)  # the journal is to last
            except Unreachable:
                self.over.wait(0.01)
            except Exception as error:  # noqa: BLE001 - above all a gap: bytes that were confirmed are gone
                self.failed.append(error)

    def compare(self):
        """What was confirmed is there, and what is there is what was sent."""
        assert not self.failed
        confirmed = self.confirmed
        stored = self.stored.read_bytes() if confirmed else b""
        assert len(stored) >= confirmed
        assert self.content.startswith(stored)

    def stop(self):
        self.over.set()
        self.thread.join()
        self.client.close()

    def finish(self):
        """Send the rest, to a server that stays."""
        self.stop()
        assert not self.failed
        while self.confirmed < len(self.content):
            piece = self.content[self.confirmed : self.confirmed + (1 << 20)]
            self.confirmed = self.client.append("e", self.uid, self.writer, self.confirmed, piece)


def start(store_path, port, workers):
    heard = ["env", "--default-signal=INT"]  # tests that are run in the background may have it ignored
    command = [*heard, sys.executable, "-m", "runlore", "server", "--store", store_path, "--port", str(port)]
    return subprocess.Popen(
        [*command, "--workers", str(workers)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def await_start(process):
    if "serves" not in process.stdout.readline():
        pytest.fail(process.communicate()[1])


def end(process, number):
    """Send the signal, and see that it ends at once and in order."""
    process.send_signal(number)
    begun = time.monotonic()
    _, log = process.communicate(timeout=30)
    assert time.monotonic() - begun < ENDS_WITHIN_S
    is_python_starting = number == signal.SIGINT and ", in run\n" not in log  # modules are imported: nothing catches it
    assert "Traceback" not in log or is_python_starting, log
    assert process.returncode in (0, 1, 130, -number), log


def wait_until_free(port):
    """Workers whose parent was killed end by themselves; nobody can wait for them as for children."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def end_servers(tmp_path, store_path, count, seed):
    chance = random.Random(seed)
    port, points = free_port(), count * POINTS
    sending = Sending(f"http://127.0.0.1:{port}", tmp_path / "sent", store_path, points)
    process = None
    try:
        for round_ in range(count):
            process = start(store_path, port, workers=chance.choice([1, 1, 2]))
            if round_ % 2 == 0:
                await_start(process)
                before, deadline = sending.answers, time.monotonic() + 30
                while sending.answers == before and not sending.failed:
                    assert time.monotonic() < deadline
                    time.sleep(0.001)
            time.sleep(chance.random() * (0.1 if round_ % 2 == 0 else 0.8))  # the moment is what varies
            end(process, chance.choice([signal.SIGTERM, signal.SIGINT, signal.SIGKILL]))
            wait_until_free(port)
            sending.compare()
        assert sending.confirmed < len(sending.content)
        process = start(store_path, port, workers=1)
        await_start(process)
        sending.finish()
        end(process, signal.SIGTERM)
    finally:
        sending.stop()
        if process is not None and process.poll() is None:
            process.kill()
            process.communicate()
    run = runlore.get_run(sending.uid, store=store_path)
    assert run.metric("m")["value"].tolist() == [float(step) for step in range(points)]


def test_servers_are_ended_at_random_moments(tmp_path, store_path):
    end_servers(tmp_path, store_path, 6, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_servers_are_ended_a_thousand_times(tmp_path, store_path, seed):
    end_servers(tmp_path, store_path, 100, seed)
