"""Speed and size of the core, as ratios and figures measured side by side in one run.

    python bench/core.py [--quick]

The unit is `list.append((key, float(value), step, time.time()))` in the same loop, on one core. Nothing here is a test:
machines are noisy, and a figure is worth what was measured beside it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

import runlore

N = 200_000
KEYS = {f"layer{i}/weight": float(i) for i in range(100)}


def per_call_ns(function, count):
    start = time.perf_counter_ns()
    function(count)
    return (time.perf_counter_ns() - start) / count


def unit(count):
    points = []
    for step in range(count):
        points.append(("loss", float(0.5), step, time.time()))  # noqa: PERF401, UP018 - this is the unit


def scalars(run):
    def loop(count):
        log_metric = run.log_metric
        for step in range(count):
            log_metric("loss", 0.5, step)

    return loop


def rows(run):
    def loop(count):
        for step in range(count // 100):
            run.log_metrics(KEYS, step)

    return loop


def bare_pwrites(directory):
    """What no unbuffered writer can be without: one system call for each record."""
    descriptor = os.open(directory / "bare", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    record = bytes(32)

    def loop(count):
        os.ftruncate(descriptor, 0)
        pwrite = os.pwrite
        for step in range(count):
            pwrite(descriptor, record, 32 * step)

    return loop


def logging_costs(store, results, rounds):
    bare = bare_pwrites(store.parent)
    for mode in ("mmap", "write"):
        os.environ["RUNLORE_JOURNAL"] = mode
        with runlore.start("bench/logging", store=store, capture=False) as run:
            ratios, row_ratios, bare_ratios, units = [], [], [], []
            for _ in range(rounds):
                one = per_call_ns(unit, N)
                units.append(one)
                ratios.append(per_call_ns(scalars(run), N) / one)
                row_ratios.append(per_call_ns(rows(run), N) / one)
                bare_ratios.append(per_call_ns(bare, N) / one)
        results.append(("unit", f"{statistics.median(units):.0f} ns", ""))
        limit = "≤ 4" if mode == "mmap" else "+ 2 to 3 units"
        results.append((f"log_metric, {mode}", f"{statistics.median(ratios):.2f} units", limit))
        if mode == "write":
            results.append(("one bare pwrite of 32 bytes", f"{statistics.median(bare_ratios):.2f} units", ""))
        results.append(
            (f"log_metrics of 100 keys, {mode}", f"{statistics.median(row_ratios):.2f} units a value", "≤ 0.7")
        )
    del os.environ["RUNLORE_JOURNAL"]


def tail_latency(store, results):
    with runlore.start("bench/tail", store=store, capture=False) as run:
        clock, log_metric = time.perf_counter_ns, run.log_metric
        took = []
        for step in range(300_000):
            begin = clock()
            log_metric("loss", 0.5, step)
            took.append(clock() - begin)
    took.sort()
    results.append(("log_metric, p50 with its clock", f"{took[len(took) // 2] / 1000:.2f} µs", ""))
    results.append(("log_metric, p99.9", f"{took[int(len(took) * 0.999)] / 1000:.1f} µs", "≤ 30 µs"))


START = """
import runlore
run = runlore.start("bench/start", capture={capture})
run.log_metric("loss", 0.5)
run.finish()
"""


def interpreter_start(store, results, rounds):
    environment = {**os.environ, "RUNLORE_STORE": str(store)}
    for label, capture in (("capture off", False), ("all default captures", None)):
        extra = []
        for _ in range(rounds):
            took = []
            for code in ("pass", START.format(capture=capture)):
                begin = time.perf_counter()
                subprocess.run([sys.executable, "-c", code], env=environment, check=True)
                took.append(time.perf_counter() - begin)
            extra.append((took[1] - took[0]) * 1000)
        results.append(
            (f"import, start, one metric, finish ({label})", f"{statistics.median(extra):.0f} ms more", "≤ 60 ms")
        )


def bare_files(directory, count):
    """The file operations that a short run needs at least: two directories, a lock, a journal, a number."""
    for index in range(count):
        run = f"{directory}/{index}"
        os.mkdir(run)
        os.mkdir(f"{run}/journal")
        lock = os.open(f"{run}/journal/w.lock", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        journal = os.open(f"{run}/journal/w.rlj", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        os.posix_fallocate(journal, 0, 65536)
        os.close(os.open(f"{directory}/n{index}", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.pwrite(journal, bytes(6000), 0)
        os.ftruncate(journal, 6000)
        os.unlink(f"{run}/journal/w.lock")
        os.close(journal)
        os.close(lock)


def short_runs(results):
    for label, place in (("disk", None), ("memory", "/dev/shm")):
        with tempfile.TemporaryDirectory(dir=place) as directory:
            begin = time.perf_counter()
            bare_files(directory, 200)
            bare = 200 / (time.perf_counter() - begin)
            begin = time.perf_counter()
            record_short_runs(f"{directory}/store")
            ours = 200 / (time.perf_counter() - begin)
        what = f"200 runs of 10 params, 10 x 10 points, {label}"
        results.append((what, f"{ours:,.0f} runs/s (bare files: {bare:,.0f})", "≥ 1,000"))


def record_short_runs(store):
    for _ in range(200):
        with runlore.start("bench/short", store=store, capture=False) as run:
            for index in range(10):
                run.log_param(f"p{index}", index)
            for step in range(10):
                for index in range(10):
                    run.log_metric(f"m{index}", float(step), step)


def memory_growth(store, results, points):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    with runlore.start("bench/memory", store=store, capture=False) as run:
        run.log_metric("loss", 0.0, 0)
        before = resident()
        log_metric = run.log_metric
        for step in range(points):
            log_metric("loss", 0.5, step)
        results.append((f"growth over {points:,} points", f"{(resident() - before) / 1e6:.1f} MB", "≤ 20 MB"))
    return run


def reading(store, results, big, rounds):
    from runlore.journal.decode import read

    def decode(what, run):
        journal = next(Path(run.path, "journal").glob("*.rlj"))
        rates = []
        for _ in range(rounds):
            begin = time.perf_counter()
            chunk = read(str(journal))
            rates.append(len(chunk.points.value) / (time.perf_counter() - begin) / 1e6)
        results.append((what, f"{max(rates):.0f} million points/s", "≥ 20"))

    decode("decode", big)
    for width in (10, 2):
        values = {f"m{index}": 0.5 for index in range(width)}
        with runlore.start("bench/mix", store=store, capture=False) as run:
            for step in range(1_000_000 // (width + 1)):
                run.log_metric("lr", 0.1, step)
                run.log_metrics(values, step)
        decode(f"decode a scalar and a row of {width} in turn", run)
    with runlore.start("bench/frame", store=store, capture=False) as run:
        for step in range(100_000):
            run.log_metric("loss", 0.5, step)
    experiment = runlore.experiment("bench/frame", store=store)
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        experiment.data()
        times.append((time.perf_counter() - begin) * 1000)
    results.append(("100,000 points to a DataFrame", f"{statistics.median(times[1:]):.0f} ms", "≤ 30 ms"))


def sealing(store, results, points, rounds, jitter_s, *, one_by_one=False):
    """Seal values of 100 series: a row a step, or one call a value with some microseconds between them."""
    import numpy as np

    from runlore.store import open_store
    from runlore.store.content import read_points
    from runlore.store.sealed.sealing import seal_run

    rng = np.random.default_rng(0)
    keys = [f"key{index}" for index in range(100)]
    with runlore.start("bench/seal", store=store, capture=False) as run:
        now = time.time()
        for step in range(points // 100):
            now += 0.1 + rng.random() * jitter_s
            noise = (np.exp(-step / 1e4) + 0.1 * rng.standard_normal(100)).astype(np.float32).astype(float).tolist()
            if not one_by_one:
                run.log_metrics(dict(zip(keys, noise, strict=True)), step, now if jitter_s else None)
                continue
            late = np.cumsum(rng.exponential(2e-6, 100) + 5e-7).tolist()
            for key, loss, after in zip(keys, noise, late, strict=True):
                run.log_metric(key, loss, step, now + after)
    begin = time.perf_counter()
    seal_run(open_store(store), run.path)
    results.append(
        (f"seal {points:,} points", f"{points / (time.perf_counter() - begin) / 1e6:.1f} million points/s", "")
    )
    size = sum(file.stat().st_size for file in Path(run.path).rglob("*") if file.is_file())
    how = f"steps within {jitter_s * 1000:.0f} ms" if jitter_s else "as logged here"
    how += ", one call a value" if one_by_one else ""
    results.append((f"sealed size, noisy float32 losses, {how}", f"{size / points:.2f} bytes a point", "≤ 6"))
    times = []
    for index in range(rounds + 1):
        begin = time.perf_counter()
        got = read_points(run.path, [keys[index]])
        times.append((time.perf_counter() - begin) * 1000)
        assert len(got.value) == points // 100
    results.append((f"one key of 100, {how}", f"{statistics.median(times[1:]):.0f} ms", "≤ 100 ms"))


def indexing(directory, results, count, rounds):
    from runlore.catalog import open_catalog
    from runlore.store import open_store

    store = directory / "many"
    values = {f"m{index}": float(index) for index in range(20)}
    for number in range(count):
        with runlore.start(
            f"bench/{number % 10}", store=store, capture=False, params={"lr": number / 1000, "n": number}
        ) as run:
            run.log_metrics({key: value * number for key, value in values.items()}, 1)
    catalog = open_catalog(open_store(store))
    begin = time.perf_counter()
    catalog.refresh()
    results.append((f"first indexing of {count:,} runs x 20 metrics", f"{time.perf_counter() - begin:.1f} s", "≤ 10 s"))
    time.sleep(0.2)
    catalog.refresh()
    warm, pages = [], []
    for _ in range(4 * rounds + 1):
        begin = time.perf_counter()
        catalog.refresh()
        warm.append((time.perf_counter() - begin) * 1000)
        begin = time.perf_counter()
        page = runlore.runs("metrics.m3 > 100 and params.lr < 9", order_by="-metrics.m4", limit=100, store=store)
        pages.append((time.perf_counter() - begin) * 1000)
        assert len(page) == min(100, max(0, min(count, 9000) - 34))
    results.append(("warm refresh", f"{statistics.median(warm[1:]):.1f} ms", "≤ 20 ms"))
    results.append(("filtered, sorted page of 100 runs", f"{statistics.median(pages[1:]):.1f} ms", "≤ 20 ms"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    scale = 10 if parser.parse_args().quick else 1
    rounds = 5
    results = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        store = directory / "store"
        logging_costs(store, results, rounds)
        tail_latency(store, results)
        interpreter_start(store, results, 2 * rounds)
        short_runs(results)
        big = memory_growth(store, results, 10_000_000 // scale)
        reading(store, results, big, rounds)
        sealing(store, results, 10_000_000 // scale, rounds, 0)
        sealing(store, results, 10_000_000 // scale, rounds, 0.01)
        sealing(store, results, 10_000_000 // scale, rounds, 0.01, one_by_one=True)
        indexing(directory, results, 10_000 // scale, rounds)
    table = Table("what", "measured", "wanted")
    for row in results:
        table.add_row(*row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
