"""Hugging Face Accelerate, recorded: a loop of one's own that logs by its accelerator."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap

import pytest

import runlore
from runlore.errors import InvalidName
from runlore.integrations.accelerate import tracker

pytest.importorskip("torch", reason="PyTorch is not installed")
accelerate = pytest.importorskip("accelerate", reason="Accelerate is not installed")
import accelerate.accelerator as library
import numpy as np

PLAIN = library.Accelerator.init_trackers
pytestmark = pytest.mark.filterwarnings("ignore")


def train(project="vision/unet", **options):
    accelerator = accelerate.Accelerator(cpu=True, **options)
    accelerator.init_trackers(project, config={"lr": 0.1, "model": "unet"})
    for step in range(3):
        accelerator.log({"loss": 1 / (step + 1), "val": {"acc": step / 2}}, step=step)
    return accelerator


def recorded_of(view):
    return view.metric("loss")[["step", "value"]].to_numpy().tolist(), view.metrics["val/acc"], view.params


EXPECTED = ([[0, 1.0], [1, 0.5], [2, 1 / 3]], 1.0, {"lr": 0.1, "model": "unet"})


def test_what_is_logged_is_recorded_without_a_line_and_the_library_is_left_as_it_was(store):
    with runlore.autolog("accelerate", silent=True):
        train().end_training()
        with runlore.start("mine", capture=False) as mine:
            accelerator = train()
        accelerator.log({"loss": 9.0}, step=9)  # its run has ended
        accelerator.end_training()
    assert library.Accelerator.init_trackers is PLAIN
    train().log({"loss": 7.0})
    own = runlore.get_run("vision/unet#1")
    assert (own.status, own.tags["autolog"]) == ("succeeded", "accelerate")
    assert recorded_of(own) == recorded_of(runlore.get_run(mine.uid)) == EXPECTED
    assert len(runlore.runs()) == 2


def test_a_tracker_needs_no_autolog_and_gives_its_run(store):
    accelerator = train(log_with=tracker("own/name"))
    accelerator.get_tracker("runlore").log_images({"picture": [np.zeros((4, 5))]}, step=1)
    run = accelerator.get_tracker("runlore").tracker
    accelerator.end_training()
    view = runlore.get_run(run.uid)
    assert (view.experiment, view.status) == ("own/name", "succeeded")
    assert recorded_of(view) == EXPECTED
    assert view.artifact("picture").kind == "image"
    with runlore.autolog("accelerate", silent=True):
        train(log_with=tracker("own/name")).end_training()
    assert len(runlore.runs()) == 2, "and not twice with autolog"
    with pytest.raises(InvalidName, match="experiment"):
        tracker("../x")


def test_what_cannot_be_recorded_is_said_and_does_not_reach_the_training(store, request, capsys):
    with runlore.autolog("accelerate", silent=True):
        accelerator = train()
        accelerator.log({"odd": object()})
        accelerator.log({"loss": 2.0}, step=5)
        accelerator.end_training()
    assert "values of accelerate is not recorded: WrongType" in capsys.readouterr().err
    assert runlore.get_run("vision/unet#1").metrics["loss"] == 2.0
    request.getfixturevalue("broken")
    with runlore.autolog("accelerate", silent=True):
        train().end_training()
    assert "params of accelerate is not recorded: ZeroDivisionError" in capsys.readouterr().err


def test_of_two_ranks_the_first_records(store, tmp_path):
    script = tmp_path / "ranks.py"
    script.write_text(
        textwrap.dedent(
            """
            import runlore
            runlore.autolog("accelerate", silent=True)
            from accelerate import Accelerator

            accelerator = Accelerator(cpu=True)
            assert accelerator.num_processes == 2
            accelerator.init_trackers("ranks", config={"size": accelerator.num_processes})
            accelerator.log({"loss": float(accelerator.process_index)})
            accelerator.end_training()
            """
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(script)], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "RUNLORE_STORE": str(store), "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1",
                 "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank,
                 "ACCELERATE_USE_CPU": "true"},
        )
        for rank in "01"
    ]  # fmt: skip
    for process in ranks:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    (view,) = runlore.experiment("ranks")
    assert (view.params, view.metrics["loss"]) == ({"size": 2}, 0.0)
