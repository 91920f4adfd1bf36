"""Client and server died at any byte: what each of them left is made one by the next `sync`, bit for bit.

A process that is killed leaves its file as far as it came. So every pair of a byte at which the client died and one at
which the server did can be tried without a process; tests/ship/test_killed.py kills real ones at moments.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

import runlore
from runlore.journal import liveness
from runlore.journal.committed import Committed
from runlore.journal.decode import read
from runlore.ship.spool import open_spool
from runlore.ship.syncing import sync


class Killed:
    """A run that was recorded for a server and not sent, whose journal and its copy can be cut anywhere."""

    def __init__(self, address, store_path, monkeypatch):
        monkeypatch.setenv("RUNLORE_OFFLINE", "1")
        monkeypatch.setenv("RUNLORE_KEEP_SPOOL", "1")
        monkeypatch.setattr(liveness, "_own_start", (os.getpid(), 1))  # as of a process that is gone
        with runlore.start("e", params={"lr": 0.1}, store=address, capture=False) as run:
            for step in range(120):
                run.log_metric("loss", step / 3, step)
                run.log_metrics({"a": step, "b": float("nan")}, step=step)
                if step % 20 == 0:
                    run.log_event("note", "n", "x" * step * 30)
            run.log_artifact(b"contents", "c")
        monkeypatch.delenv("RUNLORE_OFFLINE")
        self.spool = open_spool(address)
        self.journal = Path(next(self.spool.journals()).path)
        self.content = self.journal.read_bytes()
        self.directory = Path(store_path, "runs", "e", run.uid)

    def leave(self, here, there, room):
        """The client died behind so many bytes, with room that it had reserved; the server had a part of them."""
        self.journal.with_suffix(".sent").unlink(missing_ok=True)
        self.journal.write_bytes(self.content[:here] + bytes(room))
        Path(liveness.lock_path(str(self.journal))).touch()
        shutil.rmtree(self.directory, ignore_errors=True)
        if there:
            (self.directory / "journal").mkdir(parents=True)
            (self.directory / "journal" / self.journal.name).write_bytes(self.content[:there])

    def final(self):
        """How many of the bytes that the client left it could have sent."""
        with open(self.journal, "rb") as file:
            committed = Committed(file.fileno())
            return committed.advance()

    def check(self):
        """The server has all that was committed here."""
        ours, theirs = self.journal.read_bytes(), b""
        if (copy := self.directory / "journal" / self.journal.name).exists():
            theirs = copy.read_bytes()
        assert ours.startswith(theirs) or theirs.startswith(ours.rstrip(b"\0"))
        if not theirs:  # it died before the journal was begun
            assert self.final() == 0
            return
        mine, yours = read(str(self.journal)), read(str(copy))
        assert mine.points.value.tobytes() == yours.points.value.tobytes()
        assert mine.points.step.tobytes() == yours.points.step.tobytes()
        assert [event[1:] for event in mine.events] == [event[1:] for event in yours.events]
        assert not yours.damage


def try_bytes(address, store_path, monkeypatch, seed, count):
    chance = random.Random(seed)
    killed = Killed(address, store_path, monkeypatch)
    beginnings = [0, 1, 63, 64, 102, 300]  # it died while it began the journal
    for here in [*beginnings, *(chance.randrange(len(killed.content) + 1) for _ in range(count))]:
        room = chance.choice([0, 0, chance.randrange(1, 70_000)])
        killed.leave(here, 0, room)
        if killed.final() > here:  # in reserved room a record's mark is written last: this can only be a torn write
            room = 0
            killed.leave(here, 0, room)
        final = killed.final()
        there = chance.choice([0, final, chance.randrange(final + 1), chance.randrange(final + 1)])
        killed.leave(here, there, room)
        done = sync(killed.spool)
        assert done.is_complete, (here, there, room, done)
        assert killed.journal.with_suffix(".sent").exists(), (here, there, room)
        killed.check()


def test_killed_at_any_byte(address, store_path, monkeypatch):
    try_bytes(address, store_path, monkeypatch, 1_000, 40)


def test_the_client_s_machine_lost_what_it_had_sent(address, store_path, monkeypatch):
    """A loss of power takes what the system had not written: the server has more than the client, and keeps it."""
    killed = Killed(address, store_path, monkeypatch)
    killed.leave(12_000, 20_000, 0)
    assert sync(killed.spool).is_complete
    assert (killed.directory / "journal" / killed.journal.name).read_bytes() == killed.content[:20_000]
    changed = bytearray(killed.content[:20_000])
    changed[9_000] ^= 1
    killed.leave(12_000, 20_000, 0)
    (killed.directory / "journal" / killed.journal.name).write_bytes(changed)
    assert "other bytes" in sync(killed.spool).runs[0].reason


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_hundreds_of_bytes(address, store_path, monkeypatch, seed):
    try_bytes(address, store_path, monkeypatch, seed, 100)
