"""Searching runs with MLflow's client: filters, orders, pages."""

from __future__ import annotations

import httpx
import pytest

from runlore.run.recording import begin_run
from runlore.store import open_store


@pytest.fixture(scope="module")
def runs(mlflow, uri):
    """1,200 runs, ten of them recorded with MLflow's client: `loss` and `x` by number; those ten failed."""
    client = mlflow.MlflowClient(uri)
    from mlflow.entities import Metric, Param, RunTag

    store = open_store(httpx.get(f"{uri}/api/v1/info").json()["store"]["location"])
    experiment = client.create_experiment("many")
    uids = []
    for number in range(1_200):
        name, kind, team = f"run {number}", "even" if number % 2 == 0 else "odd", f"team {number % 3}"
        started_ms = 1_600_000_000_000 + number
        if number < 10:
            uid = client.create_run(experiment, start_time=started_ms, run_name=name).info.run_id
            metric, params = Metric("loss", number / 10, started_ms, 0), [Param("x", str(number)), Param("kind", kind)]
            client.log_batch(uid, [metric], params, [RunTag("team", team)])
            client.set_terminated(uid, "FAILED")
        else:
            begun = begin_run(store, "many", about={"name": name}, time_ns=started_ms * 1_000_000)
            begun.recorder.scalar("loss", number / 10, 0)
            begun.recorder.event("param", "x", number)
            begun.recorder.event("param", "kind", kind)
            begun.recorder.event("tag", "team", team)
            begun.recorder.stop("succeeded", {})
            begun.recorder.close()
            uid = begun.uid
        uids.append(uid)
    client.get_experiment(experiment)  # brings the index up to date with what came into the store beside the server
    return experiment, uids


def found(mlflow, runs, text, **more):
    return {runs[1].index(run.info.run_id) for run in mlflow.MlflowClient().search_runs([runs[0]], text, **more)}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("metrics.loss < 0.5", lambda n: n < 5),
        ("metrics.loss >= 119.8 and params.kind = 'odd'", lambda n: n == 1199),
        ("params.x = '17'", lambda n: n == 17),
        ("params.x IN ('1', '2')", lambda n: n in {1, 2}),
        ("params.x NOT IN ('1') AND metrics.loss <= 0.2", lambda n: n in {0, 2}),
        ('metric."loss" = 3', lambda n: n == 30),
        ("tags.team LIKE '%1' and metrics.`loss` < 1", lambda n: n < 10 and n % 3 == 1),
        ("tags.team ILIKE 'TEAM 2' and metrics.loss < 1", lambda n: n < 10 and n % 3 == 2),
        ("attributes.status = 'FAILED'", lambda n: n < 10),
        ("status != 'FINISHED'", lambda n: n < 10),
        ("run_name = 'run 5'", lambda n: n == 5),
        ("attributes.start_time > 1600000001197", lambda n: n > 1197),
        ("attributes.start_time = 1600000000007", lambda n: n == 7),
        ("params.absent IS NULL and metrics.loss < 0.1", lambda n: n == 0),
        ("params.x IS NOT NULL and metrics.loss < 0.1", lambda n: n == 0),
        ("params.x = '3' or (params.kind = 'even' and metrics.loss < 0.3)", lambda n: n in {0, 2, 3}),
        ("not params.kind = 'even' and metrics.loss < 0.4", lambda n: n in {1, 3}),
    ],
)
def test_filters(mlflow, runs, text, holds):
    assert found(mlflow, runs, text) == {number for number in range(1_200) if holds(number)}


@pytest.mark.parametrize(
    "text",
    ["metrics.loss", "metrics.loss < 'a'", "nothing.x = 1", "params.x < 5", "attributes.what = 1", "metrics.a < 1 or",
     "((((", "params.x = 'a", "a b c", "metrics.loss LIKE '1%'", "params.x IN ()"],
)  # fmt: skip
def test_what_cannot_be_understood_is_said(mlflow, runs, text):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        found(mlflow, runs, text)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_pages_visit_every_run_once(mlflow, runs):
    client = mlflow.MlflowClient()
    token, uids, pages = None, [], 0
    while True:
        page = client.search_runs([runs[0]], order_by=["metrics.loss DESC"], max_results=500, page_token=token)
        uids += [run.info.run_id for run in page]
        pages, token = pages + 1, page.token
        if not token:
            break
    assert pages == 3
    assert uids == runs[1][::-1]


def test_orders(mlflow, runs):
    client = mlflow.MlflowClient()

    def first(*order):
        return [
            runs[1].index(run.info.run_id) for run in client.search_runs([runs[0]], "", order_by=order, max_results=3)
        ]

    assert first("attributes.start_time ASC") == [0, 1, 2]
    assert first() == [1199, 1198, 1197]
    assert first("params.kind DESC", "metrics.`loss`") == [1, 3, 5]
    assert first("tags.team", "start_time DESC") == [1197, 1194, 1191]


def test_as_a_table(mlflow, runs):
    table = mlflow.search_runs([runs[0]], "metrics.loss < 120", max_results=2_000)
    assert len(table) == 1_200
    assert sorted(table["metrics.loss"]) == [number / 10 for number in range(1_200)]


def test_a_token_of_somebody_else(mlflow, runs):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        mlflow.MlflowClient().search_runs([runs[0]], page_token="bm90aGluZw==")
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_search_has_what_its_client_just_wrote(tmp_path, workers):
    import dataclasses

    import httpx
    from tests.server.live import serving

    from runlore.store import open_store

    contexts = []
    store = open_store(tmp_path / "store", create=True).location
    with serving(store, contexts=contexts, index_age_s=1e6) as address, httpx.Client(base_url=address) as http:
        contexts[0].settings = dataclasses.replace(contexts[0].settings, workers=workers)
        root = "/api/2.0/mlflow"
        experiment = http.post(f"{root}/experiments/create", json={"name": "own"}).json()["experiment_id"]
        made = http.post(f"{root}/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
        for step in range(5):
            http.post(
                f"{root}/runs/log-metric", json={"run_id": made, "key": "m", "value": step, "timestamp": 5 + step}
            )
            wanted = {"experiment_ids": [experiment], "filter": f"metrics.m = {step}"}
            assert len(http.post(f"{root}/runs/search", json=wanted).json()["runs"]) == 1
        http.post(f"{root}/runs/delete", json={"run_id": made})
        assert http.post(f"{root}/runs/search", json={"experiment_ids": [experiment]}).json()["runs"] == []


def test_events_are_read_only_of_runs_that_are_linked_to_something():
    from runlore.server.mlflow.entities import REMOTE
    from runlore.server.mlflow.inputs import is_linked

    assert not is_linked({REMOTE, "team"})
    assert is_linked({REMOTE, "mlflow.linked.model:m-1"})


def test_pages_say_exactly_what_matches_while_runs_are_written(tmp_path):
    """Each page shows runs that match by what it shows of them; none comes twice, none that was there is missing."""
    import threading

    import httpx
    from tests.server.live import serving

    from runlore.store import open_store

    root, done = "/api/2.0/mlflow", threading.Event()
    with serving(open_store(tmp_path / "store", create=True).location) as address:

        def write(experiment, count=None):
            """Runs whose metric grows past the filter's bound; until told to end, or so many."""
            made = []
            with httpx.Client(base_url=address) as http:
                while not done.is_set() and len(made) != count:
                    answer = http.post(f"{root}/runs/create", json={"experiment_id": experiment}).json()
                    run = answer["run"]["info"]["run_id"]
                    made.append(run)
                    for step in range(3):
                        point = {"run_id": run, "key": "m", "value": step, "timestamp": 5, "step": step}
                        http.post(f"{root}/runs/log-metric", json=point)
            return made

        with httpx.Client(base_url=address) as http:
            experiment = http.post(f"{root}/experiments/create", json={"name": "busy"}).json()["experiment_id"]
            there = set(write(experiment, 30))
            writing = threading.Thread(target=write, args=(experiment,))
            writing.start()
            try:
                for _ in range(2):
                    seen, token = [], None
                    while token != "":
                        body = {
                            "experiment_ids": [experiment], "filter": "metrics.m >= 2", "order_by": ["metrics.m DESC"],
                            "max_results": 15, "page_token": token,
                        }  # fmt: skip
                        page = http.post(f"{root}/runs/search", json=body).json()
                        assert all(run["data"]["metrics"][0]["value"] >= 2 for run in page["runs"])
                        seen += [run["info"]["run_id"] for run in page["runs"]]
                        token = page.get("next_page_token", "")
                    assert len(seen) == len(set(seen))
                    assert there <= set(seen)
            finally:
                done.set()
                writing.join()
