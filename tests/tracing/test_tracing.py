"""Spans of OpenTelemetry in runs: whose they are, what they carry, and that the program's own tracing goes on."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

import runlore
from runlore import tracing
from runlore.errors import InvalidArgument, NoActiveRun, WrongType
from runlore.run import ends


@pytest.fixture
def exporter(tmp_path, monkeypatch):
    """A provider that the program set itself, exporting elsewhere; a store; no captures."""
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    for run in list(ends.open_runs.values()):
        run.finish()
    return exporter


@pytest.fixture
def tracer(exporter):
    return trace.get_tracer("test")


def spans(run):
    return {event.key: event.value for event in runlore.get_run(run.uid).events("span")}


def test_spans_nest_in_the_run_and_keep_all_they_carry(tracer):
    tracing.enable()
    with (
        runlore.start("traced") as run,
        tracer.start_as_current_span("request", kind=SpanKind.SERVER) as outer,
        tracer.start_as_current_span("model", links=[Link(outer.get_span_context(), {"why": "test"})]) as inner,
    ):
        inner.set_attribute("tokens", 17)
        inner.set_attribute("stop", ["a", "b"])
        inner.add_event("cache miss", {"key": "k"}, timestamp=5)
        inner.set_status(Status(StatusCode.OK))
    found = spans(run)
    request, model = found["request"], found["model"]
    assert request["trace_id"] == model["trace_id"] == f"{outer.get_span_context().trace_id:032x}"
    assert len(request["trace_id"]) == 32
    assert model["parent_id"] == request["span_id"]
    assert request["parent_id"] is None
    assert request["kind"] == "server"
    assert model["kind"] == "internal"
    assert model["scope"] == "test"
    assert model["attributes"] == {"tokens": 17, "stop": ["a", "b"]}
    assert model["events"] == [{"name": "cache miss", "time_ns": 5, "attributes": {"key": "k"}}]
    assert (request["status"], model["status"]) == ("unset", "ok")
    assert model["links"][0]["span_id"] == request["span_id"]
    assert model["links"][0]["attributes"] == {"why": "test"}
    assert request["start_ns"] <= model["start_ns"] <= model["end_ns"] <= request["end_ns"]


def test_an_exception_makes_the_span_an_error_and_goes_on(tracer):
    tracing.enable()
    with runlore.start("traced") as run:
        with pytest.raises(ZeroDivisionError), tracer.start_as_current_span("fit"):
            _ = 1 / 0
        assert spans(run)["fit"]["status"] == "error"
    span = spans(run)["fit"]
    assert "division by zero" in span["status_message"]
    assert span["events"][0]["name"] == "exception"
    assert span["events"][0]["attributes"]["exception.type"] == "ZeroDivisionError"


def test_a_span_belongs_to_the_run_that_was_current_when_it_started(tracer):
    tracing.enable()
    first = runlore.start("first")
    early = tracer.start_span("early")
    second = runlore.start("second")
    late = tracer.start_span("late")
    second.finish()
    first.finish()
    early.end()
    late.end()
    assert list(spans(first)) == ["early"]
    assert list(spans(second)) == ["late"]
    assert runlore.get_run(first.uid).status == "succeeded"


def test_spans_outside_of_a_run_go_where_they_went(exporter, tracer):
    tracing.enable()
    with tracer.start_as_current_span("alone"):
        pass
    assert [span.name for span in exporter.get_finished_spans()] == ["alone"]
    with runlore.start("later") as run:
        pass
    assert spans(run) == {}


def test_what_the_program_exports_to_goes_on_and_nothing_is_recorded_twice(exporter, tracer):
    assert tracing.enable() is tracing.enable()
    with runlore.start("traced") as run, tracer.start_as_current_span("once"):
        pass
    assert [span.name for span in exporter.get_finished_spans()] == ["once"]
    assert len(runlore.get_run(run.uid).events("span")) == 1


def test_the_source_that_was_given_last_is_asked_first(tracer):
    with runlore.start("a") as a, runlore.start("b") as b:

        def chosen():
            return a

        processor = tracing.enable()
        tracing.enable(chosen)
        tracer.start_span("one").end()
        processor.remove_source(chosen)
        tracer.start_span("two").end()
    assert list(spans(a)) == ["one"]
    assert list(spans(b)) == ["two"]


def test_threads_trace_into_one_run(tracer):
    tracing.enable()

    def work(number):
        for index in range(50):
            with tracer.start_as_current_span(f"{number}/{index}"):
                pass

    with runlore.start("threads") as run:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(spans(run)) == 200


def test_a_span_without_opentelemetry_nests_and_knows_how_it_went(exporter):
    with runlore.start("plain") as run:
        with tracing.span("outer", run) as outer, tracing.span("inner") as inner:
            inner.set_attribute("n", 1)
            inner.add_event("seen", {"at": 2})
            inner.set_status("ok")
        with pytest.raises(ZeroDivisionError), tracing.span("bad", run):
            _ = 1 / 0
        with tracing.span("careful", run) as careful:
            with pytest.raises(WrongType):
                careful.set_attribute("raw", object())
            with pytest.raises(InvalidArgument):
                careful.set_status("fine")
    found = spans(run)
    assert found["inner"]["parent_id"] == outer.span_id
    assert found["inner"]["trace_id"] == found["outer"]["trace_id"] == outer.trace_id
    assert (found["inner"]["status"], found["inner"]["attributes"]) == ("ok", {"n": 1})
    assert found["inner"]["events"][0]["attributes"] == {"at": 2}
    assert (found["bad"]["status"], found["bad"]["status_message"]) == ("error", "ZeroDivisionError: division by zero")
    assert found["bad"]["trace_id"] != outer.trace_id
    assert found["careful"]["attributes"] == {}
    with pytest.raises(NoActiveRun):
        tracing.span("nowhere")


def test_once_enabled_a_span_is_opentelemetrys(exporter, tracer):
    tracing.enable()
    with runlore.start("traced") as run, tracing.span("ours") as ours, tracer.start_as_current_span("theirs"):
        ours.set_attribute("n", 1)
        ours.add_event("seen")
        ours.set_status("error", "no")
    found = spans(run)
    assert found["theirs"]["parent_id"] == ours.span_id == found["ours"]["span_id"]
    assert (found["ours"]["status"], found["ours"]["status_message"]) == ("error", "no")
    assert {span.name for span in exporter.get_finished_spans()} == {"ours", "theirs"}


def test_odd_names_bytes_and_clocks_that_go_back_are_kept(tracer):
    processor = tracing.enable()
    with runlore.start("odd") as run:
        for name in ("", "a\0b", "x" * 5000):
            tracer.start_span(name, attributes={"raw": b"\xff"}, start_time=100).end(end_time=50)
    events = runlore.get_run(run.uid).events("span")
    assert sorted(event.key[:4] for event in events) == ["(unn", "a\ufffdb", "xxxx"]
    assert all(event.value["end_ns"] == 100 for event in events)
    assert processor.lost == 0


def test_a_span_that_cannot_be_kept_is_counted_and_never_raises(tracer, tmp_path, capfd):
    processor = tracing.enable()
    run = runlore.start("gone")
    spans_of_it = [tracer.start_span("first"), tracer.start_span("second")]
    run.finish()
    (tmp_path / "store" / "runs" / "gone").rename(tmp_path / "elsewhere")
    for span in spans_of_it:
        span.end()
    assert processor.lost == run.lost == 2
    assert capfd.readouterr().err.count("could not be kept") == 1


def test_a_span_that_is_too_large_is_a_loss_of_its_run(tracer, capfd):
    tracing.enable()
    with runlore.start("large") as run:
        tracer.start_span("big", attributes={"text": "x" * 70_000_000}).end()
    assert run.lost == runlore.get_run(run.uid).lost == 1
    assert capfd.readouterr().err.count("could not be kept") == 2


def test_a_provider_that_takes_no_processors_is_refused(monkeypatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    with pytest.raises(InvalidArgument, match="NoOpTracerProvider"):
        tracing.enable()


def test_without_a_provider_one_is_set_and_a_killed_process_leaves_its_spans(tmp_path):
    script = (
        "import os, runlore\nfrom opentelemetry import trace\nfrom runlore import tracing\ntracing.enable()\n"
        "run = runlore.start('killed', capture=False)\n"
        "with trace.get_tracer('t').start_as_current_span('done'): pass\n"
        "print(run.uid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    view = runlore.get_run(done.stdout.strip(), store=tmp_path / ".runlore")
    assert view.status == "crashed"
    assert [event.key for event in view.events("span")] == ["done"]


def test_without_the_library_the_extra_is_named(tmp_path):
    script = (
        "import sys\nsys.modules['opentelemetry'] = None\nfrom runlore import tracing\n"
        "try:\n    tracing.enable()\nexcept ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "pip install 'runlore[tracing]'" in done.stdout
