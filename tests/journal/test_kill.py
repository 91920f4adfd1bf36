"""kill -9 at random moments: every call that had returned is read back, and nothing else appears."""

from __future__ import annotations

import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from journal_oracle import MODES, bits, journals_in, points_of

from runlore.journal.decode import OPEN, TORN, read
from runlore.journal.liveness import is_alive

PROGRAM = Path(__file__).with_name("killed_writer.py")
SLOTS = 6


def returned_calls(notes: Path) -> list[int]:
    data = notes.read_bytes()
    return [struct.unpack_from("<Q", data, slot * 64)[0] for slot in range(SLOTS)]


def kill_a_writer(directory: Path, mode: str, chance: random.Random) -> tuple[list[int], list[str]]:
    """Start a writer, let it run for a moment, kill it and its children; what it had done, and its journals."""
    directory.mkdir()
    notes = directory / "notes"
    notes.write_bytes(bytes(64 * SLOTS))
    command = [sys.executable, "-W", "ignore", str(PROGRAM), str(directory), mode, str(notes)]
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 60
    while not all(returned_calls(notes)) and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(chance.uniform(0, 0.06))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for path in journals_in(directory):
        wait_for_the_end_of(read(path).context.header["pid"])
    return returned_calls(notes), journals_in(directory)


def wait_for_the_end_of(pid: int) -> None:
    """Wait for a process that is no child of ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
    finally:
        os.close(descriptor)


def check_journals(calls: list[int], paths: list[str]) -> None:
    seen: list[list[int]] = [[] for _ in range(SLOTS)]
    for path in paths:
        chunk = read(path)
        assert chunk.damage == []
        assert chunk.state in (OPEN, TORN)
        assert is_alive(path, chunk.context.header) == (False, "lock")
        for _, key, step, _, value in points_of(chunk):
            slot, number = int(key.lstrip("srab")), int(step)
            if key[:2] == "rb":
                assert value == bits(float(slot))
                assert seen[slot][-1] == number
                continue
            assert value == bits(float(number))
            assert number % 4 == 2 if key[0] == "r" else number % 4 < 2
            seen[slot].append(number)
        for event in chunk.events:
            number = event.value["n"]
            assert event.value["text"] == "x" * (number * 7 % 900)
            assert event.step == number
            assert number % 4 == 3
            seen[int(event.key[1:])].append(number)
    for slot in range(SLOTS):
        count = len(seen[slot])
        assert sorted(seen[slot]) == list(range(count))
        assert calls[slot] <= count <= calls[slot] + 1  # the call that was interrupted may have been kept


@pytest.mark.parametrize("mode", MODES)
def test_killed_writers_lose_nothing(tmp_path, mode):
    chance = random.Random()
    for number in range(13):
        check_journals(*kill_a_writer(tmp_path / str(number), mode, chance))


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
def test_many_killed_writers_lose_nothing(tmp_path, mode):
    chance = random.Random()
    for number in range(200):
        check_journals(*kill_a_writer(tmp_path / str(number), mode, chance))
