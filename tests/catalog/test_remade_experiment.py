"""An experiment is deleted and made again under the same name while readers look: none keeps a run that is gone."""

from __future__ import annotations

import multiprocessing

import runlore
from runlore.store import open_store

ROUNDS = 40


def _remake(root, ready):
    ready.wait()
    for number in range(ROUNDS):
        with runlore.start("e", params={"round": number}, store=root, capture=False) as run:
            run.log_metric("m", float(number), step=number)
        if number < ROUNDS - 1:
            runlore.experiment("e", store=root).delete()
    return run.uid


def _look(root, ready):
    """Readers never fail, and what they see of a run belongs together."""
    ready.wait()
    wrong, last = [], -1
    while last < ROUNDS - 1:
        table = runlore.runs(store=root)
        for row in table.to_dict("records"):
            number = row.get("params.round")
            if row["run"] != 1 or (row["status"] == "succeeded" and row["metrics.m"] != number):
                wrong.append(row)
            last = int(number) if number == number and row["status"] == "succeeded" else last
    return wrong


def test_readers_of_an_experiment_that_is_remade_see_runs_that_are_there(tmp_path):
    root = str(tmp_path / "store")
    open_store(root, create=True)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(3) as pool:
        ready = manager.Barrier(3)
        readers = [pool.apply_async(_look, (root, ready)) for _ in range(2)]
        uid = pool.apply_async(_remake, (root, ready)).get(120)
        assert [reader.get(120) for reader in readers] == [[], []]
    table = runlore.runs(store=root)
    assert (table["uid"].tolist(), table["run"].tolist()) == ([uid], [1])
    assert table["metrics.m"].tolist() == [ROUNDS - 1.0]
    assert runlore.experiments(store=root)["runs"].tolist() == [1]
