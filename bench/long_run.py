"""Following a long run: how long it takes to read a live series again when 1,000 points were added.

python bench/long_run.py [points]
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from time import perf_counter

import numpy as np

from runlore.journal import open_journal
from runlore.model import START, new_uid
from runlore.reader.reducing import downsample
from runlore.store import open_store
from runlore.store.content import read_points


def add(journal, start: int, count: int) -> None:
    values = (np.random.default_rng(start).standard_normal(count) + 1).tolist()
    scalar = journal.scalar
    for step, value in enumerate(values, start):
        scalar("loss", value, step)


def timed(text: str, function):
    start = perf_counter()
    result = function()
    print(f"{text:60} {(perf_counter() - start) * 1e3:10,.1f} ms", flush=True)
    return result


def main(points: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        store = open_store(root, create=True)
        uid = new_uid()
        store.create_run("bench", uid)
        directory = store.run_directory("bench", uid)
        journal = open_journal(os.path.join(directory, "journal"), uid)
        journal.event(START, "start", {"experiment": "bench", "number": 1})
        for start in range(0, points, 1_000_000):
            add(journal, start, 1_000_000)
        found = timed(f"the first reading of {points:,} points", lambda: read_points(directory, ["loss"]))
        for turn in range(5):
            add(journal, points + 1000 * turn, 1000)
            found = timed("1,000 points later", lambda: read_points(directory, ["loss"]))
        assert len(found) == points + 5000
        assert found.step[-1] == points + 4999
        timed("a chart of 1,000 buckets", lambda: downsample(found.step, found.value, 1000))
        timed("the same again", lambda: downsample(found.step, found.value, 1000))
        journal.close()
        print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB, with the maps")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000_000)
