"""Logistic regression by gradient descent, in plain Python: a run for each learning rate, the best one found again."""

from __future__ import annotations

import json
import math
import random

import runlore

EXPERIMENT = "examples/loop"


def make_data(count: int, seed: int) -> list[tuple[float, float, int]]:
    """Points (x, y, class): two clouds that overlap a little."""
    source = random.Random(seed)
    return [
        (source.gauss(2.0 * label, 1.0), source.gauss(-label, 1.0), label) for label in (0, 1) for _ in range(count)
    ]


def train(lr: float, epochs: int = 30) -> str:
    """Train once; returns the uid of the run."""
    data = make_data(100, seed=1)
    weights = [0.0, 0.0, 0.0]
    with runlore.start(EXPERIMENT, params={"lr": lr, "epochs": epochs, "points": len(data)}) as run:
        for epoch in range(epochs):
            loss = right = 0.0
            for x, y, label in data:
                guess = 1 / (1 + math.exp(-(weights[0] * x + weights[1] * y + weights[2])))
                loss -= math.log(max(guess if label else 1 - guess, 1e-12)) / len(data)
                right += (guess > 0.5) == bool(label)
                for index, value in enumerate((x, y, 1.0)):
                    weights[index] -= lr * (guess - label) * value
            run.log_metrics({"train/loss": loss, "train/acc": right / len(data)}, step=epoch)
        run.log_artifact(json.dumps(weights).encode(), "weights.json")
        return run.uid


def main() -> None:
    """Train three times, and ask the store which was best."""
    for lr in (0.001, 0.01, 0.1):
        train(lr)
    runs = runlore.experiment(EXPERIMENT).runs()
    best = runs.sort_values("metrics.train/loss").iloc[0]
    print(f"best of {len(runs)}: lr={best['params.lr']:g}, loss {best['metrics.train/loss']:.4f}")
    print("weights:", json.loads(runlore.get_run(best["uid"]).artifact("weights.json").read_bytes()))


if __name__ == "__main__":
    main()
