"""A cell that starts a run is run again: the run that it left open ends, and that is said."""

from __future__ import annotations

import pytest
from tests.notebook_cells import run_cells

import runlore

START = "import runlore\nrun = runlore.start('nb', capture=False)\nrun.log_metric('loss', 1.0)"
SAID = "the cell that started it was run again"


@pytest.fixture
def store(tmp_path):
    return str(tmp_path / "store")


def execute(tmp_path, store, *cells):
    shown = run_cells(tmp_path, *cells, environment={"RUNLORE_STORE": store})
    return ["".join(output.get("text", output.get("evalue", "")) for output in outputs) for outputs in shown]


def statuses(store):
    return [view.status for view in runlore.experiment("nb", store=store)]


@pytest.mark.parametrize("cell", ["cell-1", None])
def test_a_start_cell_that_is_run_again_ends_its_earlier_run(tmp_path, store, cell):
    shown = execute(tmp_path, store, (cell, START), (cell, START), ("end", "run.finish()"))
    assert shown[0] == "" == shown[2]
    assert shown[1].count(SAID) == 1
    assert "nb#1" in shown[1]
    assert statuses(store) == ["stopped", "succeeded"]
    assert runlore.get_run("nb#1", store=store).exit == {"reason": "its cell was run again"}
    assert runlore.get_run("nb#1", store=store).metrics == {"loss": 1.0}


def test_a_cell_that_was_edited_is_still_the_same_cell(tmp_path, store):
    shown = execute(tmp_path, store, ("a", START), ("a", START + "\nlr = 2"), ("b", "run.finish()"))
    assert SAID in shown[1]
    assert statuses(store) == ["stopped", "succeeded"]


def test_other_cells_and_the_same_execution_end_nothing(tmp_path, store):
    loop = "runs = [runlore.start('nb', capture=False) for _ in range(3)]"
    end = "run.finish()\nfor other in runs: other.finish()\nsame = [other.status for other in runs]"
    shown = execute(tmp_path, store, ("a", START), ("b", loop), ("c", end))
    assert shown == ["", "", ""]
    assert statuses(store) == ["succeeded"] * 4


def test_a_run_that_was_finished_is_not_spoken_of(tmp_path, store):
    whole = START + "\nrun.finish()"
    assert execute(tmp_path, store, ("a", whole), ("a", whole)) == ["", ""]
    assert statuses(store) == ["succeeded", "succeeded"]


def test_a_resume_cell_that_is_run_again_leaves_the_run_running(tmp_path, store):
    again = "run = runlore.resume(uid, capture=False)\nrun.log_metric('loss', 2.0)"
    shown = execute(
        tmp_path, store, ("a", START + "\nrun.finish()\nuid = run.uid"), ("b", again), ("b", again),
        ("c", "print(runlore.get_run('nb#1').status)\nrun.finish()"),
    )  # fmt: skip
    assert SAID in shown[2]
    assert shown[3] == "running\n"
    assert statuses(store) == ["succeeded"]


def test_a_start_that_is_refused_ends_nothing(tmp_path, store):
    bad = "import runlore\nif 'run' in globals(): runlore.start('nb', params={1: {}, '1': 2})\n"
    cell = bad + START.partition("\n")[2]
    shown = execute(tmp_path, store, ("a", cell), ("a", cell), ("b", "print(run.status)\nrun.finish()"))
    assert SAID not in shown[1]
    assert shown[2] == "running\n"
