"""Events of closed journals, read without NumPy: the same as the whole reader gives, or none at all."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from runlore.journal import open_journal
from runlore.journal.decode import read
from runlore.journal.facts import MOST_BYTES, closed_facts


def write(folder, *, close=True, rows=300):
    os.makedirs(folder)
    journal = open_journal(str(folder), "0" * 32)
    journal.event("param", "lr", 0.1)
    for step in range(rows):
        journal.scalar("loss", step / 7, step=step)
        journal.row({"a": 1.0, "b": float(step)}, step=step)
        if step % 10 == 0:
            journal.event("note", f"n{step}\ud800", {"text": "é" * step}, step=step)
    journal.event("artifact", "large", "x" * 40_000)
    if close:
        journal.close()
    return journal.path


def test_closed_journals_of_several_frames_give_what_the_whole_reader_gives(tmp_path):
    path = write(tmp_path / "journal")
    chunk, facts = read(path), closed_facts(path)
    assert os.path.getsize(path) > 3 * 16 * 1024
    assert len(chunk.events) == 32
    assert facts == (chunk.events, chunk.extras)


def test_open_and_long_ones_are_left_to_the_whole_reader(tmp_path):
    assert closed_facts(write(tmp_path / "open", close=False)) is None
    long = write(tmp_path / "long", rows=MOST_BYTES // 64)
    assert read(long).state == "closed"
    assert closed_facts(long) is None


def test_whatever_is_damaged_is_left_to_the_whole_reader_or_costs_nothing(tmp_path):
    path = write(tmp_path / "journal", rows=20)
    with open(path, "rb") as file:
        whole = file.read()
    source = random.Random(7)
    expected, refused = closed_facts(path), 0
    for at in [*range(200), *source.sample(range(200, len(whole)), 300)]:
        damaged = bytearray(whole)
        damaged[at] ^= 1 << source.randrange(8)
        with open(path, "wb") as file:
            file.write(damaged)
        found = closed_facts(path)
        refused += found is None
        assert found in (None, expected)
        assert found is None or not read(path).damage
    assert refused > 300


@pytest.mark.parametrize("place", ["directory", "link"])
def test_what_is_no_file_is_left_to_the_whole_reader(tmp_path, place):
    path = tmp_path / "a.rlj"
    if place == "directory":
        path.mkdir()
    else:
        path.symlink_to(write(tmp_path / "journal", rows=1))
    assert closed_facts(str(path)) is None


def test_show_of_a_closed_run_does_without_numpy(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, runlore\nwith runlore.start('iris', store=sys.argv[1], params={'lr': 1}) as run:\n"
        "    run.log_metric('loss', 1.0, step=1)\n"
    )
    store = str(tmp_path / "store")
    subprocess.run([sys.executable, str(script), store], check=True, cwd=tmp_path)
    command = [sys.executable, "-X", "importtime", "-m", "runlore", "show", "iris#1", "--store", store]
    subprocess.run(command, check=True, capture_output=True)  # the catalog reads the journal, with NumPy, once
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "loss" in shown.stdout
    assert "runlore.journal.facts" in shown.stderr
    assert "numpy" not in shown.stderr
