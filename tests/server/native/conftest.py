"""A store with runs in it, behind a server."""

from __future__ import annotations

import pytest
from tests.reader.made_runs import make_run
from tests.server.live import serving

from runlore.store import open_store


@pytest.fixture
def address(store_path):
    """A server that answers with what is there now, so that tests need not wait."""
    with serving(store_path, index_age_s=0) as found:
        yield found


@pytest.fixture
def store(store_path):
    return open_store(store_path)


@pytest.fixture
def api(client):
    client.base_url = f"{client.base_url}/api/v1/"
    return client


@pytest.fixture
def two_runs(store):
    """Runs of iris whose accuracy is best where the loss is not last."""
    first = make_run(
        store, params={"lr": 0.1, "seed": 10}, tags={"team": "a"},
        metrics={"loss": [3.0, 1.0, 2.0], "acc": [0.1, 0.8, 0.9]}, name="one",
    )  # fmt: skip
    second = make_run(
        store,
        params={"lr": 0.01, "seed": 2},
        metrics={"loss": [2.0, float("nan")], "acc": [0.5, 0.4]},
        start_s=1_767_230_000,
    )
    return first, second
