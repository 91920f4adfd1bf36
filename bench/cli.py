"""Time whole commands against `python -c pass`, in turn, on a small store.

    python bench/cli.py [rounds]

Prints for each command the least and the median wall time in ms, and how much its least is above that of
`python -c pass` in the same rounds. Figures of a machine that does something else too are worth little: look at the
least, and at both columns side by side.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

import runlore

RUNS = 5
DEFAULT_ROUNDS = 15
EXECUTABLE = os.path.join(os.path.dirname(sys.executable), "runlore")

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "runlore version": [EXECUTABLE, "version"],
    "runlore --help": [EXECUTABLE, "--help"],
    "runlore runs --help": [EXECUTABLE, "runs", "--help"],
    "completion of a command": [EXECUTABLE],
    "completion of a run": [EXECUTABLE],
    "runlore ls": [EXECUTABLE, "ls"],
    "runlore runs": [EXECUTABLE, "runs"],
    "runlore runs QUERY": [EXECUTABLE, "runs", "metrics.loss < 1"],
    "runlore show": [EXECUTABLE, "show", "bench/cli#1"],
    "runlore show --json": [EXECUTABLE, "show", "bench/cli#1", "--json"],
}
WORDS = {"completion of a command": ("runlore ru", "1"), "completion of a run": ("runlore show b", "2")}


def fill(store: str) -> None:
    """A few runs, as a laptop has them on the first day."""
    for index in range(RUNS):
        with runlore.start("bench/cli", params={"lr": 0.1 * index}, tags={"a": "b"}, store=store, capture=False) as run:
            for step in range(100):
                run.log_metrics({"loss": 1 / (step + 1), "acc": step / 100}, step=step)


def wall_ms(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS
    with tempfile.TemporaryDirectory() as place:
        store = os.path.join(place, ".runlore")
        fill(store)
        plain = {**os.environ, "RUNLORE_STORE": store}
        times: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for turn in range(rounds + 1):
            for name, command in COMMANDS.items():
                words, place_of_word = WORDS.get(name, ("", ""))
                asked = {"_RUNLORE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": place_of_word}
                taken = wall_ms(command, {**plain, **asked} if words else plain)
                if turn:  # the first round warms the disk's cache, the compiled modules and the catalog
                    times[name].append(taken)
    least = min(times["python -c pass"])
    print(f"{'':26}{'least ms':>10}{'median ms':>11}{'above pass':>12}")
    for name, taken in times.items():
        print(f"{name:26}{min(taken):10.1f}{statistics.median(taken):11.1f}{min(taken) - least:12.1f}")


if __name__ == "__main__":
    main()
