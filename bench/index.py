"""What the catalog costs: making it, following a wide run, and answering with everything.

    python bench/index.py [--quick]

Seconds of the processor stand beside those of the clock: on a busy machine they tell more. The catalog is made of runs
with 50 params and 50 metrics each, for a quarter of them, a half and all, so that it can be seen to grow as they do.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

import runlore
from runlore.catalog import open_catalog
from runlore.store import open_store

RUNS = 10_000
WIDE_KEYS = 10_000
STEPS = 20

FIRST = """
import os, resource, sys, time
from runlore.catalog import open_catalog
from runlore.store import open_store

def written():
    with open("/proc/self/io") as file:
        return int(dict(line.split(": ") for line in file.read().splitlines())["write_bytes"])

def timed(action):
    begin, used = time.perf_counter(), time.process_time()
    found = action()
    print(time.perf_counter() - begin, time.process_time() - used)
    return found

catalog = open_catalog(open_store(sys.argv[1]))
catalog.rebuild()
before = written()
timed(catalog.refresh)
print((written() - before) / 1e6, os.path.getsize(catalog.path) / 1e6)
timed(lambda: catalog.page("metrics.m3 < 0.5 and params.p1 < 0.5", "-metrics.m7", 100))
timed(lambda: catalog.page("metrics.m3 < 0.5 and params.p1 < 0.5", "-metrics.m7", 100))
resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
runs = timed(lambda: catalog.page(facts=True)).runs
print(len(runs), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 - resident)
time.sleep(0.1)
catalog.refresh()
timed(catalog.refresh)
"""


def record(store, count):
    source = random.Random(1)
    for number in range(count):
        params = {f"p{key}": source.choice(["adam", "sgd"]) if key % 5 == 0 else source.random() for key in range(50)}
        with runlore.start(f"bench/{number % 10}", store=store, capture=False, params=params) as run:
            for step in range(2):
                run.log_metrics({f"m{key}": source.random() for key in range(50)}, step)


def making(directory, results, count):
    for part in (count // 4, count // 2, count):
        store = directory / f"store{part}"
        record(store, part)
        found = subprocess.run([sys.executable, "-c", FIRST, str(store)], capture_output=True, text=True, check=True)
        first, sizes, cold, warm, everything, answer, idle = (
            tuple(map(float, line.split())) for line in found.stdout.splitlines()
        )
        what = f"{part:,} runs"
        limit = "≤ 8 s, ≤ 2 times" if part == RUNS else ""
        rate = f"{first[1] / part * 1e3:.2f} ms a run; written {sizes[0] / sizes[1]:.2f} times {sizes[1]:.0f} MB"
        results.append((f"first index of {what}", _both(first), f"{rate}", limit))
        results.append((f"first filtered page, {what}", _both(cold), f"the second: {_both(warm)}", "≤ 50 ms"))
        results.append((f"all with facts, {what}", _both(everything), f"{answer[1]:.0f} MB more", ""))
        results.append((f"refresh with nothing to do, {what}", _both(idle), "", "1 ms"))


def following(directory, results, keys):
    """A live run that logs one row of many keys a step, refreshed after each step."""
    store = directory / "wide"
    row = {f"layer{key}/weight": float(key) for key in range(keys)}
    with runlore.start("bench/wide", store=store, capture=False) as run:
        run.log_metrics(row, 0)
        catalog = open_catalog(open_store(store))
        catalog.refresh()
        times, used = [], []
        for step in range(1, STEPS):
            run.log_metrics({key: value * step for key, value in row.items()}, step)
            begin, spent = time.perf_counter(), time.process_time()
            catalog.refresh()
            times.append(time.perf_counter() - begin)
            used.append(time.process_time() - spent)
    median = (statistics.median(times), statistics.median(used))
    results.append(
        (f"refresh after a step of {keys:,} keys", _both(median), f"least {_both((min(times), min(used)))}", "≤ 40 ms")
    )


def _both(pair):
    return f"{pair[0] * 1e3:,.1f} ms ({pair[1] * 1e3:,.1f} cpu)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    scale = 10 if parser.parse_args().quick else 1
    results = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        following(Path(name), results, WIDE_KEYS // scale)
        making(Path(name), results, RUNS // scale)
    table = Table("what", "measured", "beside it", "wanted")
    for row in results:
        table.add_row(*row)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
