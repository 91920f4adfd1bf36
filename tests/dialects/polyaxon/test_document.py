"""Every code block of the tracking reference runs as it is printed. What it leaves out is supplied around it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import runlore
from run_document import read_blocks
from runlore import dialects

DOCUMENT = Path(__file__).parents[2] / "assets" / "seeds" / "polyaxon-tracking-experiments.md"
BLOCKS = [block.text for block in read_blocks(DOCUMENT.read_text("utf-8")) if block.language == "python"]


@pytest.fixture
def supplied(tmp_path):
    """What the document speaks of and does not define."""
    (tmp_path / "weights.bin").write_bytes(b"weights")
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "loss.txt").write_text("falling")
    return {
        "tags": ["given"], "status": "running", "message": None,
        "dataset1": np.arange(10), "dataset2": np.arange(20), "dataset3": np.arange(30),
        "file_path": str(tmp_path / "weights.bin"), "dir_path": str(tmp_path / "plots"),
    }  # fmt: skip


@pytest.fixture
def imports():
    dialects.install("polyaxon")
    yield
    dialects.uninstall("polyaxon")


def block_with(text):
    (found,) = [block for block in BLOCKS if text in block]
    return found


def test_all_blocks_are_known():
    assert len(BLOCKS) == 19


def test_the_document_runs_from_top_to_bottom(supplied, imports):
    for block in BLOCKS:
        exec(compile(block, str(DOCUMENT), "exec"), supplied)
    first, named, last = runlore.experiment("default")
    assert (set(first.tags) - {"polyaxon.backend"}, first.description) == (
        {"tensorflow", "nlp"}, "My first Polyaxon experiment",
    )  # fmt: skip
    assert named.name == "experiment_name"
    assert (last.name, last.description, last.status) == ("new_name", "New description ...", "stopped")
    assert last.tags == {"tag3": "", "polyaxon.framework": "tensorflow", "polyaxon.backend": "spark"}
    assert last.metrics == {"loss": 0.023, "accuracy": 0.91}
    assert last.metric("loss")["step"].tolist() == [123.0]
    assert last.params == {"activation": "sigmoid", "learning_rate": 0.001}
    assert list(last.data_refs()) == ["my_dataset3"]
    assert {item.name: item.read_bytes() for item in last.artifacts() if item.kind == "file"} == {
        "weights.bin": b"weights", "loss.txt": b"falling",
    }  # fmt: skip
    statuses = [status for _, status, _ in last.statuses]
    assert statuses[:6] == ["running", "created", "running", "running", "starting", "stopped"]


@pytest.mark.parametrize(
    ("text", "status"), [("log_succeeded()", "succeeded"), ("log_failed()", "failed"), ("log_stopped()", "stopped")]
)
def test_blocks_that_end_an_experiment(supplied, imports, text, status):
    for block in (block_with("import Experiment"), "experiment.create()", block_with(text)):
        exec(block, supplied)
    assert runlore.experiment("default").run(1).status == status


def test_what_the_text_says_of_ends_and_of_the_environment(run_program, tmp_path):
    done = run_program(
        "experiment = Experiment('p')\nexperiment.create()\nraise OSError('disk')", captures="environment"
    )
    view = runlore.experiment("p").run(1)
    assert (done.returncode, view.status) == (1, "failed")
    assert [event.key for event in view.events("capture")] == ["environment", "environment"]


def test_the_document_as_a_script_through_runlore_exec(supplied, tmp_path, store):
    lines = ["import numpy as np", *(f"dataset{n} = np.arange({n}0)" for n in (1, 2, 3))]
    lines += [f"{name} = {supplied[name]!r}" for name in ("tags", "status", "file_path", "dir_path")]
    script = tmp_path / "document.py"
    script.write_text("\n".join([*lines, *BLOCKS, "assert experiment.get_log_level() is None"]))
    command = [sys.executable, "-m", "runlore", "exec", "--dialect", "polyaxon", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [view.status for view in runlore.experiment("default")] == ["succeeded", "succeeded", "stopped"]
