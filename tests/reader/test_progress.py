"""How far runs have come, in any kind of store's index."""

from __future__ import annotations

import pytest

import runlore
from runlore.reader.cells import Field, columns_of
from runlore.reader.series_cache import SeriesCache
from runlore.reader.session import Session


def columns(store_path, run):
    session = Session(store_path).refresh()
    fields = map(Field.parse, ("progress", "eta", "active"))
    cells = columns_of(session, session.index.runs([run.uid]), fields, SeriesCache(session, 0))
    return {name: cell for name, (cell,) in cells.items()}


@pytest.mark.parametrize(
    ("params", "metrics", "progress"),
    [
        ({"max_steps": 200}, {"loss": 1.0}, 0.25),
        ({"trainer": {"max_steps": 100}}, {"loss": 1.0}, 0.5),
        ({"max_steps": -1, "num_train_epochs": 4}, {"loss": 1.0, "train/epoch": 1.0}, 0.25),
        ({"epochs": 10}, {"epoch": 0}, 0.0),
        ({"epochs": 10}, {"loss": 1.0}, None),
        ({"steps": 10}, {"loss": 1.0}, None),
        ({"max_steps": True}, {"loss": 1.0}, None),
        ({}, {"progress": 0.75}, 0.75),
        ({}, {"loss": 1.0}, None),
    ],
)
def test_progress(tmp_path, params, metrics, progress):
    store_path = str(tmp_path / "store")
    run = runlore.start("iris", params=params, store=store_path, capture=False)
    run.log_metrics(metrics, step=50)
    found = columns(store_path, run)
    assert found["progress"] == progress
    if progress:
        assert found["eta"] == pytest.approx(found["active"] * (1 - progress) / progress)
    else:
        assert found["eta"] is None
    run.finish()
    assert columns(store_path, run)["progress"] is None
