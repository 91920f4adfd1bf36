"""TensorBoard's writers, recorded as well."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import runlore


@pytest.fixture(params=["torch.utils.tensorboard.writer", "tensorboardX.writer"])
def library(request):
    pytest.importorskip(request.param.partition(".")[0], reason=f"{request.param} is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that it imports
        return pytest.importorskip(request.param, reason="TensorBoard is not installed")


def write(library, place):
    with library.SummaryWriter(str(place)) as writer:
        for step in range(3):
            writer.add_scalar("loss", np.float32(0.5) * step, step)
        writer.add_scalar("timed", scalar_value=2, global_step=7, walltime=1_767_225_600.0)
        writer.add_scalars("acc", {"train": 0.5, "val": 0.25}, 1)
    return sorted(path.name.partition(".")[0] for path in place.iterdir())


@pytest.mark.filterwarnings("ignore")
def test_scalars_go_to_the_run_as_well_as_to_the_files(library, run, tmp_path):
    plain = library.SummaryWriter.add_scalar
    with runlore.autolog("tensorboard", silent=True):
        assert "events" in write(library, tmp_path / "recorded")
    view = runlore.get_run(run.uid)
    assert view.metric("loss")[["step", "value"]].to_numpy().tolist() == [[0, 0], [1, 0.5], [2, 1]]
    assert view.metric("timed")["time"].iloc[0].timestamp() == 1_767_225_600
    assert (view.metrics["acc/train"], view.metrics["acc/val"]) == (0.5, 0.25)
    assert library.SummaryWriter.add_scalar is plain


@pytest.mark.filterwarnings("ignore")
def test_without_a_run_and_when_ours_fails_the_files_are_written(library, store, tmp_path, request, capsys):
    with runlore.autolog("tensorboard", silent=True):
        assert "events" in write(library, tmp_path / "alone")
        assert not store.exists()
        request.getfixturevalue("run")
        request.getfixturevalue("broken")
        assert "events" in write(library, tmp_path / "broken")
    assert "of tensorboard is not recorded: ZeroDivisionError" in capsys.readouterr().err
