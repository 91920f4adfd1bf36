"""A training whose clock jumps: it records for a server until a file says stop, and tells what it recorded.

Usage: python training.py SEED STOP_FILE TOLD_FILE. Of each run that ended it tells a line of JSON: uid, points and
artifacts.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import time

_DAY_S = 86_400


class Clock:
    """The system's, but for jumps."""

    def __init__(self) -> None:
        self._real_ns = time.time_ns
        self.ahead_ns = 0

    def time_ns(self) -> int:
        """As `time.time_ns`."""
        return self._real_ns() + self.ahead_ns

    def time(self) -> float:
        """As `time.time`."""
        return self.time_ns() / 1e9


def train(seed: int, stop: str, told: str) -> None:
    """Record one run after the other."""
    clock, chance = Clock(), random.Random(seed)
    time.time_ns, time.time = clock.time_ns, clock.time  # before anything has taken the real ones
    import runlore

    while not os.path.exists(stop):
        with runlore.start("storm/native", capture=False) as run:
            kept = {}
            for step in range(chance.randrange(200, 400)):
                run.log_metric("loss", step / 3, step=step)
                if step % 20 == 0:
                    run.log_event("note", "n", step)
                    clock.ahead_ns = chance.choice([0, 0, 1, -1]) * chance.randrange(30 * _DAY_S) * 10**9
                if step % 50 == 0:
                    content = chance.randbytes(chance.randrange(1, 60_000))
                    kept[f"file {step}"] = hashlib.sha256(content).hexdigest()
                    run.log_artifact(content, f"file {step}")
                time.sleep(0.002)  # a training does something in between
        with open(told, "a", encoding="utf-8") as file:
            file.write(json.dumps({"uid": run.uid, "points": step + 1, "artifacts": kept}) + "\n")


if __name__ == "__main__":
    train(int(sys.argv[1]), sys.argv[2], sys.argv[3])
