"""Answers that were compared with those of MLflow's own server: what its clients rely on is the same here."""

from __future__ import annotations

import json

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


# -- what later comparisons found -------------------------------------------------------------------------------------


def test_the_first_metric_that_lacks_something_is_named(call, home):
    good = {"key": "a", "value": 1, "timestamp": 1}
    for name in good:
        metrics = [good, {key: value for key, value in good.items() if key != name}]
        answer = call("POST", "runs/log-batch", {"run_id": home[1], "metrics": metrics})
        refused(answer, f"Missing value for required parameter 'metrics[1].{name}'")


def test_a_user_is_no_tag_unless_the_client_says_so(call, home):
    _, made = call(
        "POST", "runs/create", {"experiment_id": home[0], "user_id": "ada", "tags": [{"key": "a", "value": "b"}]}
    )
    assert made["run"]["info"]["user_id"] == "ada"
    assert "mlflow.user" not in {tag["key"] for tag in made["run"]["data"]["tags"]}


def test_deleting_a_file_that_is_not_there_is_no_error(uri, home):
    path = f"/api/2.0/mlflow-artifacts/artifacts/{home[0]}/{home[1]}/artifacts/gone.txt"
    assert httpx.delete(uri + path).status_code == 200


@pytest.mark.parametrize("said", ["5", "[]", "null", "{}"])
def test_a_model_that_is_none_is_refused(call, home, said):
    refused(call("POST", "runs/log-model", {"run_id": home[1], "model_json": said}), "missing mandatory fields")


@pytest.fixture
def copied(call, home, request):
    """The name of a model that has a version 1 of a run."""
    name = f"of-{request.node.name}"
    call("POST", "registered-models/create", {"name": name})
    call("POST", "model-versions/create", {"name": name, "source": f"runs:/{home[1]}/model", "run_id": home[1]})
    return name


def test_a_copy_of_a_version_knows_its_run_and_has_its_files(uri, call, home, copied):
    path = f"/api/2.0/mlflow-artifacts/artifacts/{home[0]}/{home[1]}/artifacts/model/weights.txt"
    assert httpx.put(uri + path, content=b"the weights").status_code == 200
    call("POST", "registered-models/create", {"name": f"{copied}-copy"})
    body = {"name": f"{copied}-copy", "source": f"models:/{copied}/1"}
    _, made = call("POST", "model-versions/create", body)
    assert made["model_version"]["run_id"] == home[1]
    found = httpx.get(
        f"{uri}/model-versions/get-artifact",
        params={"name": f"{copied}-copy", "version": "1", "path": "weights.txt"},
    )
    assert found.content == b"the weights"
    _, uri_of = call("GET", "model-versions/get-download-uri", name=f"{copied}-copy", version="1")
    assert uri_of["artifact_uri"] == f"models:/{copied}/1"
    refused(call("POST", "model-versions/create", {**body, "source": f"models:/{copied}/7"}), "version=7", code=MISSING)


def test_a_logged_model_says_which_versions_it_became(call, home, copied):
    _, made = call("POST", "logged-models", {"experiment_id": home[0], "name": "net", "source_run_id": home[1]})
    identifier = made["model"]["info"]["model_id"]
    for number in (2, 3):
        body = {"name": copied, "source": f"models:/{identifier}", "model_id": identifier}
        call("POST", "model-versions/create", body)
        _, found = call("GET", f"logged-models/{identifier}")
        tags = {tag["key"]: tag["value"] for tag in found["model"]["info"]["tags"]}
        known = json.loads(tags["mlflow.modelVersions"])
        assert known == [{"name": copied, "version": place} for place in range(2, number + 1)]
    assert call("DELETE", f"logged-models/{identifier}")[0] == 200
    assert call("DELETE", f"logged-models/{identifier}")[0] == 200
    refused(call("GET", f"logged-models/{identifier}"), code=MISSING)


def test_a_page_token_belongs_to_its_search(call, home):
    for name in ("a", "b"):
        call("POST", "logged-models", {"experiment_id": home[0], "name": name})
    search = {"experiment_ids": [home[0]], "max_results": 1, "order_by": [{"field_name": "name"}]}
    _, first = call("POST", "logged-models/search", search)
    _, second = call("POST", "logged-models/search", {**search, "page_token": first["next_page_token"]})
    assert [page["models"][0]["info"]["name"] for page in (first, second)] == ["a", "b"]
    other = {**search, "order_by": [{"field_name": "creation_timestamp"}], "page_token": first["next_page_token"]}
    refused(call("POST", "logged-models/search", other), "page token")


# -- traces -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def traces(call, home):
    """Ids of four traces of an experiment: two good ones, of which one has the tag `t`, and two that failed."""
    names = []
    for number, (state, tags) in enumerate([("OK", {"t": "1"}), ("OK", {}), ("ERROR", {"t": "1"}), ("ERROR", {})]):
        names.append(f"tr-{home[1]}{number}")
        info = {
            "trace_id": names[-1], "state": state, "tags": tags, "request_time": f"2026-01-01T00:00:0{number}Z",
            "trace_location": {"mlflow_experiment": {"experiment_id": home[0]}}, "trace_metadata": {"m": "v"},
        }  # fmt: skip
        assert call("POST", "traces", {"trace": {"trace_info": info}})[0] == 200
    return names


def test_metadata_is_what_the_client_sent(call, traces):
    _, found = call("GET", f"traces/{traces[0]}")
    assert found["trace"]["trace_info"]["trace_metadata"] == {"m": "v"}


def test_an_assessment_says_something_and_its_mask_is_heeded(call, traces):
    where = f"traces/{traces[0]}/assessments"
    plain = {"assessment_name": "good", "source": {"source_type": "HUMAN", "source_id": "me"}}
    refused(call("POST", where, {"assessment": plain}), "Unknown assessment type")
    _, made = call("POST", where, {"assessment": {**plain, "feedback": {"value": True}, "rationale": "first"}})
    path = f"{where}/{made['assessment']['assessment_id']}"
    said = {"assessment": {"rationale": "second", "feedback": {"value": False}}, "update_mask": "rationale"}
    _, changed = call("PATCH", path, said)
    assert (changed["assessment"]["rationale"], changed["assessment"]["feedback"]) == ("second", {"value": True})


def test_traces_are_found_by_their_prompts(call, home, traces):
    prompt = [{"name": "hello", "version": "3"}]
    for _ in range(2):
        assert call("POST", "traces/link-prompts", {"trace_id": traces[1], "prompt_versions": prompt})[0] == 200
    refused(call("POST", "traces/link-prompts", {"trace_id": traces[1]}), "'prompt_versions'")
    locations = [{"mlflow_experiment": {"experiment_id": home[0]}}]
    _, found = call("POST", "traces/search", {"locations": locations, "filter": "prompt = 'hello/3'"})
    assert [trace["trace_id"] for trace in found["traces"]] == [traces[1]]
    assert found["traces"][0]["tags"]["mlflow.linkedPrompts"] == json.dumps(prompt)
    assert call("POST", "traces/search", {"locations": []}) == (200, {"traces": []})


def test_how_much_two_filters_go_together(call, home, traces):
    body = {"experiment_ids": [home[0]], "filter_string1": "status = 'OK'", "filter_string2": "tags.t = '1'"}
    _, found = call("POST", "traces/calculate-filter-correlation", body)
    counts = [found[name] for name in ("filter1_count", "filter2_count", "joint_count", "total_count")]
    assert counts == [2, 2, 1, 4]
    assert (found["npmi"], found["npmi_smoothed"]) == (pytest.approx(0), pytest.approx(0))
    _, same = call("POST", "traces/calculate-filter-correlation", {**body, "filter_string2": "status != 'ERROR'"})
    assert (same["npmi"], same["npmi_smoothed"]) == (pytest.approx(1), pytest.approx(0.583488, abs=1e-5))
    _, never = call("POST", "traces/calculate-filter-correlation", {**body, "filter_string2": "status = 'ERROR'"})
    assert never["npmi"] == -1
    _, none = call("POST", "traces/calculate-filter-correlation", {**body, "filter_string2": "tags.none = '1'"})
    assert "npmi" not in none
    refused(call("POST", "traces/calculate-filter-correlation", {**body, "experiment_ids": None}), "'experiment_ids'")
    refused(call("POST", "traces/calculate-filter-correlation", {**body, "filter_string1": "bad"}), "Invalid clause(s)")


def test_spans_of_others_mean_something_to_mlflows_clients(uri, call, home):
    def span(number, parent, **attributes):
        pairs = [
            {"key": key, "value": {"intValue": value} if isinstance(value, int) else {"stringValue": value}}
            for key, value in attributes.items()
        ]
        return {
            "traceId": home[1], "spanId": f"{number:016x}", "parentSpanId": parent, "name": f"s{number}",
            "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000", "attributes": pairs,
        }  # fmt: skip

    spans = [
        span(1, "", **{
            "openinference.span.kind": "AGENT", "input.value": '{"q": 1}', "output.value": "plain", "session.id": "s",
            "user.id": "u",
        }),
        span(2, f"{1:016x}", **{
            "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4,
            "gen_ai.request.model": "gpt",
        }),
        span(3, f"{2:016x}", **{"llm.token_count.prompt": 100, "llm.token_count.completion": 1}),
    ]  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "bot"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    answer = httpx.post(f"{uri}/v1/traces", json=body, headers={"x-mlflow-experiment-id": home[0]})
    assert answer.status_code == 200
    _, found = call("GET", "traces/get", trace_id=f"tr-{home[1]}")
    info = found["trace"]["trace_info"]
    assert (info["request_preview"], info["response_preview"]) == ('{"q": 1}', '"plain"')
    assert info["tags"]["service.name"] == "bot"
    metadata = info["trace_metadata"]
    assert (metadata["mlflow.trace.session"], metadata["mlflow.trace.user"]) == ("s", "u")
    tokens = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}  # those below it are counted by it already
    assert json.loads(metadata["mlflow.trace.tokenUsage"]) == tokens
    given = [{pair["key"]: pair["value"] for pair in one["attributes"]} for one in found["trace"]["spans"]]
    assert [one.get("mlflow.spanType", {}).get("string_value") for one in given] == ["AGENT", "CHAT_MODEL", None]
    assert given[1]["mlflow.llm.model"] == {"string_value": "gpt"}
    assert given[0]["mlflow.spanInputs"] == {"kvlist_value": {"values": [{"key": "q", "value": {"int_value": "1"}}]}}


def test_texts_that_are_no_unicode_harm_no_trace(uri, call, home):
    span = {"traceId": home[1], "spanId": "1" * 16, "name": "s", "attributes": [
        {"key": "input.value", "value": {"stringValue": "\ud800"}}
    ]}  # fmt: skip
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    headers = {"x-mlflow-experiment-id": home[0], "content-type": "application/json"}
    assert httpx.post(f"{uri}/v1/traces", content=body, headers=headers).status_code == 200
    status, found = call("GET", "traces/get", trace_id=f"tr-{home[1]}")
    assert (status, found["trace"]["trace_info"]["request_preview"]) == (200, '"\\ud800"')


@pytest.mark.parametrize("tag", ["5", "{", "[1]", '{"a": 1}'])
def test_a_tag_of_prompts_that_a_client_wrote_harms_no_search(call, home, traces, tag):
    call("PATCH", f"traces/{traces[0]}/tags", {"key": "mlflow.linkedPrompts", "value": tag})
    locations = [{"mlflow_experiment": {"experiment_id": home[0]}}]
    status, found = call("POST", "traces/search", {"locations": locations, "filter": "prompt = 'a/1'"})
    assert (status, found["traces"]) == (200, [])


@pytest.mark.parametrize("name", ["source", "feedback", "metadata"])
def test_an_assessment_of_other_types_is_refused(call, traces, name):
    said = {"assessment_name": "a", "feedback": {"value": 1}, name: "text"}
    refused(call("POST", f"traces/{traces[0]}/assessments", {"assessment": said}), f"'{name}'")


def test_figures_of_traces_spans_and_assessments(uri, call, home, traces):
    call(
        "POST",
        f"traces/{traces[0]}/assessments",
        {"assessment": {"assessment_name": "good", "feedback": {"value": 0.5}}},
    )
    call(
        "POST", f"traces/{traces[2]}/assessments", {"assessment": {"assessment_name": "good", "feedback": {"value": 1}}}
    )
    spans = [
        {"traceId": home[1], "spanId": f"{number:016x}", "name": "step", "startTimeUnixNano": "1700000000000000000",
         "endTimeUnixNano": str(1_700_000_000_000_000_000 + number * 1_000_000),
         "attributes": [{"key": "session.id", "value": {"stringValue": "s"}},
                        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": number}}]}
        for number in (1, 2, 4)
    ]  # fmt: skip
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    assert httpx.post(f"{uri}/v1/traces", json=body, headers={"x-mlflow-experiment-id": home[0]}).status_code == 200

    def ask(view, name, *aggregations, **more):
        asked = [
            {"aggregation_type": sort, **({"percentile_value": share} if share else {})} for sort, share in aggregations
        ]
        body = {"experiment_ids": [home[0]], "view_type": view, "metric_name": name, "aggregations": asked, **more}
        return call("POST", "traces/metrics", body)

    def points(*asked, **more):
        status, said = ask(*asked, **more)
        assert status == 200, said
        return [(point["dimensions"], point["values"]) for point in said["data_points"]]

    assert points("TRACES", "trace_count", ("COUNT", 0)) == [({}, {"COUNT": 5})]
    by_status = points(
        "TRACES", "trace_count", ("COUNT", 0), dimensions=["trace_status"], filters=["trace.status = 'OK'"]
    )
    assert by_status == [({"trace_status": "OK"}, {"COUNT": 3})]  # that of the spans has ended well, too
    assert points("TRACES", "session_count", ("COUNT", 0)) == [({}, {"COUNT": 1})]
    for text, count in (
        ("trace.tag.t = '1'", 2), ("trace.metadata.`m` = 'v'", 4), ("trace.metadata.m = 'none'", 0),
        ("trace.metadata.`mlflow.trace.session` = 's'", 1),
    ):  # fmt: skip
        assert points("TRACES", "trace_count", ("COUNT", 0), filters=[text]) == [({}, {"COUNT": count})], text
    assert points("SPANS", "span_count", ("COUNT", 0), filters=["span.name = 'step'"]) == [({}, {"COUNT": 3})]
    assert points("ASSESSMENTS", "assessment_count", ("COUNT", 0), filters=["assessment.name = 'good'"]) == [
        ({}, {"COUNT": 2})
    ]
    assert points("TRACES", "input_tokens", ("SUM", 0)) == [({}, {"SUM": 7})]
    in_time = {"start_time_ms": 1_767_225_600_000, "end_time_ms": 1_767_225_602_000, "time_interval_seconds": 2}
    assert points("TRACES", "trace_count", ("COUNT", 0), **in_time) == [
        ({"time_bucket": "2026-01-01T00:00:00+00:00"}, {"COUNT": 2}),
        ({"time_bucket": "2026-01-01T00:00:02+00:00"}, {"COUNT": 1}),
    ]
    latency = points(
        "SPANS", "latency", ("MIN", 0), ("MAX", 0), ("AVG", 0), ("PERCENTILE", 75), dimensions=["span_name"]
    )
    assert latency == [({"span_name": "step"}, {"MIN": 1, "MAX": 4, "AVG": pytest.approx(7 / 3), "P75.0": 3})]
    assert points("ASSESSMENTS", "assessment_value", ("AVG", 0), dimensions=["assessment_name"]) == [
        ({"assessment_name": "good"}, {"AVG": 0.75})
    ]
    refused(ask("TRACES", "nothing", ("COUNT", 0)), "metric_name must be one of")
    refused(ask("TRACES", "trace_count"), "'aggregations'")
    refused(ask("TRACES", "trace_count", ("SUM", 0)), "invalid aggregation_type(s)", "COUNT")
    refused(ask("TRACES", "trace_count", ("COUNT", 0), dimensions=["x"]), "invalid dimension(s)", "trace_status")
    refused(ask("TRACES", "trace_count", ("COUNT", 0), time_interval_seconds=60), "start_time_ms")
    refused(ask("TRACES", "latency", ("PERCENTILE", 101)), "percentile_value")
    refused(ask("TRACES", "latency", ("PERCENTILE", 0)), "percentile_value")
