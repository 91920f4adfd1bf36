"""Clocks that are wrong, and how much memory sending takes."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import time

import pytest
from tests.ship.faulty import FaultyProxy
from tests.ship.trainings import Training, compare

import runlore

SHIFTED = """
import time
_time, _time_ns, seconds = time.time, time.time_ns, {seconds}
time.time = lambda: _time() + seconds
time.time_ns = lambda: _time_ns() + seconds * 10**9
"""
YEARS_S = 10 * 365 * 86_400


@pytest.mark.parametrize("seconds", [YEARS_S, -YEARS_S])
def test_a_clock_that_is_wrong_by_years(address, store_path, spool_root, tmp_path, monkeypatch, seconds):
    (tmp_path / "sitecustomize.py").write_text(SHIFTED.format(seconds=seconds))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    training = Training(address, 500, 0.0, 30_000)
    uid = training.uid()
    code, _, err = training.ended()
    assert (code, err) == (0, "")
    assert compare(spool_root, store_path) == 1
    run = runlore.get_run(uid, store=store_path)
    assert (run.status, run.number, len(run.metric("loss"))) == ("succeeded", 1, 500)
    recorded_s = run.metric("loss")["time"].iloc[0].timestamp()
    assert abs(recorded_s - time.time() - seconds) < 3_600, "times are the program's"


SENDS = """
import resource, sys, runlore
from pathlib import Path

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

run = runlore.start("e", store=sys.argv[1], capture=False)
run.log_metric("loss", 0.0)
assert run.number == 1
before = peak_bytes()
run.log_artifact(sys.argv[2], "large")
for step in range(300_000):
    run.log_metric("loss", 0.5, step)
run.finish()
print(peak_bytes() - before)
"""


def test_memory_stays_bounded(address, store_path, tmp_path):
    """An artifact of 96 MB and a journal of 10 MB are sent by pieces."""
    with open(tmp_path / "large", "wb") as file:
        file.truncate(96 << 20)
    command = [sys.executable, "-c", SENDS, address, str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    assert int(done.stdout) < 24 << 20
    assert runlore.get_run("e#1", store=store_path).points == 300_001


ONE_METRIC = """
import sys, runlore
with runlore.start("e", store=sys.argv[1], capture=False) as run:
    run.log_metric("m", 1)
"""


def test_on_a_terminal_the_end_shows_what_is_still_to_be_sent(address):
    """While `finish` waits for a server that does not answer."""
    ours, theirs = pty.openpty()
    with FaultyProxy(address, lambda _: "hang") as proxy:
        command = [sys.executable, "-c", ONE_METRIC, proxy.address]
        process = subprocess.Popen(command, stderr=theirs, env={**os.environ, "RUNLORE_SYNC_TIMEOUT": "2"})
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed: the program has ended
            while piece := os.read(ours, 4096):
                shown += piece
        os.close(ours)
        assert process.wait(30) == 0
    assert f"kB to {proxy.address} (Ctrl-C: later)\r".encode() in shown
    assert shown.index(b"(Ctrl-C: later)") < shown.index(b"still to be sent")
