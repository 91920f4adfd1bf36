"""What the journal costs, as ratios within one run on this machine. Prints a table; nothing is asserted.

    python bench/journal.py [--points 10000000]

A unit is `list.append((key, float(value), step, time.time()))` in the same loop, the least that keeping a point costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from statistics import median

from runlore.journal import open_journal
from runlore.journal.decode import read

CALLS = 200_000
ROUNDS = 5
KEYS = 100
GROWTH = """
import os, sys
from runlore.journal import open_journal
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
journal = open_journal(sys.argv[1], "0" * 32, "mmap")
for i in range(1000):
    journal.scalar("loss", 0.5, i)
before = peak = resident()
for i in range(int(sys.argv[2])):
    journal.scalar("loss", 0.5, i)
    if not i % 100_000:
        peak = max(peak, resident())
print((peak - before) / 1e6)
journal.close()
"""


def ns_each(work, count: int) -> float:
    begin = time.perf_counter_ns()
    work(count)
    return (time.perf_counter_ns() - begin) / count


def unit(count: int) -> None:
    points: list[tuple] = []
    for i in range(count):
        points.append(("loss", float(0.5), i, time.time()))  # noqa: PERF401, UP018 - this loop is the measure


def scalar_of(journal):
    def work(count: int, log=journal.scalar) -> None:
        for i in range(count):
            log("loss", 0.5, i)

    return work


def row_of(journal):
    values = {f"layer{i}/weight": i * 0.5 for i in range(KEYS)}

    def work(count: int, log=journal.row) -> None:
        for i in range(count):
            log(values, i)

    return work


def mix_of(journal, width: int):
    values = {f"k{i}": 0.5 for i in range(width)}

    def work(count: int, scalar=journal.scalar, row=journal.row) -> None:
        for i in range(count):
            scalar("lr", 0.1, i)
            row(values, i)

    return work


def event_of(journal):
    def work(count: int, log=journal.event) -> None:
        for i in range(count):
            log("param", "lr", 0.1, step=i)

    return work


def percentiles_us(journal, count: int = 300_000) -> tuple[float, float]:
    """Median and 99.9th percentile of one call, in microseconds."""
    log, clock = journal.scalar, time.perf_counter_ns
    times = []
    for i in range(count):
        begin = clock()
        log("loss", 0.5, i)
        times.append(clock() - begin)
    times.sort()
    return times[count // 2] / 1000, times[count * 999 // 1000] / 1000


def measure_writing(directory: str, mode: str) -> list[tuple[str, str]]:
    journal = open_journal(directory, "0" * 32, mode)
    scalar, row, event = scalar_of(journal), row_of(journal), event_of(journal)
    ratios: dict[str, list[float]] = {"scalar": [], f"row of {KEYS}, a value": [], "event": []}
    units = []
    for _ in range(ROUNDS):
        one = ns_each(unit, CALLS)
        units.append(one)
        for name, work, count, values in zip(
            ratios, (scalar, row, event), (CALLS, CALLS // KEYS, CALLS // 10), (1, KEYS, 1), strict=True
        ):
            ratios[name].append(ns_each(work, count) / values / one)
    rows = [(f"{mode}: unit", f"{median(units):.0f} ns")]
    rows += [(f"{mode}: {name}", f"{median(values):.2f} units") for name, values in ratios.items()]
    middle, late = percentiles_us(journal)
    rows.append((f"{mode}: scalar, p50 and p99.9", f"{middle:.2f} µs, {late:.2f} µs"))
    journal.close()
    return rows


def measure_decoding(directory: str, points: int) -> list[tuple[str, str]]:
    rows = []
    for name, work_of, values in (
        ("scalars", scalar_of, 1),
        (f"rows of {KEYS}", row_of, KEYS),
        ("a scalar and a row of 10 in turn", partial(mix_of, width=10), 11),
        ("a scalar and a row of 2 in turn", partial(mix_of, width=2), 3),
    ):
        journal = open_journal(directory, "0" * 32, "mmap")
        work_of(journal)(points // values)
        journal.close()
        rates = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            count = len(read(journal.path).points.value)
            rates.append(count / (time.perf_counter() - begin) / 1e6)
        rows.append((f"decode {name}", f"{median(rates):.0f} million points/s (first: {rates[0]:.0f})"))
        os.unlink(journal.path)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--directory", help="where to write (default: a temporary directory)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        rows = [row for mode in ("mmap", "write") for row in measure_writing(directory, mode)]
        rows += measure_decoding(directory, min(options.points, 5_000_000))
        command = [sys.executable, "-c", GROWTH, directory, str(options.points)]
        grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows.append((f"resident memory after {options.points:,} points", f"{float(grown):+.1f} MB"))
    if options.json:
        print(json.dumps(dict(rows), ensure_ascii=False))
        return
    for name, value in rows:
        print(f"{name:<45} {value}")


if __name__ == "__main__":
    main()
