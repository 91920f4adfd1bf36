"""Time reading in new processes: the first answers of a program, and a table of all runs.

    python bench/reading.py [repeats]

Each case runs in a process of its own, several times; the least counts. Printed are seconds, seconds of the processor,
which a busy machine changes less, and the ratio of these to a process that imports NumPy and pandas and does nothing:
what reading adds is what stands above 1. The catalog is up to date before.

The table of 10,000 runs with 100 facts each is timed within its process, once that has read a first table; beside it
stands how much memory the process had at most.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from time import perf_counter

POINTS = 100_000
FEW_RUNS = 200
MANY_RUNS = 10_000
FACTS = 100

CASES = {
    "import numpy, pandas": "import numpy, pandas",
    "import runlore": "import runlore",
    f"first DataFrame of {POINTS:,} points": (
        "import runlore; assert len(runlore.experiment('points').data()) > 100_000"
    ),
    f"first series of {POINTS // 10:,} points": (
        "import runlore; assert len(runlore.get_run('points#1').metric('m0')) == 10_000"
    ),
    f"first table of {FEW_RUNS} runs": "import runlore; assert len(runlore.experiment('few').runs()) == 200",
    "last values of one run": "import runlore; assert runlore.get_run('few#1').metrics",
}
TABLE = """
import time, resource, runlore
assert len(runlore.experiment("few").runs()) == 200
begin = time.process_time()
assert runlore.experiment("many").runs().shape[0] == {runs}
print(time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def fill() -> None:
    """Runs as a sweep makes them: the same keys in all, but for a few."""
    import runlore

    with runlore.start("points", params={"lr": 0.1}, capture=False) as run:
        for step in range(POINTS // 10):
            run.log_metrics({f"m{key}": step / (key + 1) for key in range(10)}, step=step)
    for experiment, count in (("few", FEW_RUNS), ("many", MANY_RUNS)):
        for number in range(count):
            params = {f"p{key}": number * key for key in range(FACTS // 2)}
            with runlore.start(experiment, params=params, tags={"kind": "bench"}, capture=False) as run:
                keys = FACTS // 2 - (number % 50 == 0)
                run.log_metrics({f"m{key}": number / (key + 1) for key in range(keys)}, step=1)
    runlore.experiments()


def seconds(program: str) -> tuple[float, float]:
    """How long a new process takes for a program, and how long it kept the processor busy."""
    begin = perf_counter()
    process = subprocess.Popen([sys.executable, "-c", program])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, program
    return perf_counter() - begin, usage.ru_utime + usage.ru_stime


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RUNLORE_STORE"] = os.path.join(folder, "store")
        fill()
        least = dict.fromkeys(CASES, (float("inf"), float("inf")))
        for _ in range(repeats):
            for name, program in CASES.items():  # in turns, so that a busy moment hits all of them
                wall, busy = seconds(program)
                least[name] = min(least[name][0], wall), min(least[name][1], busy)
        base = least["import numpy, pandas"][1]
        for name, (wall, busy) in least.items():
            print(f"{name:32} {wall:6.3f} s {busy:6.3f} s {busy / base:6.2f}")
        table = TABLE.format(runs=MANY_RUNS)
        found = [subprocess.check_output([sys.executable, "-c", table], text=True).split() for _ in range(repeats)]
        took, memory = min(float(row[0]) for row in found), max(float(row[1]) for row in found)
        print(f"{MANY_RUNS:,} runs x {FACTS} facts: {took:.2f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
