"""The processes of `test_read_while_writing`: writers at full speed, and readers whose readings are torn on purpose.

    python read_while_writing.py write STORE UID LABEL ROUNDS STOP-FILE
    python read_while_writing.py read STORE SEED LOOKS

A writer logs at most so many rounds, until there is a stop file, and prints how many that were. A reader looks so many
times; what is wrong ends it with an error.
"""

from __future__ import annotations

import os
import random
import sys
import time

import numpy as np

import runlore
from runlore.catalog import open_catalog
from runlore.journal import source
from runlore.journal.decode import Context, read_pieces
from runlore.store import open_store, segments
from runlore.store.follow import EventFollower
from runlore.store.journal_files import journal_paths

POINTS_A_ROUND = 3
ROUNDS_AN_EVENT = 64


def write(store: str, uid: str, label: str, rounds: str, stop_file: str) -> None:
    """Round `i` logs `i` under each key, and every 64th round an event."""
    run = runlore.resume(uid, store=store, capture=False)
    done = 0
    while not os.path.exists(stop_file):
        if done >= int(rounds):
            time.sleep(0.01)
            continue
        for i in range(done, done + 256):
            run.log_metric(f"{label}/scalar", float(i), step=i)
            run.log_metrics({f"{label}/row": float(i), f"{label}/negative": -float(i)}, step=i)
            if i % ROUNDS_AN_EVENT == 0:
                run.log_event("tick", label, i)
        done += 256
    run.finish()
    sys.stdout.write(f"{done}\n")


def expected(key: str, start: int, end: int) -> np.ndarray:
    return np.arange(start, end) * (-1.0 if key.endswith("/negative") else 1.0)


class Watcher:
    """What one reader saw of a run so far. It may only become more, and all of it has to be what was logged."""

    def __init__(self, view, store: str) -> None:
        self.view = view
        self.store = store
        self.follower = EventFollower(view.directory, ["tick"])
        self.contexts: dict[str, Context] = {}
        self.told: dict[str, int] = {}
        self.gained: dict[str, int] = {}
        self.read: dict[str, int] = {}
        self.ticks: dict[str, int] = {}

    def check_catalog(self) -> None:
        view = self.view.refresh()
        assert (view.lost, view.damage) == (0, [])
        for key, found in open_catalog(open_store(self.store)).series([view.uid])[view.uid].items():
            self._grows(self.told, key, found.points)
            values = expected(key, 0, found.points)
            told = (found.first, found.last, found.min, found.max, found.last_step)
            assert told == (values[0], values[-1], values.min(), values.max(), found.points - 1), (key, found)

    def check_gain(self) -> None:
        """Every value that the journals gained since the last look."""
        for writer, path in journal_paths(self.view.directory):
            for chunk in read_pieces(path, self.contexts.get(writer)):
                assert (chunk.damage, chunk.lost) == ([], 0)
                self.contexts[writer] = chunk.context
                for number, key in chunk.context.keys.items():
                    mine = chunk.points.key == number
                    start = self.gained.get(key, 0)
                    self.gained[key] = end = start + int(mine.sum())
                    np.testing.assert_array_equal(chunk.points.value[mine], expected(key, start, end), err_msg=key)
                    np.testing.assert_array_equal(chunk.points.step[mine], np.arange(start, end), err_msg=key)

    def check_points(self) -> None:
        """Every value of every series."""
        for key in sorted(self.view.metrics):
            series = self.view.metric(key)
            self._grows(self.read, key, len(series))
            np.testing.assert_array_equal(series["value"], expected(key, 0, len(series)), err_msg=key)
            np.testing.assert_array_equal(series["step"], np.arange(len(series)), err_msg=key)

    def check_events(self) -> None:
        for event in self.follower.poll():
            assert event.value == self.ticks.get(event.key, 0), (event, self.ticks)
            self.ticks[event.key] = event.value + ROUNDS_AN_EVENT

    def _grows(self, known: dict[str, int], key: str, count: int) -> None:
        assert count >= known.get(key, 0), (key, count, known)
        known[key] = count


def tear_readings(chance: random.Random) -> None:
    """From now on, readings of journals are made in two pieces, with a pause in which a writer fills some frames.

    Most are torn near to their beginning: there a reader that looks again finds what is being written.
    """
    whole = source.FileSource.readinto

    def torn(self: source.FileSource, offset: int, buffer: memoryview) -> int:
        cut = min(chance.randrange(chance.choice([20_000, 20_000, len(buffer) + 1])), len(buffer))
        got = whole(self, offset, buffer[:cut])
        time.sleep(chance.choice([0, 0.002, 0.02]))
        return got if got < cut else cut + whole(self, offset + cut, buffer[cut:])

    source.FileSource.readinto = torn


def read(store: str, seed: str, looks: str) -> None:
    chance = random.Random(int(seed))
    tear_readings(chance)
    segments.MIN_BYTES = 1 << 20
    watchers: dict[str, Watcher] = {}
    for look in range(int(looks)):
        for view in runlore.experiment("soak", store=store):
            watcher = watchers.setdefault(view.uid, Watcher(view, store))
            watcher.check_catalog()
            watcher.check_gain()
            if look % 20 == 0:
                watcher.check_events()
                watcher.check_points()


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
