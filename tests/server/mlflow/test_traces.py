"""Traces with MLflow's client and OpenTelemetry's exporter: recorded, searched, assessed, deleted."""

from __future__ import annotations

import gzip

import httpx
import pytest


@pytest.fixture
def traced(mlflow, experiment):
    """A trace of a function that calls another."""

    @mlflow.trace(span_type="TOOL", attributes={"k": 1})
    def inner(x):
        return x + 1

    @mlflow.trace(name="outer")
    def outer(x):
        return inner(x) * 2

    assert outer(3) == 8
    mlflow.flush_trace_async_logging()
    return mlflow.get_last_active_trace_id()


def test_a_traced_function(mlflow, experiment, traced, session):
    found = mlflow.get_trace(traced)
    assert (found.info.state, found.info.experiment_id) == ("OK", experiment)
    assert found.info.tags["mlflow.traceName"] == "outer"
    spans = {span.name: span for span in found.data.spans}
    assert spans["inner"].parent_id == spans["outer"].span_id
    assert (spans["inner"].inputs, spans["inner"].outputs, spans["inner"].span_type) == ({"x": 3}, 4, "TOOL")
    assert spans["inner"].attributes["k"] == 1
    assert found.info.request_preview == '{"x": 3}'
    assert found.info.response_preview == "8"

    import runlore

    native = f"{mlflow.get_experiment(experiment).name}/traces"
    [run] = runlore.experiment(native, store=session.store)
    assert {event.key for event in run.events("span")} == {"outer", "inner"}


def test_searching(mlflow, experiment, traced):
    for text in (
        "", "trace.status = 'OK'", "name = 'outer'", "tags.`mlflow.traceName` LIKE 'out%'", "span.name = 'inner'",
        "span.type = 'TOOL'", "timestamp_ms > 0 and execution_time_ms >= 0",
    ):  # fmt: skip
        found = mlflow.search_traces([experiment], filter_string=text, return_type="list")
        assert [trace.info.trace_id for trace in found] == [traced], text
    for text in ("trace.status = 'ERROR'", "name = 'inner'", "span.name = 'x'", "timestamp_ms < 5"):
        assert mlflow.search_traces([experiment], filter_string=text, return_type="list") == []


def test_pages_of_traces(mlflow, experiment, client):
    @mlflow.trace
    def work(n):
        return n

    for number in range(5):
        work(number)
    mlflow.flush_trace_async_logging()
    token, seen = None, []
    while True:
        page = client.search_traces([experiment], max_results=2, page_token=token)
        seen += [trace.info.trace_id for trace in page]
        token = page.token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 5


def test_a_failing_function(mlflow, experiment):
    @mlflow.trace
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    mlflow.flush_trace_async_logging()
    found = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert found.info.state == "ERROR"
    assert found.data.spans[0].events[0].name == "exception"


def test_tags_and_assessments(mlflow, client, traced):
    client.set_trace_tag(traced, "k", "v")
    assert client.get_trace(traced).info.tags["k"] == "v"
    client.delete_trace_tag(traced, "k")
    assert "k" not in client.get_trace(traced).info.tags
    first = mlflow.log_feedback(trace_id=traced, name="good", value=True, rationale="yes")
    mlflow.log_expectation(trace_id=traced, name="wanted", value={"a": 1})
    found = {item.name: item for item in client.get_trace(traced).info.assessments}
    assert (found["good"].value, found["good"].rationale, found["wanted"].value) == (True, "yes", {"a": 1})
    assert mlflow.get_assessment(traced, first.assessment_id).value is True
    changed = mlflow.override_feedback(trace_id=traced, assessment_id=first.assessment_id, value=False)
    assert mlflow.get_assessment(traced, first.assessment_id).valid is False
    mlflow.delete_assessment(traced, changed.assessment_id)
    assert mlflow.get_assessment(traced, first.assessment_id).valid is True
    names = [item.name for item in client.get_trace(traced).info.assessments]
    assert sorted(names) == ["good", "wanted"]


def test_traces_of_a_run(mlflow, experiment, client):
    @mlflow.trace
    def work():
        return 1

    with mlflow.start_run() as run:
        work()
    mlflow.flush_trace_async_logging()
    [found] = mlflow.search_traces(locations=[experiment], run_id=run.info.run_id, return_type="list")
    other = client.create_run(experiment).info.run_id
    client.link_traces_to_run([found.info.trace_id], other)
    assert len(mlflow.search_traces(locations=[experiment], run_id=other, return_type="list")) == 1


def test_deletion(mlflow, experiment, client, traced):
    from mlflow.exceptions import MlflowException

    assert client.delete_traces(experiment, trace_ids=[traced]) == 1
    assert mlflow.search_traces([experiment], return_type="list") == []
    with pytest.raises(MlflowException):
        client.get_trace(traced, display=False)


def request_of_one_span():
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = bytes(range(16)), bytes(range(8)), "otel"
    span.start_time_unix_nano, span.end_time_unix_nano, span.kind = 10**18, 10**18 + 5_000_000, 3
    span.attributes.add(key="text").value.string_value = "é"
    span.attributes.add(key="int").value.int_value = -5
    span.attributes.add(key="float").value.double_value = 0.5
    span.attributes.add(key="bool").value.bool_value = True
    span.attributes.add(key="list").value.array_value.values.add().int_value = 7
    span.events.add(name="e", time_unix_nano=10**18 + 1).attributes.add(key="x").value.string_value = "y"
    span.status.code, span.status.message = 2, "broken"
    return request


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_open_telemetry(mlflow, experiment, uri, encoding):
    body = request_of_one_span().SerializeToString()
    headers = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": experiment}
    if encoding:
        body, headers["content-encoding"] = gzip.compress(body), encoding
    assert httpx.post(f"{uri}/v1/traces", content=body, headers=headers).status_code == 200
    [found] = mlflow.search_traces([experiment], return_type="list")
    [span] = found.data.spans
    assert (found.info.state, span.name, found.info.execution_duration) == ("ERROR", "otel", 5)
    assert (span.start_time_ns, span.end_time_ns) == (10**18, 10**18 + 5_000_000)
    assert span.events[0].attributes == {"x": "y"}


def test_open_telemetry_in_json(mlflow, experiment, uri):
    span = {
        "traceId": "0a" * 16, "spanId": "0b" * 8, "name": "j", "startTimeUnixNano": "1000000000000000000",
        "endTimeUnixNano": "1000000000001000000", "attributes": [{"key": "a", "value": {"intValue": "3"}}],
    }  # fmt: skip
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    answer = httpx.post(f"{uri}/v1/traces", json=body, headers={"x-mlflow-experiment-id": experiment})
    assert answer.json() == {}
    [found] = mlflow.search_traces([experiment], return_type="list")
    assert found.info.trace_id == "tr-" + "0a" * 16


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x0a\x7f", b"", b"\x0a\x05\x12\x03\x12\x01\x0a", b"nonsense"])
def test_a_bad_body_is_refused(uri, experiment, body):
    headers = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": experiment}
    assert httpx.post(f"{uri}/v1/traces", content=body, headers=headers).status_code == 400


def test_a_bomb_is_refused(uri, experiment):
    body = gzip.compress(bytes(80 << 20))
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    assert httpx.post(f"{uri}/v1/traces", content=body, headers=headers, timeout=60).status_code == 400


def test_the_older_form(mlflow, experiment, client, uri):
    base = f"{uri}/api/2.0/mlflow/traces"
    made = httpx.post(
        base, json={"experiment_id": experiment, "timestamp_ms": 1000, "tags": [{"key": "a", "value": "b"}]}
    )
    identifier = made.json()["trace_info"]["request_id"]
    ended = httpx.patch(f"{base}/{identifier}", json={"timestamp_ms": 1500, "status": "OK"}).json()["trace_info"]
    assert (ended["execution_time_ms"], ended["status"]) == (500, "OK")
    assert httpx.get(f"{base}/{identifier}/info").json()["trace_info"]["timestamp_ms"] == 1000
    found = httpx.get(base, params={"experiment_ids": experiment}).json()["traces"]
    assert [trace["request_id"] for trace in found] == [identifier]
