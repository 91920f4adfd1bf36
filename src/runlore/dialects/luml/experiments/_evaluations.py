"""The part of `ExperimentTracker` that records traces, evaluated samples, and what people say of both."""

from __future__ import annotations

from datetime import datetime, timezone
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore.dialects.luml import _records as records
from runlore.errors import InvalidArgument
from runlore.model import new_uid
from runlore.names import check_key

if TYPE_CHECKING:
    from runlore.dialects.luml._experiments import Experiments, Handle
    from runlore.reader import RunView

_VALUE_TYPES: dict[str, type] = {"bool": bool, "int": int, "string": str}


class EvaluationMethods:
    """Methods of the tracker; see there."""

    _experiments: Experiments

    def _handle(self, experiment_id: str | None) -> Handle:
        raise NotImplementedError

    def _view(self, experiment_id: str | None) -> RunView:
        raise NotImplementedError

    def log_span(
        self, trace_id: str, span_id: str, name: str, start_time_unix_nano: int, end_time_unix_nano: int,
        parent_span_id: str | None = None, kind: int = 0, status_code: int = 0, status_message: str | None = None,
        attributes: dict[str, Any] | None = None, events: list[dict[str, Any]] | None = None,
        links: list[dict[str, Any]] | None = None, trace_flags: int = 0, experiment_id: str | None = None,
    ) -> None:  # fmt: skip
        """Record a span; the same trace and span id again replaces it. Kinds are OpenTelemetry's: 1 is internal."""
        handle = self._handle(experiment_id)
        check_key(trace_id, "trace_id")
        check_key(span_id, "span_id")
        if status_code not in (0, 1, 2):
            raise InvalidArgument(f"status_code={status_code!r} must be 0 (unset), 1 (ok) or 2 (error)")
        known = isinstance(kind, int) and 0 <= kind < len(records.SPAN_KINDS)
        handle.run.log_span(
            name, start_time_unix_nano, end_time_unix_nano, trace_id=trace_id, span_id=span_id,
            parent_id=parent_span_id, status=records.SPAN_STATUSES[status_code], attributes=attributes,
            events=events or (), kind=records.SPAN_KINDS[kind] if known else kind, status_message=status_message,
            links=links or [], trace_flags=trace_flags,
        )  # fmt: skip
        handle.traces.add(trace_id)

    def log_eval_sample(
        self, eval_id: str, dataset_id: str, inputs: dict[str, Any], outputs: dict[str, Any] | None = None,
        references: dict[str, Any] | None = None, scores: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None, experiment_id: str | None = None,
    ) -> None:  # fmt: skip
        """Record an evaluated sample; the same dataset and id again replaces it."""
        handle = self._handle(experiment_id)
        check_key(dataset_id, "dataset_id")
        sample = {
            "dataset_id": dataset_id, "inputs": inputs, "outputs": outputs, "references": references,
            "scores": scores, "metadata": metadata,
        }  # fmt: skip
        handle.run.log_event(records.EVAL, eval_id, sample)
        handle.evals.add((dataset_id, eval_id))

    def link_eval_sample_to_trace(
        self, eval_dataset_id: str, eval_id: str, trace_id: str, experiment_id: str | None = None
    ) -> None:
        """Say which trace a sample was evaluated in.

        Raises:
            InvalidArgument: the experiment has no such sample, or no span of such a trace.
        """
        handle = self._handle(experiment_id)
        _check_eval(self, handle, eval_dataset_id, eval_id)
        if trace_id not in handle.traces:
            handle.traces |= {span["trace_id"] for span in records.spans(self._view(experiment_id))}
        if trace_id not in handle.traces:
            raise InvalidArgument(f"Trace {trace_id!r} not found; log a span of it first")
        link_eval(handle, eval_dataset_id, eval_id, trace_id)

    def log_eval_annotation(
        self, dataset_id: str, eval_id: str, name: str, annotation_kind: str, value_type: str, value: Any, user: str,
        rationale: str | None = None, experiment_id: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """What a person says of a sample.

        Args:
            dataset_id: of the sample.
            eval_id: of the sample.
            name: what is judged.
            annotation_kind: `feedback`, which is a bool, or `expectation`.
            value_type: `bool`, `int` or `string`, which the value must be.
            value: the judgement.
            user: who says so.
            rationale: why.
            experiment_id: by default the current experiment.

        Returns:
            What was recorded.

        Raises:
            InvalidArgument: there is no such sample, or the value is not of its type. Nothing was recorded.
        """
        handle = self._handle(experiment_id)
        _check_eval(self, handle, dataset_id, eval_id)
        target = {"dataset_id": dataset_id, "eval_id": eval_id}
        return _annotate(handle, target, name, annotation_kind, value_type, value, user, rationale)

    def log_span_annotation(
        self, trace_id: str, span_id: str, name: str, annotation_kind: str, value_type: str, value: Any, user: str,
        rationale: str | None = None, experiment_id: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """What a person says of a span; arguments as of `log_eval_annotation`."""
        handle = self._handle(experiment_id)
        spans = records.spans(self._view(experiment_id))
        if not any(span["trace_id"] == trace_id and span["span_id"] == span_id for span in spans):
            raise InvalidArgument(f"Span {span_id!r} of trace {trace_id!r} not found; log it first")
        target = {"trace_id": trace_id, "span_id": span_id}
        return _annotate(handle, target, name, annotation_kind, value_type, value, user, rationale)


def link_eval(handle: Handle, dataset_id: str, eval_id: str, trace_id: str) -> None:
    """Record in which trace a sample was evaluated."""
    handle.run.log_event(records.EVAL_TRACE, eval_id, {"id": new_uid(), "dataset_id": dataset_id, "trace_id": trace_id})


def _check_eval(tracker: EvaluationMethods, handle: Handle, dataset_id: str, eval_id: str) -> None:
    if (dataset_id, eval_id) not in handle.evals:
        view = tracker._experiments.view(handle.run.uid)  # noqa: SLF001 - the second half of its methods
        handle.evals |= {(sample["dataset_id"], sample["id"]) for sample in records.evals(view)}
    if (dataset_id, eval_id) not in handle.evals:
        raise InvalidArgument(f"Eval {eval_id!r} in dataset {dataset_id!r} not found; log it first")


def _annotate(
    handle: Handle, target: dict[str, Any], name: str, annotation_kind: str, value_type: str, value: Any, user: str,
    rationale: str | None,
) -> dict[str, Any]:  # fmt: skip
    if annotation_kind not in ("feedback", "expectation"):
        raise InvalidArgument(f"annotation_kind={annotation_kind!r} must be 'feedback' or 'expectation'")
    if annotation_kind == "feedback" and value_type != "bool":
        raise InvalidArgument(f"value_type={value_type!r}: feedback is a bool; use an expectation for other values")
    kind = _VALUE_TYPES.get(value_type)
    if kind is None or type(value) is not kind:
        raise InvalidArgument(
            f"value={value!r} of value_type={value_type!r}: it must be a bool, an int or a string, and of that type"
        )
    check_key(user, "user")
    note = {
        **target, "id": new_uid(), "annotation_kind": annotation_kind, "value_type": value_type, "value": value,
        "user": user, "rationale": rationale,
    }  # fmt: skip
    now = time_ns()
    handle.run.log_event(records.ANNOTATION, name, note, time=datetime.fromtimestamp(now / 1e9, timezone.utc))
    return {"name": name, **note, "created_at": records.time_text(now)}
