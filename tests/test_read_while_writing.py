"""Readers refresh at full speed while writers log at full speed, and every value that they ever see is right.

The readings are torn on purpose. Some seconds in the short form, some minutes with `-m soak`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests import read_while_writing as processes

import runlore
from runlore.housekeeping.catalog_check import differing_runs
from runlore.reader.session import Session
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_run

PROGRAM = Path(__file__).parent / "read_while_writing.py"


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "RUNLORE_CAPTURE": "0"})


def finished(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate()
    assert process.returncode == 0
    return out


def read_while_writing(place: Path, looks: int, rounds: int, processes_each: int) -> None:
    store, stop_file = str(place / "store"), place / "stop"
    runs = [runlore.start("soak", store=store, capture=False) for _ in range(2)]
    labels = {f"w{number}": runs[number % 2].uid for number in range(processes_each)}
    writing = {label: start("write", store, uid, label, rounds, stop_file) for label, uid in labels.items()}
    reading = [start("read", store, seed, looks) for seed in range(processes_each)]
    try:
        for process in reading:
            finished(process)
        stop_file.touch()
        logged = {label: int(finished(process)) for label, process in writing.items()}
        for run in runs:
            run.finish()
        check(store, runs, {label: (labels[label], count) for label, count in logged.items()})
    finally:
        stop_file.touch()
        for process in (*writing.values(), *reading):
            process.kill()
            process.wait()
            process.stdout.close()


def check(store: str, runs: list, logged: dict[str, tuple[str, int]]) -> None:
    """The catalog that the readers made says what was logged, and so do the journals, and then the sealed files."""
    for sealed in (False, True):
        for run in runs:
            counts = {label: count for label, (uid, count) in logged.items() if uid == run.uid}
            view = runlore.get_run(run.uid, store=store)
            assert view.status == "succeeded"
            assert view.points == sum(processes.POINTS_A_ROUND * count for count in counts.values())
            watcher = processes.Watcher(view, store)
            watcher.check_catalog()
            watcher.check_points()
            watcher.check_events()
            wanted = {
                f"{label}/{name}": count for label, count in counts.items() for name in ("scalar", "row", "negative")
            }
            assert watcher.told == watcher.read == wanted
            assert watcher.ticks == counts
            if not sealed:
                assert differing_runs(Session(store)) == []
                assert seal_run(open_store(store), run.path).outcome == "sealed"


def test_for_some_seconds(tmp_path):
    read_while_writing(tmp_path, looks=30, rounds=150_000, processes_each=2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_for_some_minutes(tmp_path):
    read_while_writing(tmp_path, looks=1000, rounds=3_000_000, processes_each=3)
