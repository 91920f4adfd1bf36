"""A training that is killed in the middle: `python -m runlore.demo.killed STORE EXPERIMENT`.

After each epoch it says on stdout how many points it has logged, so that whoever kills it knows what must be there.
"""

from __future__ import annotations

import sys

import runlore
from runlore.demo.training import digits, network_epochs

PARAMS = {"model": "mlp", "hidden": 48, "lr": 0.003, "batch": 100, "epochs": 1000}
POINTS_PER_EPOCH = 3


def main(store: str, experiment: str) -> None:
    """Train for longer than anybody will wait."""
    run = runlore.start(experiment, "killed", params=PARAMS, tags=["demo"], store=store, capture={"console": False})
    data = digits()
    print(run.uid, flush=True)  # noqa: T201 - read by the parent
    sys.stdout.flush()
    for epoch, _ in network_epochs(run, data, PARAMS):
        print(f"logged {epoch * POINTS_PER_EPOCH}", flush=True)  # noqa: T201 - read by the parent


if __name__ == "__main__":
    main(*sys.argv[1:])
