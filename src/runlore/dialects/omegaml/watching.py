"""What omega-ml's runtime records of models and tasks, for calls in this process: without a broker, without workers.

One call of `predict` is a `task_call`, an artifact `related` that describes the model, with autotrack X and Y, and a
`task_success` or `task_failure`, all with the same `taskid`, in the open run; outside of a `with` block the call is a
run of its own, which ends after it.
"""

from __future__ import annotations

import functools
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runlore.dialects._native import to_json
from runlore.dialects.omegaml.objects import ORIGIN, Metadata
from runlore.errors import WrongType
from runlore.names import check_path_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METHODS = frozenset(
    {"fit", "partial_fit", "fit_transform", "transform", "predict", "predict_proba", "decision_function", "score"}
)
"""Methods whose calls are recorded."""
LINK = f"{ORIGIN}.model."
"""Tag of a run that belongs to a model; the label follows, the model's name is its value."""
_SHOWN_CHARACTERS = 1000


def link_tags(model: str, label: str) -> dict[str, str]:
    """Tags of runs that belong to a model."""
    return {LINK + label: model}


def model_name(model: Any) -> str:
    """A model's name: itself if it is one, else that of its class."""
    return check_path_name(model if isinstance(model, str) else type(unwatched(model)).__name__, "model")


def unwatched(obj: Any) -> Any:
    """The object itself, of one that is watched."""
    return object.__getattribute__(obj, "_watched") if type(obj) is Watched else obj


class Watched:
    """A model whose calls are recorded. It behaves like the model: same attributes, same class, same results.

    Calls of `METHODS` are recorded; a metric `score` for `score`. What a method calls inside the model is not.

    Args:
        model: the model.
        tracker: of the experiment.

    Example:
        >>> import runlore.dialects.omegaml as om
        >>> from sklearn.linear_model import LinearRegression
        >>> with om.runtime.experiment("line") as exp:
        ...     line = exp.watch(LinearRegression())
        ...     score = line.fit([[0.0], [1.0]], [0.0, 2.0]).score([[0.0], [1.0]], [0.0, 2.0])
        >>> exp.data(event="task_call")["key"].tolist(), exp.data(key="score", event="metric")["value"].tolist()
        (['fit', 'score'], [1.0])
    """

    def __init__(self, model: Any, tracker: Any) -> None:
        object.__setattr__(self, "_watched", unwatched(model))
        object.__setattr__(self, "_tracker", tracker)

    @property  # type: ignore[misc] # so that isinstance sees the model
    def __class__(self) -> type:
        return type(unwatched(self))

    def __getattr__(self, name: str) -> Any:
        found = getattr(unwatched(self), name)
        if name not in METHODS or not callable(found):
            return found
        return functools.partial(_call_model, self, object.__getattribute__(self, "_tracker"), found, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(unwatched(self), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The model's own call."""
        return unwatched(self)(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(unwatched(self))

    def __reduce__(self) -> Any:
        """A copy, or a pickle, is the model's."""
        return unwatched(self).__reduce_ex__(2)


def _call_model(
    watched: Watched, tracker: Any, method: Callable[..., Any], name: str, /, *args: Any, **kwargs: Any
) -> Any:  # fmt: skip
    with _recorded(tracker, name, args, kwargs) as (ids, succeed):
        model = unwatched(watched)
        about = Metadata(model_name(model), f"{type(model).__module__}.{type(model).__qualname__}", _params(model))
        tracker.log_artifact(about, "related", event="artifact", **ids)
        result = method(*args, **kwargs)
        if getattr(tracker, "autotrack", False):
            _log_data(tracker, name, args, kwargs, result, ids)
        if name == "score":
            tracker.log_metric("score", result, **ids)
        succeed(result)
    return watched if result is model else result


def _params(model: Any) -> dict[str, Any]:
    get_params = getattr(model, "get_params", None)
    return {key: summary_of(value) for key, value in get_params(deep=False).items()} if callable(get_params) else {}


def _log_data(tracker: Any, name: str, args: Any, kwargs: Any, result: Any, ids: dict[str, str]) -> None:
    """X, and Y: what was given, or for predictions what came out."""
    data = dict(zip(("X", "Y"), args[:2], strict=False))
    data |= {key.upper(): kwargs[key] for key in ("X", "x", "Y", "y") if kwargs.get(key) is not None}
    if name in ("predict", "predict_proba", "decision_function", "transform"):
        data["Y"] = result
    for key, value in data.items():
        if value is not None:
            extra = {"dataset": f"{name}/{key}", "kind": type(value).__name__, **ids}
            tracker.log_data(key, value, event=name, **extra)


@contextmanager
def _recorded(
    tracker: Any, key: str, args: Any, kwargs: Any
) -> Iterator[tuple[dict[str, str], Callable[[Any], None]]]:  # fmt: skip
    """Record a call in the open run, or in one of its own. Gives columns of its rows, and what to call at success."""
    ids = {"taskid": os.urandom(16).hex()}
    alone = tracker.open_run() is None
    if alone:
        tracker.start()
    try:
        called = {"args": [summary_of(arg) for arg in args], "kwargs": {k: summary_of(v) for k, v in kwargs.items()}}
        tracker.log_event("task_call", key, called, **ids)
        yield (
            ids,
            lambda result: tracker.log_event(
                "task_success", key, {"result": summary_of(result), "task_id": ids["taskid"]}, **ids
            ),
        )
    except BaseException as error:
        failure = {"exception": f"{type(error).__name__}: {error}", "task_id": ids["taskid"]}
        tracker.log_event("task_failure", key, failure, **ids)
        if alone:
            tracker.stop(kind=type(error), error=error, trace=error.__traceback__)
        raise
    if alone:
        tracker.stop()


def task(tracker: Any, function: Any = None, name: str | None = None) -> Any:
    """Decorator: record every call of a function; see `SimpleTracker.task`."""

    def decorate(wrapped: Callable[..., Any]) -> Callable[..., Any]:
        key = name or str(getattr(wrapped, "__qualname__", type(wrapped).__name__))

        @functools.wraps(wrapped)
        def call(*args: Any, **kwargs: Any) -> Any:
            with _recorded(tracker, key, args, kwargs) as (_, succeed):
                result = wrapped(*args, **kwargs)
                succeed(result)
            return result

        return call

    return decorate if function is None else decorate(function)


def summary_of(value: Any) -> Any:
    """A value as an event can hold it: itself where it is short, else its type, shape and columns."""
    try:
        shape = getattr(value, "shape", None)
        model = hasattr(value, "get_params")  # its parameters say little of what it is
        if not shape and not model and len(to_json(value, "value")) <= _SHOWN_CHARACTERS:
            return value
    except (WrongType, ValueError):
        shape = None
    if shape is None and hasattr(value, "__len__"):
        shape = (len(value),)
    about: dict[str, Any] = {"type": type(unwatched(value)).__qualname__}
    if shape:
        about["shape"] = [int(size) for size in shape]
    return about
