"""Answers that were compared with those of MLflow's own server: what its clients rely on is the same here."""

from __future__ import annotations

import httpx
import pytest

INVALID, MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"


@pytest.fixture
def call(uri):
    """Send a request; gives the status and the document."""
    with httpx.Client(base_url=f"{uri}/api/2.0/mlflow/") as http:

        def send(method, where, body=None, **params):
            answer = http.request(method, where, json=body, params=params)
            return answer.status_code, answer.json()

        yield send


@pytest.fixture
def home(call, request):
    """An experiment, and a run of it."""
    _, made = call("POST", "experiments/create", {"name": f"differences/{request.node.name}"})
    experiment = made["experiment_id"]
    _, made = call("POST", "runs/create", {"experiment_id": experiment, "start_time": 5})
    return experiment, made["run"]["info"]["run_id"]


def refused(answer, *words, code=INVALID):
    status, said = answer
    assert (status, said.get("error_code")) == (404 if code == MISSING else 400, code)
    assert all(word in said["message"] for word in words), said["message"]
    return True


# -- experiments and runs ---------------------------------------------------------------------------------------------


def test_an_experiment_id_that_is_no_number_is_a_wrong_value(call):
    refused(call("GET", "experiments/get", experiment_id="abc"), "'abc'", "valid integer")
    refused(call("POST", "runs/create", {"experiment_id": "abc"}), "'abc'")
    refused(call("GET", "experiments/get", experiment_id="123456"), "123456", code=MISSING)


@pytest.mark.parametrize("new_name", [None, ""])
def test_renaming_an_experiment_takes_a_name(call, home, new_name):
    refused(call("POST", "experiments/update", {"experiment_id": home[0], "new_name": new_name}), "'new_name'")


def test_the_location_of_an_experiment_may_have_a_query_and_no_fragment(call, home):
    name = f"located/{home[0]}"
    refused(call("POST", "experiments/create", {"name": name, "artifact_location": "a#b"}), "artifact_location")
    refused(call("POST", "experiments/create", {"name": name, "artifact_location": "s3://b/x?y=../z"}))
    status, _ = call("POST", "experiments/create", {"name": name, "artifact_location": "s3://b/x?region=eu"})
    assert status == 200


def test_words_of_protocol_buffers_come_as_their_numbers_too(call, home):
    experiment, run = home
    _, said = call("POST", "runs/update", {"run_id": run, "status": 3, "end_time": 9})
    assert said["run_info"]["status"] == "FINISHED"
    refused(call("POST", "runs/update", {"run_id": run, "status": 9}), "9", "FINISHED")
    refused(call("POST", "runs/update", {"run_id": run, "status": "DONE"}), '"DONE"', "FINISHED")
    call("POST", "runs/delete", {"run_id": run})
    for view, count in ((1, 0), (2, 1), (3, 1), ("ALL", 1)):
        _, found = call("POST", "runs/search", {"experiment_ids": [experiment], "run_view_type": view})
        assert len(found["runs"]) == count
    status, _ = call("POST", "experiments/search", {"max_results": 5, "view_type": 3})
    assert status == 200


# -- logging ----------------------------------------------------------------------------------------------------------


def test_a_point_before_1970_is_refused(call, home):
    refused(call("POST", "runs/log-metric", {"run_id": home[1], "key": "m", "value": 1, "timestamp": -5}), "-5")


def test_a_batch_with_one_param_twice_is_refused_and_leaves_nothing(call, home):
    twice = [{"key": "lr", "value": "1"}, {"key": "lr", "value": "1"}]
    refused(call("POST", "runs/log-batch", {"run_id": home[1], "params": twice}), "Duplicate parameter keys", "lr")
    assert call("GET", "runs/get", run_id=home[1])[1]["run"]["data"]["params"] == []


def test_a_name_that_is_a_path_elsewhere_is_shown_as_it_was_sent(call, home):
    for path in ("log-parameter", "set-tag"):
        refused(call("POST", f"runs/{path}", {"run_id": home[1], "key": "../x", "value": "1"}), 'value "../x"')


@pytest.mark.parametrize(("key", "value"), [("k" * 256, "v"), ("k", "v" * 501)])
def test_tags_of_an_input_have_limits(call, home, key, value):
    dataset = {"dataset": {"name": "d", "digest": "1", "source_type": "s", "source": "s"}}
    tagged = {**dataset, "tags": [{"key": key, "value": value}]}
    refused(call("POST", "runs/log-inputs", {"run_id": home[1], "datasets": [tagged]}), "maximum length")


def test_outputs_without_models_are_refused(call, home):
    refused(call("POST", "runs/outputs", {"run_id": home[1]}), "'models'")


def test_a_history_of_no_points_is_not_asked_for(call, home):
    refused(call("GET", "metrics/get-history", run_id=home[1], metric_key="m", max_results=0), "max_results")


@pytest.mark.parametrize(
    "path", ["get-history-bulk?run_id=%s&run_id=gone", "get-history-bulk-interval?run_ids=%s&run_ids=gone"]
)
def test_a_chart_of_several_runs_shows_those_that_there_are(uri, call, home, path):
    call("POST", "runs/log-metric", {"run_id": home[1], "key": "m", "value": 1, "timestamp": 5})
    found = httpx.get(f"{uri}/ajax-api/2.0/mlflow/metrics/{path % home[1]}&metric_key=m").json()
    assert [point["run_id"] for point in found["metrics"]] == [home[1]]


# -- models -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def model(call, request):
    name = request.node.name.replace("/", "-").replace(":", "-")
    call("POST", "registered-models/create", {"name": name})
    for _ in range(2):
        status, said = call("POST", "model-versions/create", {"name": name, "source": "s3://bucket/m"})
        assert status == 200, said
    return name


@pytest.mark.parametrize(
    ("alias", "why"),
    [("LATEST", "reserved"), ("v1", "reserved"), ("a b", "Invalid"), ("a*b", "Invalid"), ("x" * 256, "255")],
)  # fmt: skip
def test_what_cannot_be_an_alias_is_refused(call, model, alias, why):
    refused(call("POST", "registered-models/alias", {"name": model, "alias": alias, "version": "1"}), why)
    assert call("GET", "registered-models/get", name=model)[1]["registered_model"]["aliases"] == []


def test_latest_is_read_as_an_alias(call, model):
    _, said = call("GET", "registered-models/alias", name=model, alias="latest")
    assert said["model_version"]["version"] == "2"


def test_a_model_keeps_its_name_when_it_is_given_the_same(call, model):
    status, said = call("POST", "registered-models/rename", {"name": model, "new_name": model})
    assert (status, said["registered_model"]["name"]) == (200, model)


def test_a_list_in_a_filter_may_end_with_a_comma(call, model):
    _, said = call("GET", "model-versions/search", filter=f"name IN ('{model}',)")
    assert len(said["model_versions"]) == 2


def test_logged_models_are_searched_in_experiments(call):
    refused(call("POST", "logged-models/search", {}), "'experiment_ids'")


# -- traces and artifacts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, -1])
def test_deleting_traces_takes_a_positive_number(call, home, most):
    wanted = {"experiment_id": home[0], "max_traces": most, "max_timestamp_millis": 1}
    refused(call("POST", "traces/delete-traces", wanted), "`max_traces` must be a positive integer", str(most))


@pytest.mark.parametrize("path", ["%2e%2e", "%252e%252e%252fx", "a/%2e%2e/b"])
def test_an_escaped_way_out_is_no_path(call, home, path):
    refused(call("GET", "artifacts/list", run_id=home[1], path=path), "Invalid path")


def test_nothing_is_listed_where_nothing_is(uri):
    assert httpx.get(f"{uri}/api/2.0/mlflow-artifacts/artifacts?path=nope/x").json() == {"files": []}
