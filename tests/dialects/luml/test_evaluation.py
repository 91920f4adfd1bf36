"""Evaluation, annotations and traces: with tracing and without, with functions and scorers that fail."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import runlore
from runlore.dialects.luml import _records as records
from runlore.dialects.luml.experiments.evaluation import EvalItem, evaluate, supervised_scorer, unsupervised_scorer

ITEMS = [EvalItem(str(index), {"x": index}, index**2) for index in range(5)]


@supervised_scorer
def exact(inputs, expected, output):
    return output == expected


@unsupervised_scorer
def sizes(inputs, output):
    return {"size": output, "small": output < 5}


@unsupervised_scorer
def broken(inputs, output):
    raise ValueError("no opinion")


def view():
    return runlore.experiment("default", store="experiments").run(1)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("traced", [False, True])
def test_samples_are_scored_recorded_and_linked_to_their_traces(tracker, monkeypatch, n_threads, traced):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(shutdown_on_exit=False))
    if traced:
        tracker.enable_tracing()
    tracker.start_experiment()
    tracer = trace.get_tracer("mine")

    def square(inputs):
        with tracer.start_as_current_span("mine"):
            return inputs["x"] ** 2

    found = evaluate(ITEMS, square, [exact, sizes], "squares", tracker, n_threads)
    assert [result.eval_item.id for result in found.results] == ["0", "1", "2", "3", "4"]
    assert found.aggregated_scores["exact_mean"] == 1.0
    assert found.aggregated_scores["size_max"] == 16
    assert found.aggregated_scores["size_count"] == 5
    assert found.aggregated_scores["small_mean"] == 0.6
    assert found.aggregated_scores["total_items"] == found.aggregated_scores["successful_items"] == 5
    samples = {sample["id"]: sample for sample in records.evals(view())}
    assert samples["3"]["outputs"] == {"response": 9}
    assert samples["3"]["references"] == {"expected": 9}
    assert samples["3"]["scores"] == {"exact": True, "size": 9, "small": False}
    links = {link["key"]: link["trace_id"] for link in records.facts(view(), records.EVAL_TRACE)}
    assert links == {result.eval_item.id: result.trace_id for result in found.results}
    spans = [span for span in records.spans(view()) if span["trace_id"] == links["3"]]
    by_name = {span["name"]: span for span in spans}
    own = {"eval_request", "inference_fn", "eval_scoring"}
    assert set(by_name) == (own | {"mine"} if traced else own)
    assert by_name["inference_fn"]["parent_id"] == by_name["eval_request"]["span_id"]
    assert by_name["eval_scoring"]["attributes"]["eval.score.size"] == 9
    if traced:
        assert by_name["mine"]["parent_id"] == by_name["inference_fn"]["span_id"]


def test_what_fails_costs_one_sample_or_one_score(tracker):
    tracker.start_experiment()

    def picky(inputs):
        if inputs["x"] == 2:
            raise KeyError("two")
        return object() if inputs["x"] == 3 else inputs["x"]

    with pytest.warns(RuntimeWarning, match="the scorer 'broken' failed") as said:
        found = evaluate(ITEMS, picky, [exact, broken], "d", tracker)
    assert len(said) == 1  # once, not for every sample
    assert found.results[2].model_response is None
    assert found.results[2].scores == {"error": "'two'"}
    assert found.results[0].scores == {"exact": True, "__error__broken": "no opinion"}
    assert found.aggregated_scores["successful_items"] == 4
    assert "__error__broken_mean" not in found.aggregated_scores
    samples = {sample["id"]: sample for sample in records.evals(view())}
    assert sorted(samples) == ["0", "1", "3", "4"]
    assert samples["3"]["outputs"]["response"].startswith("<object object")
    failed = [span for span in records.spans(view()) if span["status"] == "error"]
    assert sorted(span["name"] for span in failed) == ["eval_request", "inference_fn"]


def test_without_an_experiment_or_with_no_scorer_nothing_runs(tracker):
    with pytest.raises(ValueError, match="No active experiment"):
        evaluate(ITEMS, pytest.fail, [exact], "d", tracker)
    with pytest.raises(TypeError):
        evaluate(ITEMS, pytest.fail, [len], "d", tracker)


def test_samples_and_spans_that_are_logged_again_are_replaced(tracker):
    tracker.start_experiment()
    for value in (1, 2):
        tracker.log_eval_sample("e", "d", {"q": value})
        tracker.log_span("t", "s", "late" if value == 2 else "early", 10 - value, 20)
    tracker.log_eval_sample("e", "other", {"q": 3})
    assert [(s["dataset_id"], s["inputs"]["q"]) for s in records.evals(view())] == [("d", 2), ("other", 3)]
    assert [span["name"] for span in records.spans(view())] == ["late"]


def test_links_need_both_ends(tracker):
    tracker.start_experiment("x")
    tracker.log_eval_sample("e", "d", {})
    with pytest.raises(ValueError, match="not found"):
        tracker.link_eval_sample_to_trace("d", "missing", "t")
    with pytest.raises(ValueError, match="not found"):
        tracker.link_eval_sample_to_trace("d", "e", "t")
    assert records.facts(view(), records.EVAL_TRACE) == []


@pytest.mark.parametrize(
    ("kind", "value_type", "value"),
    [
        ("feedback", "int", 1), ("feedback", "bool", 1), ("expectation", "int", "abc"), ("expectation", "int", True),
        ("expectation", "float", 1.5), ("opinion", "bool", True), ("expectation", "string", 3),
    ],
)  # fmt: skip
def test_annotations_that_nobody_could_read_are_refused(tracker, kind, value_type, value):
    tracker.start_experiment()
    tracker.log_eval_sample("e", "d", {})
    with pytest.raises(ValueError):
        tracker.log_eval_annotation("d", "e", "n", kind, value_type, value, "u")
    assert records.facts(view(), records.ANNOTATION) == []


def test_annotations_of_samples_and_spans(tracker):
    tracker.start_experiment()
    tracker.log_eval_sample("e", "d", {})
    tracker.log_span("t", "s", "n", 1, 2)
    note = tracker.log_eval_annotation("d", "e", "good", "feedback", "bool", True, "ann", "because")
    assert (note["name"], note["value"], note["rationale"]) == ("good", True, "because")
    tracker.log_span_annotation("t", "s", "answer", "expectation", "string", "42", "ann")
    with pytest.raises(ValueError, match="not found"):
        tracker.log_span_annotation("t", "missing", "n", "feedback", "bool", True, "u")
    with pytest.raises(ValueError, match="not found"):
        tracker.log_eval_annotation("d", "missing", "n", "feedback", "bool", True, "u")
    assert [note["key"] for note in records.facts(view(), records.ANNOTATION)] == ["good", "answer"]


def test_scorers_that_fail_or_share_a_score_are_said(tracker):
    tracker.start_experiment()
    with pytest.warns(RuntimeWarning, match="the scorer 'broken' failed for sample '0': ValueError: no opinion"):
        evaluate(ITEMS[:1], lambda inputs: 1, [broken], "d", tracker)

    @unsupervised_scorer
    def size(inputs, output):
        return -1

    with pytest.warns(RuntimeWarning, match="several scorers give 'size': the last one counts, 'size'") as said:
        found = evaluate(ITEMS, lambda inputs: 1, [sizes, size], "d", tracker)
    assert len(said) == 1  # once, not for every sample
    assert found.aggregated_scores["size_max"] == -1
    tracker.end_experiment()


def test_the_database_of_a_snapshot_has_the_times_of_events(tracker, tmp_path):
    import io
    import json
    import sqlite3
    import tarfile
    import zipfile

    tracker.start_experiment("x")
    tracker.log_span("t", "s", "work", 1, 2, events=[{"name": "e", "time_ns": 5, "attributes": {"a": 1}}])
    tracker.export(tmp_path / "x.tar")
    tracker.end_experiment()
    with tarfile.open(tmp_path / "x.tar") as archive:
        name = next(name for name in archive.getnames() if name.endswith("exp.db.zip"))
        packed = archive.extractfile(name).read()
    with zipfile.ZipFile(io.BytesIO(packed)) as inner:
        inner.extract("exp.db", tmp_path)
    database = sqlite3.connect(tmp_path / "exp.db")
    [[events]] = database.execute("SELECT events FROM spans").fetchall()
    database.close()
    assert json.loads(events) == [{"name": "e", "timestamp": 5, "attributes": {"a": 1}}]
