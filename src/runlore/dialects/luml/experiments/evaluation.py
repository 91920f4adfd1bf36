"""`luml.experiments.evaluation`: run a function over a data set, score what it gives, and record both."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore import tracing
from runlore.dialects.luml.experiments._evaluations import link_eval
from runlore.errors import InvalidArgument, RunloreError, WrongType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from runlore.dialects.luml.experiments.tracker import ExperimentTracker

__all__ = [
    "BaseScorer",
    "EvalItem",
    "EvalResult",
    "EvalResults",
    "SupervisedFuncScorer",
    "SupervisedScorer",
    "UnsupervisedFuncScorer",
    "UnsupervisedScorer",
    "evaluate",
    "supervised_scorer",
    "unsupervised_scorer",
]

ERROR = "__error__"
"""Begins the name of a score that a scorer failed to give; its value is the message."""


@dataclass
class EvalItem:
    """One sample of a data set."""

    id: str
    inputs: dict[str, Any]
    expected_output: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class EvalResult:
    """What became of one sample. `model_response` is None, and `scores` has `error`, where the function failed."""

    eval_item: EvalItem
    model_response: Any
    scores: dict[str, Any]
    trace_id: str


@dataclass
class EvalResults:
    """What became of a data set; `aggregated_scores` has `<score>_mean`, `_min`, `_max`, `_count` and two totals."""

    results: list[EvalResult]
    aggregated_scores: dict[str, float | int]
    dataset_id: str


class BaseScorer(ABC):
    """Judges what the function gave."""

    @abstractmethod
    def get_name(self) -> str:
        """The score's name."""

    def __repr__(self) -> str:
        return f"Scorer[{self.get_name()}]"


class UnsupervisedScorer(BaseScorer):
    """Judges the output alone."""

    @abstractmethod
    def score(self, inputs: dict[str, Any], output: Any) -> Any:
        """A number, a bool, or a dict of several."""


class SupervisedScorer(BaseScorer):
    """Compares the output with what is expected."""

    @abstractmethod
    def score(self, inputs: dict[str, Any], expected_output: Any, output: Any) -> Any:
        """A number, a bool, or a dict of several."""


class UnsupervisedFuncScorer(UnsupervisedScorer):
    """A function of (inputs, output) as a scorer."""

    def __init__(self, name: str, score_fn: Callable[[dict[str, Any], Any], Any]) -> None:
        self.name = name
        self.score_fn = score_fn

    def score(self, inputs: dict[str, Any], output: Any) -> Any:
        """What the function says."""
        return self.score_fn(inputs, output)

    def get_name(self) -> str:
        """The name that was given."""
        return self.name


class SupervisedFuncScorer(SupervisedScorer):
    """A function of (inputs, expected output, output) as a scorer."""

    def __init__(self, name: str, score_fn: Callable[[dict[str, Any], Any, Any], Any]) -> None:
        self.name = name
        self.score_fn = score_fn

    def score(self, inputs: dict[str, Any], expected_output: Any, output: Any) -> Any:
        """What the function says."""
        return self.score_fn(inputs, expected_output, output)

    def get_name(self) -> str:
        """The name that was given."""
        return self.name


def unsupervised_scorer(fn: Callable[[dict[str, Any], Any], Any]) -> UnsupervisedFuncScorer:
    """A function as a scorer of its name."""
    return UnsupervisedFuncScorer(getattr(fn, "__name__", "unnamed_scorer"), fn)


def supervised_scorer(fn: Callable[[dict[str, Any], Any, Any], Any]) -> SupervisedFuncScorer:
    """A function as a scorer of its name."""
    return SupervisedFuncScorer(getattr(fn, "__name__", "unnamed_scorer"), fn)


def evaluate(
    eval_dataset: Sequence[EvalItem],
    inference_fn: Callable[[dict[str, Any]], Any],
    scorers: Sequence[BaseScorer],
    dataset_id: str,
    experiment_tracker: ExperimentTracker,
    n_threads: int = 1,
) -> EvalResults:
    """Evaluate a function on a data set, in the tracker's current experiment.

    Each sample is recorded with its scores, and linked to a trace of three spans: the request, the inference, the
    scoring. With `tracker.enable_tracing()` they are OpenTelemetry's, so that spans of the function nest in them;
    without, they are recorded all the same. A function or a scorer that fails costs that sample or score alone, and
    the message is recorded; of scorers, and of scores that two of them give, a `RuntimeWarning` tells.

    Args:
        eval_dataset: the samples.
        inference_fn: takes a sample's inputs.
        scorers: judge what it gives.
        dataset_id: the data set's name.
        experiment_tracker: has a current experiment.
        n_threads: samples evaluated at once.

    Raises:
        InvalidArgument: no experiment is current.
        WrongType: a scorer is none.

    Example:
        >>> from runlore.dialects.luml.experiments.tracker import ExperimentTracker
        >>> exact = supervised_scorer(lambda inputs, expected, output: output == expected)
        >>> with ExperimentTracker("sqlite://./experiments") as tracker:
        ...     experiment_id = tracker.start_experiment()
        ...     found = evaluate([EvalItem("1", {"x": 2}, 4)], lambda i: i["x"] ** 2, [exact], "squares", tracker)
        >>> found.aggregated_scores["<lambda>_mean"]
        1.0
    """
    for scorer in scorers:
        if not isinstance(scorer, (SupervisedScorer, UnsupervisedScorer)):
            raise WrongType(f"scorers: {scorer!r} must be a SupervisedScorer or an UnsupervisedScorer")
    evaluation = _Evaluation(inference_fn, scorers, dataset_id, experiment_tracker)
    if n_threads > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            results = list(pool.map(evaluation.sample, eval_dataset))
    else:
        results = [evaluation.sample(item) for item in eval_dataset]
    return EvalResults(results, _aggregate(results), dataset_id)


class _Evaluation:
    """What all samples of one evaluation share."""

    def __init__(
        self, inference_fn: Callable[[dict[str, Any]], Any], scorers: Sequence[BaseScorer], dataset_id: str,
        tracker: ExperimentTracker,
    ) -> None:  # fmt: skip
        self._inference_fn = inference_fn
        self._scorers = scorers
        self._dataset_id = dataset_id
        self._handle = tracker._handle(None)  # noqa: SLF001 - the tracker's own module
        self._experiment_id = tracker.current_experiment_id
        self._tracker = tracker
        self._warned: set[str] = set()

    def _span(self, name: str) -> AbstractContextManager[tracing.AnySpan]:
        return tracing.span(name, None if self._tracker.tracing_enabled else self._handle.run)

    def sample(self, item: EvalItem) -> EvalResult:
        """Evaluate one sample."""
        with self._span("eval_request") as request:
            try:
                with self._span("inference_fn"):
                    response = self._inference_fn(item.inputs)
            except Exception as error:  # noqa: BLE001 - the user's function may raise anything: it is recorded
                request.set_status("error", str(error))
                request.set_attribute("eval.error", str(error))
                return EvalResult(item, None, {"error": str(error)}, request.trace_id)
            with self._span("eval_scoring") as scoring:
                scores = self._score(item, response, scoring)
            self._record(item, response, scores, request.trace_id)
            request.set_status("ok")
            return EvalResult(item, response, scores, request.trace_id)

    def _score(self, item: EvalItem, response: Any, span: tracing.AnySpan) -> dict[str, Any]:
        scores: dict[str, Any] = {}
        for scorer in self._scorers:
            name = scorer.get_name()
            try:
                result = _call(scorer, item, response)
            except Exception as error:  # noqa: BLE001 - as above
                span.add_event(f"scorer_error_{name}", {"error": str(error)})
                scores[f"{ERROR}{name}"] = str(error)
                self._warn(name, f"the scorer {name!r} failed for sample {item.id!r}: {type(error).__name__}: {error}")
                continue
            found = result if isinstance(result, dict) else {name: result}
            shared = sorted(scores.keys() & found)
            if shared:
                self._warn(
                    ",".join(shared),
                    f"several scorers give {', '.join(map(repr, shared))}: the last one counts, {name!r}",
                )
            scores.update(found)
        for name, value in scores.items():
            if isinstance(value, (int, float)):
                span.set_attribute(f"eval.score.{name}", value)
        return scores

    def _warn(self, about: str, text: str) -> None:
        """Once a scorer or score, and not for every sample."""
        if about not in self._warned:
            self._warned.add(about)
            warnings.warn(text, RuntimeWarning, stacklevel=5)

    def _record(self, item: EvalItem, response: Any, scores: dict[str, Any], trace_id: str) -> None:
        outputs: dict[str, Any] = {"response": response}
        try:
            self._log(item, outputs, scores)
        except RunloreError:  # a response that JSON cannot hold is recorded as its text
            self._log(item, {"response": repr(response)}, scores)
        link_eval(self._handle, self._dataset_id, item.id, trace_id)

    def _log(self, item: EvalItem, outputs: dict[str, Any], scores: dict[str, Any]) -> None:
        self._tracker.log_eval_sample(
            item.id, self._dataset_id, item.inputs, outputs, {"expected": item.expected_output}, scores, item.metadata,
            experiment_id=self._experiment_id,
        )  # fmt: skip


def _call(scorer: BaseScorer, item: EvalItem, response: Any) -> Any:
    if isinstance(scorer, SupervisedScorer):
        if item.expected_output is None:
            raise InvalidArgument(f"sample {item.id!r} has no expected_output, which {scorer!r} compares with")
        return scorer.score(item.inputs, item.expected_output, response)
    if isinstance(scorer, UnsupervisedScorer):
        return scorer.score(item.inputs, response)
    raise WrongType(f"{scorer!r} must be a SupervisedScorer or an UnsupervisedScorer")


def _aggregate(results: list[EvalResult]) -> dict[str, float | int]:
    aggregated: dict[str, float | int] = {}
    for name in sorted({name for result in results for name in result.scores}):
        values = [float(value) for result in results if isinstance(value := result.scores.get(name), (int, float))]
        if values:
            aggregated[f"{name}_mean"] = sum(values) / len(values)
            aggregated[f"{name}_min"] = min(values)
            aggregated[f"{name}_max"] = max(values)
            aggregated[f"{name}_count"] = len(values)
    aggregated["total_items"] = len(results)
    aggregated["successful_items"] = sum("error" not in result.scores for result in results)
    return aggregated
