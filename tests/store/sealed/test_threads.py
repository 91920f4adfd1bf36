"""Reading what is sealed starts no thread of Arrow's: one that is just starting when a program ends aborts it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys

import numpy, pandas, pyarrow.parquet
import runlore
from runlore.store.sealed.sealing import seal_run

with runlore.start("iris", store=sys.argv[1], capture=False) as run:
    for step in range(int(sys.argv[2])):
        run.log_metrics({"loss": 1 / (step + 1), "acc": 0.5}, step=step)
    run.log_table({"a": [1, 2, 3], "b": ["x", "y", "z"]}, "table")
assert seal_run(run.store, run.path).outcome == "sealed"

before = len(os.listdir("/proc/self/task"))
view = runlore.get_run(run.uid, store=sys.argv[1])
assert len(view.metric("loss")) == int(sys.argv[2])
assert view.events("stop") is not None and len(view.artifact("table").load()) == 3
assert len(runlore.experiment("iris", store=sys.argv[1]).data()) >= 2 * int(sys.argv[2])
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_reading_a_sealed_run_starts_no_threads(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "store"), "5000"], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("0", 0), done.stderr
