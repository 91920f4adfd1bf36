"""Sealing a run of ten million points: bytes a point, seconds, memory, and reading one key of a hundred.

    python bench/seal.py [points] [keys]

The run is what training looks like: noisy float32 losses, a step of 10 ms with a jitter of 0.3 ms,
one call a value or one a step.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from time import perf_counter, time

import numpy as np

from runlore.journal import open_journal
from runlore.model import START, new_uid
from runlore.store import open_store
from runlore.store.content import read_points
from runlore.store.sealed.sealing import seal_run


def record(directory: str, uid: str, points: int, keys: int, *, rows: bool) -> None:
    generator = np.random.default_rng(1)
    journal = open_journal(os.path.join(directory, "journal"), uid)
    journal.event(START, "start", {"experiment": "bench", "number": 1})
    names = [f"train/layer{number:03}/loss" for number in range(keys)]
    now = time()
    for step in range(points // keys):
        loss = (0.2 + np.exp(-step / 20_000)) * (1 + 0.05 * generator.standard_normal(keys))
        losses = loss.astype(np.float32).tolist()
        now += 0.01 + 0.0003 * generator.standard_normal()
        if rows:
            journal.row(dict(zip(names, losses, strict=True)), step, now)
        else:
            for name, loss, late in zip(names, losses, generator.exponential(2e-6, keys).tolist(), strict=True):
                now += late
                journal.scalar(name, loss, step, now)
    journal.close()


def measure(points: int, keys: int, *, rows: bool) -> None:
    with tempfile.TemporaryDirectory() as root:
        store = open_store(root, create=True)
        uid = new_uid()
        store.create_run("bench", uid)
        directory = store.run_directory("bench", uid)
        record(directory, uid, points, keys, rows=rows)
        start = perf_counter()
        result = seal_run(store, directory)
        seconds = perf_counter() - start
        size = os.stat(os.path.join(directory, "metrics.parquet")).st_size
        read_points(directory, ["nothing"])
        times = []
        for key in (0, keys // 2, keys - 1):
            start = perf_counter()
            found = read_points(directory, [f"train/layer{key:03}/loss"])
            times.append(perf_counter() - start)
        print(
            f"{'rows' if rows else 'scalars':8} {result.points:>11,} points  {keys:>4} keys  "
            f"{result.journal_bytes / result.points:5.1f} -> {size / result.points:5.2f} bytes a point  "
            f"sealed in {seconds:6.1f} s  one key ({len(found):,} points) in {max(times) * 1e3:6.1f} ms  "
            f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB"
        )


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    for as_rows in (False, True):
        measure(size, count, rows=as_rows)
