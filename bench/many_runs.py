"""What the default captures cost many small runs in one process, and the first run of a process, side by side.

    python bench/many_runs.py [RUNS]

Each row is one new process that records RUNS runs of ten points each, without captures and with all that are on by
default, in turn, several times; the best of each counts. Processor time is the program's own, and tells something on a
busy machine, too. The second table times the first `start` of new processes, and the processes as a whole.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
PRELUDE = f"import os, sys, time; sys.path.insert(0, {SOURCE!r}); import runlore\n"
MANY = """
def record(count, capture):
    begun = time.perf_counter()
    used = time.process_time()
    for number in range(count):
        with runlore.start("bench/many", store=store, capture=capture) as run:
            for step in range(10):
                run.log_metric("loss", 1.0, step)
            if prints:
                print("run", number, "loss 1.0")
    return count / (time.perf_counter() - begun), (time.process_time() - used) / count * 1000
count, prints, store = int(sys.argv[1]), sys.argv[2] == "print", sys.argv[3]
plain, captured = [], []
record(3, None)
for _ in range(5):
    plain.append(record(count, False))
    captured.append(record(count, None))
best = [max(rate for rate, _ in rows) for rows in (plain, captured)]
least = [min(used for _, used in rows) for rows in (plain, captured)]
sys.stderr.write(f"{best[0]} {best[1]} {least[0]} {least[1]}")
"""
FIRST = """
begun = time.perf_counter()
run = runlore.start("bench/first", store=sys.argv[2], capture=None if sys.argv[1] == "captured" else False)
seconds = time.perf_counter() - begun
run.log_metric("loss", 1.0)
run.finish()
sys.stderr.write(f"{seconds}")
"""


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", *identity, "-C", str(directory), *arguments], check=True, capture_output=True)


def make_place(directory: Path, files: int, *, dirty: bool) -> Path:
    """A directory with a program, in a repository of so many files (0: in none)."""
    directory.mkdir()
    (directory / "many.py").write_text(PRELUDE + MANY)
    (directory / "first.py").write_text(PRELUDE + FIRST)
    for number in range(files):
        folder = directory / f"package{number // 10}"
        folder.mkdir(exist_ok=True)
        (folder / f"module{number}.py").write_text(f"number = {number}\n")
    if files:
        git(directory, "init")
        git(directory, "add", ".")
        git(directory, "commit", "-m", "first")
    if dirty:
        (directory / "package0/module0.py").write_text("number = -1\n")
    return directory


def runs_per_second(place: Path, store: Path, count: int, *, prints: bool) -> list[float]:
    """The best rate without captures and with them, and the least processor time of a run (ms) likewise."""
    command = [sys.executable, "many.py", str(count), "print" if prints else "silent", str(store)]
    done = subprocess.run(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return [float(number) for number in done.stderr.split()]


def first_start(place: Path, store: Path, how: str) -> tuple[float, float]:
    """Milliseconds of the first `start`, and of the whole process."""
    begun = time.perf_counter()
    command = [sys.executable, "first.py", how, str(store)]
    done = subprocess.run(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return float(done.stderr) * 1000, (time.perf_counter() - begun) * 1000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    many = Table("place", "runs print", "capture=False", "default captures", "ratio", "processor time")
    first = Table("place", "", "capture=False", "default captures", "more")
    with tempfile.TemporaryDirectory() as name:
        places = [
            ("no repository", 0, False), ("repository of 20 files", 20, False),
            ("repository of 20 files, changed", 20, True), ("repository of 500 files", 500, False),
        ]  # fmt: skip
        for index, (what, files, dirty) in enumerate(places):
            place = make_place(Path(name, f"place{index}"), files, dirty=dirty)
            for prints in (False, True):
                plain, captured, least, used = runs_per_second(
                    place, Path(name, f"store{index}{prints}"), count, prints=prints
                )
                many.add_row(
                    what, "a line" if prints else "nothing", f"{plain:,.0f} runs/s", f"{captured:,.0f} runs/s",
                    f"{plain / captured:.1f}", f"{least:.2f} and {used:.2f} ms",
                )  # fmt: skip
            taken: dict[str, list[tuple[float, float]]] = {"plain": [], "captured": []}
            for _ in range(10):
                for how, times in taken.items():
                    times.append(first_start(place, Path(name, f"first{index}"), how))
            for column, label in enumerate(("the first start", "the whole process")):
                plain, captured = (statistics.median(row[column] for row in taken[how]) for how in taken)
                first.add_row(what, label, f"{plain:.1f} ms", f"{captured:.1f} ms", f"{captured - plain:.1f} ms")
    console = Console(width=130)
    console.print(many)
    console.print(first)


if __name__ == "__main__":
    main()
