"""Where polyaxon-client 0.6.1 fails its users, and this does not. Numbered as in the list of its defects."""

from __future__ import annotations

import math

import numpy as np
import pytest

import runlore
from runlore.dialects.polyaxon import Experiment, Job


def test_01_a_nan_costs_none_of_its_batch(view):
    experiment = Experiment("p").create()
    for step in range(5_001):
        experiment.log_metrics(step=step, loss=math.nan if step == 150 else 1.0)
    assert len(view().metric("loss")) == 5_001
    assert view().metric("loss")["value"].isna().sum() == 1


def test_02_data_is_hashed_by_its_contents(view):
    import pandas as pd

    experiment = Experiment("p").create()
    for name, change in (("same", 0), ("again", 0), ("changed", 1)):
        values = np.zeros(10_000)
        values[5_000] += change
        experiment.log_data_ref(values, f"array {name}")
        experiment.log_data_ref(pd.DataFrame({"x": values}), f"frame {name}")
    hashes = {name: reference["hash"] for name, reference in view().data_refs().items()}
    for kind in ("array", "frame"):
        assert hashes[f"{kind} same"] == hashes[f"{kind} again"] != hashes[f"{kind} changed"]


def test_03_artifacts_are_copied_without_any_store(tmp_path, view):
    (tmp_path / "model.bin").write_bytes(b"weights")
    Experiment("p").create().log_artifact(tmp_path / "model.bin")
    (tmp_path / "model.bin").unlink()
    assert view().artifact("model.bin").read_bytes() == b"weights"


def test_04_offline_loses_nothing_and_ids_differ(monkeypatch, view):
    monkeypatch.setenv("POLYAXON_IS_OFFLINE", "1")
    ids = []
    for _ in range(2):
        experiment = Experiment("p").create()
        experiment.log_metrics(loss=0.5)
        ids.append(experiment.id)
    assert ids == [1, 2]
    assert [view(number).metrics for number in ids] == [{"loss": 0.5}] * 2


def test_05_log_lines_have_their_arguments_and_prints_are_kept(run_program, view):
    run_program(
        "import logging\nExperiment('p').create()\nlogging.warning('hello %s', 'ann')\nprint('hi')", captures="console"
    )
    assert (list(view().logs("logging")), list(view().logs("stdout"))) == (["hello ann"], ["hi"])


def test_06_the_script_is_the_users(run_program, tmp_path, view):
    run_program("Experiment('p').create()", captures="environment")
    assert view().events("capture")[0].value["script"] == str(tmp_path / "train.py")


def test_07_no_git_and_no_commit_harm_nothing(run_program, tmp_path, view):
    import subprocess

    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    done = run_program("Experiment('p').create()", captures="git")
    assert (done.returncode, done.stderr) == (0, "")
    first = view().events("capture")[0].value
    assert (first["commit"], first["root"]) == (None, str(tmp_path))


def test_08_log_build_takes_an_id(view):
    Experiment("p").create().log_build(build_id=3)
    assert view().tags["polyaxon.build"] == "3"


def test_09_a_hook_that_was_there_is_still_called(run_program, view):
    done = run_program("""
        sys.excepthook = lambda *error: print('my hook', error[1])
        Experiment('p').create()
        raise ValueError('boom')
        """)
    assert (done.returncode, done.stdout, done.stderr) == (1, "my hook boom\n", "")
    assert view().status == "failed"


def test_10_there_is_no_server_to_wait_for(run_program, view):
    done = run_program(
        """
        from polyaxon_client.client import PolyaxonClient
        client = PolyaxonClient(host='unreachable.invalid', token='t')
        Experiment('p', client=client).create().log_metrics(loss=1)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert view().metrics == {"loss": 1.0}


# What is recorded here reads natively, and what was recorded natively is gone on with here.


def test_a_native_run_is_gone_on_with(view):
    with runlore.start("u/p", "native", params={"lr": 0.1}, tags=["a", "b"]) as run:
        run.log_metric("loss", 1.0, step=0)
        run.set_tag("stage", "x")
    experiment = Experiment("u.p", experiment_id=1)
    assert (experiment.uid, experiment.tags) == (run.uid, ["a", "b"])
    experiment.log_metrics(step=1, loss=0.5)
    experiment.log_tags(["c"], reset=True)
    experiment.log_params(dropout=0.5)
    experiment.log_stopped()
    found = view(1, "u/p")
    assert (found.name, found.status, found.tags) == ("native", "stopped", {"c": "", "stage": "x"})
    assert (found.params, found.metric("loss")["step"].tolist()) == ({"lr": 0.1, "dropout": 0.5}, [0.0, 1.0])


def test_an_experiment_is_a_native_run():
    experiment = Experiment("p").create(name="one", tags=["t"], description="d")
    experiment.log_params(lr=0.1)
    experiment.log_metrics(step=1, loss=0.5)
    experiment.run.log_metric("loss", 0.25, step=2)
    experiment.log_succeeded()
    Job("p").create().log_succeeded()
    runs = runlore.runs("metrics.loss < 0.3 and tags contains t", experiment="p")
    assert runs[["name", "status", "params.lr", "metrics.loss"]].to_numpy().tolist() == [
        ["one", "succeeded", 0.1, 0.25]
    ]
    with runlore.start("p") as run:
        assert runlore.active_run() is run


def test_a_program_that_joins_a_run_records_into_it(run_program):
    with runlore.start("outer") as run:
        body = "e = Experiment('p').create(name='n', description='d'); e.log_metrics(loss=1); e.log_failed('bad')"
        done = run_program(body, **run.env())
        assert done.returncode == 0, done.stderr
    found = runlore.get_run(run.uid)
    assert (found.name, found.description) == ("n", "d")
    assert (found.metrics, found.status, found.exit) == ({"loss": 1.0}, "failed", {"message": "bad"})


def test_recording_loads_nothing_heavy(run_program):
    done = run_program("""
        e = Experiment('p').create(tags='a')
        e.log_params(lr=1)
        e.log_metrics(loss=1)
        print(sorted({'numpy', 'pandas', 'pyarrow', 'sqlalchemy', 'sqlite3', 'asyncio'} & set(sys.modules)))
        """)
    assert (done.returncode, done.stdout) == (0, "[]\n")


@pytest.mark.parametrize("seal", [False, True])
def test_unset_params_and_references_stay_away(seal, store, view):
    experiment = Experiment("p").create()
    experiment.log_params(old=1, kept=2)
    experiment.log_data_ref([1], "old")
    experiment.log_params(kept=3, reset=True)
    experiment.log_data_ref([2], "new", reset=True)
    experiment.log_succeeded()
    if seal:
        from runlore.store import open_store
        from runlore.store.sealed.sealing import seal_run

        seal_run(open_store(store), view().directory)
    (store / "catalog.sqlite").unlink(missing_ok=True)
    assert (view().params, list(view().data_refs())) == ({"kept": 3}, ["new"])
