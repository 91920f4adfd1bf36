"""`kill -9` at random moments: what a returned call logged is there, and nothing that nobody logged.

The writer notes each call that returned in a shared file; the test reads it after the kill. 25 kills in the short
form, 200 with `-m soak`.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest

import runlore
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_run

WRITERS = 4
WRITER = '''
import mmap, os, sys, threading
import runlore

notes = open(sys.argv[1], "r+b")
shared = memoryview(mmap.mmap(notes.fileno(), 4096)).cast("q")  # struct would write zeros first, and be killed there
run = runlore.start("killed", capture=False)
print(run.uid, flush=True)

def work(number):
    """Call after call; each is noted once it has returned."""
    for i in range(1_000_000):
        run.log_metric(f"scalar{number}", float(i), step=i)
        run.log_metrics({f"row{number}/a": float(i), f"row{number}/b": -float(i)}, step=i)
        if i % 20 == 0:
            run.log_param(f"param{number}/{i}", {"i": i})
        if i % 50 == 0:
            run.log_artifact(b"%d" % i, f"artifact{number}/{i}")
        shared[number] = i + 1

threads = [threading.Thread(target=work, args=(0,)), threading.Thread(target=work, args=(1,))]
for number in (2, 3):
    if os.fork() == 0:
        work(number)
        os._exit(0)
    print("forked", flush=True)
for thread in threads:
    thread.start()
threads[0].join()
'''


def kill_once(tmp_path, rng):
    notes = tmp_path / "notes"
    notes.write_bytes(bytes(4096))
    environment = {**os.environ, "RUNLORE_STORE": str(tmp_path / "store")}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(notes)], env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    uid = process.stdout.readline().decode().strip()
    time.sleep(rng.random() * 0.15)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with open(notes, "rb") as file, mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ) as shared:
        return uid, struct.unpack_from(f"{WRITERS}q", shared)


def check(view, returned):
    names = {item.name: item for item in view.artifacts()}
    for number, count in enumerate(returned):
        for key in (f"scalar{number}", f"row{number}/a", f"row{number}/b"):
            expected = np.arange(count) * (-1.0 if key.endswith("b") else 1.0)
            if count == 0 and key not in view.metrics:
                continue
            series = view.metric(key)
            got = len(series)
            assert count <= got <= count + 1, (key, count, got)
            np.testing.assert_array_equal(series["value"][:count], expected)
            np.testing.assert_array_equal(series["step"], np.arange(got))
        for i in range(0, count, 20):
            assert view.params[f"param{number}/{i}"] == {"i": i}
        for i in range(0, count, 50):
            assert names[f"artifact{number}/{i}"].read_bytes() == b"%d" % i
    extra = [name for name in view.params if int(name.rpartition("/")[2]) > returned[int(name[5])]]
    assert extra == []


def kill_in_a_loop(tmp_path, kills):
    rng = random.Random(kills)
    logged = 0
    for _ in range(kills):
        uid, returned = kill_once(tmp_path, rng)
        logged += sum(returned)
        view = runlore.get_run(uid, store=tmp_path / "store")
        deadline = time.monotonic() + 60
        while view.refresh().status == "running" and time.monotonic() < deadline:
            time.sleep(0.01)  # the killed children are not ours to wait for
        assert view.status == "crashed"
        assert view.lost == 0
        check(view, returned)
        before = view.data()
        store = open_store(tmp_path / "store")
        done = seal_run(store, view.directory)
        assert done.outcome == "sealed", done
        assert view.data().equals(before)
        check(view.refresh(), returned)
    assert logged > 0


def test_25_kills(tmp_path):
    kill_in_a_loop(tmp_path, 25)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_200_kills(tmp_path):
    kill_in_a_loop(tmp_path, 200)
