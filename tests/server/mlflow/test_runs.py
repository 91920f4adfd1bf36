"""Experiments and runs with MLflow's client: what it writes is there exactly, for it and for Runlore's own readers."""

from __future__ import annotations

import math
import time

import pytest


def test_the_fluent_interface(mlflow, experiment, client, session):
    with mlflow.start_run(run_name="first", tags={"team": "a"}, description="what it is") as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "name": "adam", "flag": True})
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.5, "auc": 0.7}, step=2)
        mlflow.set_tag("stage", "trial")
    found = client.get_run(run.info.run_id)
    assert found.info.run_name == "first"
    assert found.info.status == "FINISHED"
    assert found.info.end_time >= found.info.start_time
    assert found.data.params == {"lr": "0.1", "depth": "3", "name": "adam", "flag": "True"}
    assert found.data.metrics == {"loss": 1 / 3, "acc": 0.5, "auc": 0.7}
    assert found.data.tags["team"] == "a"
    assert found.data.tags["stage"] == "trial"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]

    view = session.refresh().find(run.info.run_id)
    assert (view.name, view.status, view.description) == ("first", "succeeded", "what it is")
    assert view.facts.params == {"lr": 0.1, "depth": 3, "name": "adam", "flag": True}
    assert view.facts.metrics["loss"] == 1 / 3
    assert view.facts.tags["team"] == "a"


def test_params_may_change(mlflow, experiment, client):
    with mlflow.start_run() as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_param("lr", "0.20")
    assert client.get_run(run.info.run_id).data.params == {"lr": "0.20"}


def test_values_that_are_no_numbers_are_exact(mlflow, experiment, client):
    values = [math.nan, math.inf, -math.inf, 5e-324, -0.0, 1.7976931348623157e308]
    with mlflow.start_run() as run:
        for step, value in enumerate(values):
            mlflow.log_metric("value", value, step=step)
    found = [point.value for point in client.get_metric_history(run.info.run_id, "value")]
    assert [repr(value) for value in found] == [repr(value) for value in values]
    found = {}
    with mlflow.start_run() as run:
        mlflow.log_metrics({"nan": math.nan, "inf": math.inf, "low": -math.inf})
    found = client.get_run(run.info.run_id).data.metrics
    assert math.isnan(found["nan"])
    assert (found["inf"], found["low"]) == (math.inf, -math.inf)


def test_times_are_those_that_the_client_gave(client, experiment):
    run = client.create_run(experiment, start_time=1_600_000_000_123)
    client.log_metric(run.info.run_id, "loss", 0.5, timestamp=1_600_000_000_789, step=2**40)
    client.set_terminated(run.info.run_id, "FAILED", end_time=1_600_000_001_001)
    found = client.get_run(run.info.run_id)
    assert (found.info.start_time, found.info.end_time, found.info.status) == (1600000000123, 1600000001001, "FAILED")
    [point] = client.get_metric_history(run.info.run_id, "loss")
    assert (point.timestamp, point.step) == (1_600_000_000_789, 2**40)


def test_the_latest_metric_is_the_one_of_the_greatest_step(client, experiment):
    run = client.create_run(experiment)
    for step, value in ((2, 0.2), (0, 0.0), (1, 0.1)):
        client.log_metric(run.info.run_id, "loss", value, step=step)
    assert client.get_run(run.info.run_id).data.metrics == {"loss": 0.2}


@pytest.mark.parametrize("key", ["a#b", "50% done", "what?", "ünïcode", "a b", "x/y.z-_:", "日本/語"])
def test_keys_survive(client, experiment, key):
    run = client.create_run(experiment)
    uid = run.info.run_id
    client.log_metric(uid, key, 1.5)
    client.log_param(uid, key, "p")
    client.set_tag(uid, key, "t")
    found = client.get_run(uid).data
    assert (found.metrics[key], found.params[key], found.tags[key]) == (1.5, "p", "t")
    assert [point.value for point in client.get_metric_history(uid, key)] == [1.5]


def test_12_000_keys_do_no_harm(client, experiment):
    run = client.create_run(experiment)
    from mlflow.entities import Metric

    keys = [f"layer/{number}/norm" for number in range(12_000)]
    for start in range(0, len(keys), 1000):
        batch = [Metric(key, float(start), 1_600_000_000_000, 0) for key in keys[start : start + 1000]]
        client.log_batch(run.info.run_id, metrics=batch)
    begun = time.perf_counter()
    assert len(client.get_run(run.info.run_id).data.metrics) == 12_000
    assert time.perf_counter() - begun < 5


def test_a_run_goes_on_after_its_end(client, experiment):
    uid = client.create_run(experiment).info.run_id
    client.set_terminated(uid, "FAILED")
    client.log_metric(uid, "late", 1.0)
    assert client.get_run(uid).data.metrics == {"late": 1.0}
    client.update_run(uid, status="RUNNING")
    assert client.get_run(uid).info.status == "RUNNING"
    client.set_terminated(uid, "KILLED")
    assert client.get_run(uid).info.status == "KILLED"


def test_nested_runs(mlflow, experiment, client, session):
    with mlflow.start_run(run_name="parent") as parent, mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("m", 1)
    found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert [run.info.run_id for run in found] == [child.info.run_id]
    assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert session.refresh().find(child.info.run_id).parent == parent.info.run_id


def test_tags_are_set_and_deleted(client, experiment):
    from mlflow.exceptions import MlflowException

    uid = client.create_run(experiment, tags={"a": "1"}).info.run_id
    client.delete_tag(uid, "a")
    assert "a" not in client.get_run(uid).data.tags
    with pytest.raises(MlflowException) as caught:
        client.delete_tag(uid, "a")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


GOOD = {"key": "a", "value": 1, "timestamp": 1}


def test_a_refused_batch_leaves_nothing_behind(client, experiment, uri):
    import httpx

    uid = client.create_run(experiment).info.run_id
    for body in (
        {"metrics": [GOOD, {"key": "b", "value": "x", "timestamp": 1}, {"key": "c", "value": 1}]},
        {"metrics": [GOOD], "params": [{"key": "", "value": "1"}]},
        {"metrics": [GOOD], "tags": [{"key": "../x", "value": "1"}]},
        {"metrics": [GOOD] * 1001},
        {"metrics": [GOOD], "params": [{"key": f"{n}", "value": "1"} for n in range(101)]},
        {"metrics": [GOOD], "params": [{"key": "p", "value": "1"}, {"key": "p", "value": "2"}]},
    ):
        answer = httpx.post(f"{uri}/api/2.0/mlflow/runs/log-batch", json={"run_id": uid, **body})
        assert answer.status_code == 400
        assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    data = client.get_run(uid).data
    assert (data.metrics, data.params) == ({}, {})


def test_deleted_runs(client, experiment, session):
    from mlflow.entities import ViewType
    from mlflow.exceptions import MlflowException

    uid = client.create_run(experiment).info.run_id
    client.delete_run(uid)
    assert client.get_run(uid).info.lifecycle_stage == "deleted"
    assert client.search_runs([experiment]) == []
    assert [run.info.run_id for run in client.search_runs([experiment], "", ViewType.DELETED_ONLY)] == [uid]
    with pytest.raises(MlflowException, match="deleted"):
        client.log_metric(uid, "m", 1)
    assert session.refresh().find(uid).deleted
    client.restore_run(uid)
    client.log_metric(uid, "m", 1)
    assert [run.info.run_id for run in client.search_runs([experiment])] == [uid]


def test_what_others_wrote_is_shown(client, session):
    import runlore

    with runlore.start("vision/others", name="native", params={"lr": 0.1, "layers": [1, 2]}, tags={"team": "b"},
                       store=session.store, capture=False) as run:  # fmt: skip
        run.log_metric("loss", 0.25, step=3)
        run.log_metric("no step", 1.0)
    experiment = client.get_experiment_by_name("vision/others")
    [found] = client.search_runs([experiment.experiment_id])
    assert found.info.run_id == run.uid
    assert (found.info.run_name, found.info.status) == ("native", "FINISHED")
    assert found.data.params == {"lr": "0.1", "layers": "[1, 2]"}
    assert found.data.metrics == {"loss": 0.25, "no step": 1.0}
    assert found.data.tags["team"] == "b"
    client.set_tag(run.uid, "seen", "yes")
    assert session.refresh().find(run.uid).facts.tags["seen"] == "yes"
    assert session.find(run.uid).status == "succeeded"


def test_metrics_of_a_run_that_is_not_there(client):
    from mlflow.exceptions import MlflowException

    for uid in ("0" * 32, "../../etc/passwd", "x"):
        with pytest.raises(MlflowException) as caught:
            client.log_metric(uid, "m", 1)
        assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_system_metrics(mlflow, experiment, client):
    mlflow.set_system_metrics_sampling_interval(0.2)
    try:
        with mlflow.start_run(log_system_metrics=True) as run:
            deadline = time.monotonic() + 60
            while not client.get_run(run.info.run_id).data.metrics:
                assert time.monotonic() < deadline
    finally:
        mlflow.set_system_metrics_sampling_interval(None)
    assert "system/cpu_utilization_percentage" in client.get_run(run.info.run_id).data.metrics


def test_async_logging(mlflow, experiment, client):
    with mlflow.start_run() as run:
        for step in range(500):
            mlflow.log_metric("loss", step, step=step, synchronous=False)
        mlflow.log_params({"a": 1}, synchronous=False)
        mlflow.flush_async_logging()
    assert [point.step for point in client.get_metric_history(run.info.run_id, "loss")] == list(range(500))
    assert client.get_run(run.info.run_id).data.params == {"a": "1"}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("log-metric", {"key": 31, "value": 1, "timestamp": 1}, "Invalid value 31 for parameter 'key' supplied"),
        ("log-metric", {"key": "k", "value": 1, "timestamp": 1, "step": "x"},
         "Invalid value \"x\" for parameter 'step' supplied"),
        ("log-metric", {"value": 1, "timestamp": 1}, "Missing value for required parameter 'key'"),
        ("log-metric", {"key": "k", "value": 1}, "Missing value for required parameter 'timestamp'"),
        ("log-parameter", {"run_id": 31, "key": "k"}, "Invalid value 31 for parameter 'run_id' supplied"),
        ("set-tag", {"key": "k", "value": 41}, "Invalid value 41 for parameter 'value' supplied"),
        ("log-batch", {"metrics": "foo"}, "Invalid value \"foo\" for parameter 'metrics' supplied"),
        ("log-batch", {"metrics": [{"key": "k", "value": 2.5}]},
         "Missing value for required parameter 'metrics[0].timestamp'. See the API docs"),
        ("search", {"max_results": 10**9}, "Invalid value 1000000000 for parameter 'max_results' supplied"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(client, experiment, uri, path, body, said):
    import httpx

    uid = client.create_run(experiment).info.run_id
    answer = httpx.post(f"{uri}/api/2.0/mlflow/runs/{path}", json={"run_id": uid, **body})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert said in answer.json()["message"]


def test_several_histories_at_once(client, experiment, uri):
    import httpx

    first, second = (client.create_run(experiment).info.run_id for _ in range(2))
    for uid, count in ((first, 10), (second, 20)):
        for step in range(count):
            client.log_metric(uid, "m", step / 2, timestamp=1, step=step)
    base = f"{uri}/ajax-api/2.0/mlflow/metrics"
    found = httpx.get(f"{base}/get-history-bulk", params={"run_id": [first, second], "metric_key": "m"}).json()[
        "metrics"
    ]
    assert [point["run_id"] for point in found] == [first] * 10 + [second] * 20
    asked = {"run_ids": [first, second], "metric_key": "m", "max_results": 5}
    found = httpx.get(f"{base}/get-history-bulk-interval", params=asked).json()["metrics"]
    assert [point["step"] for point in found if point["run_id"] == first] == [0, 4, 8, 9]
    assert [point["step"] for point in found if point["run_id"] == second] == [0, 4, 8, 9, 12, 16, 19]
    assert httpx.get(f"{base}/get-history-bulk-interval", params={**asked, "max_results": 0}).status_code == 400


def test_datasets_of_experiments(client, experiment, uri):
    import httpx
    from mlflow.entities import Dataset, DatasetInput, InputTag

    uid = client.create_run(experiment).info.run_id
    data = DatasetInput(Dataset("name", "digest", "kind", "source"), [InputTag("mlflow.data.context", "training")])
    client.log_inputs(uid, [data])
    address = f"{uri}/ajax-api/2.0/mlflow/experiments/search-datasets"
    found = httpx.post(address, json={"experiment_ids": [experiment]}).json()["dataset_summaries"]
    assert found == [{"experiment_id": experiment, "name": "name", "digest": "digest", "context": "training"}]
    assert httpx.post(address, json={}).status_code == 400
