"""Distributed data parallel on the CPU: two ranks train one model and record one run, each in a file of its own.

`torchrun --nproc-per-node 2 examples/ddp.py`, or `python examples/ddp.py`, which starts the two ranks by itself.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import runlore

EXPERIMENT = "examples/ddp"
RANKS = 2


def join(rank: int) -> runlore.Run:
    """The run of all ranks: the first one starts it, the others resume it by its uid."""
    run = runlore.start(EXPERIMENT, params={"ranks": dist.get_world_size(), "lr": 0.1}) if rank == 0 else None
    uid = [run.uid if run else None]
    dist.broadcast_object_list(uid)
    run = run or runlore.resume(str(uid[0]))
    run.log_extra(rank=rank)
    return run


def train(rank: int, steps: int = 20) -> None:
    """Fit a line; each rank sees data of its own, and logs its own loss."""
    run = join(rank)
    source = torch.Generator().manual_seed(rank)
    torch.manual_seed(0)
    model = DistributedDataParallel(torch.nn.Linear(1, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        x = torch.rand(32, 1, generator=source)
        loss = torch.nn.functional.mse_loss(model(x), 3 * x + 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log_metric("train/loss", loss.item(), step=step)
    dist.barrier()
    run.finish()


def report() -> None:
    """What the ranks recorded, from one table."""
    experiment = runlore.experiment(EXPERIMENT)
    points = experiment.data(run=experiment.runs(order_by="-started")["uid"].iloc[0], key="train/loss")
    last = points[points["step"] == points["step"].max()].sort_values("rank")
    print(f"one run, {len(points)} points of {points['rank'].nunique()} ranks;", "last losses:",
          ", ".join(f"{loss:.3f}" for loss in last["value"]))  # fmt: skip


def main() -> None:
    """Train as one rank; or, where nobody started ranks, start them."""
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
        train(dist.get_rank())
        dist.destroy_process_group()
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(RANKS)}
    ranks = [
        subprocess.Popen([sys.executable, __file__], env={**shared, "RANK": str(rank), "OMP_NUM_THREADS": "1"})
        for rank in range(RANKS)
    ]
    codes = [process.wait() for process in ranks]
    if any(codes):
        sys.exit("a rank failed")
    report()


if __name__ == "__main__":
    main()
