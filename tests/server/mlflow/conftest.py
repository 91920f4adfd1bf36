"""MLflow's own client against our server. Without MLflow these tests are skipped, which is said."""

from __future__ import annotations

import importlib.util
import os

import pytest
from tests.server.live import serving

from runlore.store import open_store

HAS_MLFLOW = importlib.util.find_spec("mlflow") is not None
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def pytest_collection_modifyitems(items):
    for item in items:
        if "server/mlflow/" in item.nodeid:
            item.add_marker(pytest.mark.filterwarnings("ignore"))  # MLflow's own, of which there are many


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """Address of a server that the tests of a module share; each has experiments of its own."""
    store = open_store(tmp_path_factory.mktemp("mlflow") / "store", create=True).location
    with serving(store) as address:
        yield address


@pytest.fixture(scope="module")
def mlflow(uri):
    if not HAS_MLFLOW:
        pytest.skip("MLflow is not installed: pip install -e '.[mlflow]' for its client")
    import mlflow

    mlflow.set_tracking_uri(uri)
    return mlflow


@pytest.fixture
def experiment(mlflow, request):
    """An experiment of the test's own, set as the current one."""
    return mlflow.set_experiment(request.node.nodeid.rpartition("/")[2]).experiment_id


@pytest.fixture
def client(mlflow, uri):
    return mlflow.MlflowClient(uri)


@pytest.fixture
def session(mlflow, uri):
    """The store behind the server, for Runlore's own readers."""
    import httpx

    from runlore.reader.session import Session

    return Session(httpx.get(f"{uri}/api/v1/info").json()["store"]["location"])
