"""A training as others write them: it records for a server until it is done, or killed.

Usage: python training.py STEPS PAUSE_S [ARTIFACT_BYTES]
"""

from __future__ import annotations

import os
import random
import sys
import time

import runlore


def say(text: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def train(steps: int, pause_s: float, artifact_bytes: int) -> None:
    """Record steps of every kind."""
    chance = random.Random(steps)
    begun = time.perf_counter()
    with runlore.start("ship/training", params={"lr": 0.1, "名": "ü"}, tags=["test"], capture=False) as run:
        say(run.uid)
        for step in range(steps):
            run.log_metric("loss", chance.random(), step=step)
            if step % 10 == 0:
                run.log_metrics({"a": float(step), "b": float("nan")}, step=step)
            if step % 50 == 0:
                run.log_event("note", "n", "x" * chance.randrange(3000))
            if artifact_bytes and step % 100 == 0:
                run.log_artifact(os.urandom(artifact_bytes), f"file{step}.bin")
            if pause_s:
                time.sleep(pause_s)
        say(f"trained {time.perf_counter() - begun:.3f}")
    say(f"ended {time.perf_counter() - begun:.3f}")


if __name__ == "__main__":
    train(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
