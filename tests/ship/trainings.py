"""Trainings in processes of their own, `runlore sync`, and the comparison of what both stores hold."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runlore.store import open_store

HERE = Path(__file__).parent


class Training:
    """A training in a process of its own."""

    def __init__(self, address, steps=300, pause_s=0.0, artifact_bytes=0, **environment):
        command = [sys.executable, str(HERE / "training.py"), str(steps), str(pause_s), str(artifact_bytes)]
        variables = {"RUNLORE_STORE": address, "RUNLORE_KEEP_SPOOL": "1", "RUNLORE_SYNC_TIMEOUT": "60", **environment}
        self.process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def uid(self):
        """The run's uid, once it has begun."""
        return self.process.stdout.readline().strip()

    def ended(self, timeout=120):
        """What it said: (exit code, stdout, stderr)."""
        watch = threading.Timer(timeout, self.process.kill)
        watch.start()
        try:
            with ThreadPoolExecutor(1) as reading:  # not by `communicate`, which loses what `uid` read too far
                err = reading.submit(self.process.stderr.read)
                out = self.process.stdout.read()
            self.process.wait()
        finally:
            watch.cancel()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode, out, err.result()


def sync(address, *options, **environment):
    """`runlore sync`: (exit code, stdout, stderr)."""
    command = [sys.executable, "-m", "runlore", "sync", "--store", address, *options]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def free_port():
    """A port that is free, and stays so: none of those that the system gives to clients.

    One who tries again and again to connect to one of those, while nobody listens there, is in the end its own server.
    """
    while True:
        port = random.randrange(15_000, 30_000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            break
        except OSError:
            continue
    return port


def journals(root):
    """(uid, writer) → path of the journals below a directory."""
    return {(path.parents[1].name, path.stem): path for path in Path(root).rglob("*.rlj")}


def compare(spool_root, store_path):
    """Both stores hold the same: each journal of the spool is at the server, bit for bit, and each content."""
    ours, theirs = journals(spool_root), journals(Path(store_path) / "runs")
    assert ours, "nothing was recorded"
    for place, path in ours.items():
        here, there = path.read_bytes(), theirs[place].read_bytes()
        assert here.startswith(there), (place, len(here), len(there))
        assert not here[len(there) :].strip(b"\0"), (place, len(here), len(there))  # only room that was reserved
    store = open_store(store_path)
    for path in Path(spool_root).rglob("blobs/??/*"):
        assert store.has_content(path.name), path
    return len(ours)
