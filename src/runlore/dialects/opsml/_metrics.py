"""Metrics and parameters of v2 experiments: what is logged, and what comes back."""

from __future__ import annotations

import json
import math
import operator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from runlore import model
from runlore.dialects._native import cells_of, is_number, number_of, step_of
from runlore.dialects.opsml._errors import OpsmlError
from runlore.errors import RunNotFound, StoreNotFound
from runlore.names import is_uid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runlore.reader import RunView

T = TypeVar("T")
SYSTEM_PREFIX = "system/"
"""Samples of the hardware are metrics natively; here they are not."""


@dataclass
class Metric:
    """One value of a metric.

    Attributes:
        name: of the metric.
        value: float64; NaN and infinities are kept.
        step: an int where it is whole, as it is in OpsML, or None.
        timestamp: whatever the caller says, as an integer; not interpreted.
        created_at: when it was logged, or what the caller said.
        is_eval: whether `log_eval_metrics` logged it.
    """

    name: str
    value: float
    step: float | None = None
    timestamp: int | None = None
    created_at: datetime | None = None
    is_eval: bool = False

    def __post_init__(self) -> None:
        self.value = number_of(self.name, self.value)
        step_of(self.step)


@dataclass
class Parameter:
    """One parameter: an int, a float or a text."""

    name: str
    value: int | float | str

    def __post_init__(self) -> None:
        if isinstance(self.value, bool):
            self.value = int(self.value)
        if not isinstance(self.value, (int, float, str)):
            raise OpsmlError(
                f"Invalid type: parameter {self.name!r} has a value of type {type(self.value).__name__}; "
                "give an int, a float or a text"
            )


class Results(Generic[T]):
    """Entries in order: length, iteration, and indexing, also from the end."""

    def __init__(self, items: Sequence[T]) -> None:
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __getitem__(self, index: int) -> T:
        """One entry.

        Raises:
            IndexError: there are not so many.
        """
        return self._items[operator.index(index)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._items!r})"


class Metrics(Results[Metric]):
    """Metrics, by name, step (none last) and time."""


class Parameters(Results[Parameter]):
    """Parameters, in the order in which they were logged."""


@dataclass
class ExperimentEvalMetrics:
    """The metrics by which an experiment is judged: `metrics["mape"]`."""

    metrics: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """One of them.

        Raises:
            OpsmlError: there is none of this name.
        """
        try:
            return self.metrics[name]
        except KeyError:
            raise OpsmlError(f"Metric {name!r} not found; there are {sorted(self.metrics)}") from None

    def __len__(self) -> int:
        return len(self.metrics)

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)


EvalMetrics = ExperimentEvalMetrics


def view_of(uid: str, store: Any = None) -> RunView | None:
    """The run of an experiment, or None where there is none."""
    from runlore.reader import get_run

    try:
        return get_run(uid, store=store) if is_uid(uid) else None
    except (RunNotFound, StoreNotFound):
        return None


def read_metrics(uid: str, names: Sequence[str] | None = None, store: Any = None) -> Metrics:
    """Every logged value of an experiment's metrics, by name, step (none last) and time."""
    view = view_of(uid, store)
    if view is None:
        return Metrics([])

    data = view.data(event="metric", key=list(names) if names is not None else None)
    columns = {name: data[name].tolist() for name in ("key", "value", "step")}
    times = data["time"].astype("int64").tolist()
    extra = [cells_of(data[name]) if name in data else [None] * len(data) for name in ("timestamp", "is_eval")]
    rows = [
        (key, step != step, step, time, float(value), stamp, flag)  # noqa: PLR0124 - NaN: no step
        for key, value, step, time, stamp, flag in zip(*columns.values(), times, *extra, strict=True)
        if is_number(value) and not key.startswith(SYSTEM_PREFIX)
    ]
    rows.sort(key=lambda row: (row[0], row[1], 0.0 if row[1] else row[2], row[3]))
    return Metrics(
        [
            Metric(
                key, value, whole_step(step), None if stamp is None else int(stamp),
                datetime.fromtimestamp(time / 1e9, timezone.utc), flag is True,
            )
            for key, _, step, time, value, stamp, flag in rows
        ]
    )  # fmt: skip


def whole_step(step: float) -> float | None:
    """A step as OpsML gives it: an int; None where it is NaN. One that is not whole, as other APIs log it, stays.

    Example:
        >>> whole_step(3.0), whole_step(1.5), whole_step(float("nan"))
        (3, 1.5, None)
    """
    if math.isnan(step):
        return None
    return int(step) if float(step).is_integer() else step


def read_parameters(uid: str, names: Sequence[str] | None = None, store: Any = None) -> Parameters:
    """Every logged parameter of an experiment that counts, in the order in which they were logged."""
    view = view_of(uid, store)
    found = [] if view is None else logged_parameters(view)
    return Parameters([item for item in found if names is None or item.name in set(names)])


def logged_parameters(view: RunView) -> list[Parameter]:
    """The params of a run that were not unset; values that OpsML does not have (None, lists, mappings) as JSON text."""
    found: list[Parameter] = []
    for event in view.events(model.PARAM, model.UNSET):
        if event.kind == model.PARAM:
            known = isinstance(event.value, (int, float, str))
            value = event.value if known else json.dumps(event.value, ensure_ascii=False)
            found.append(Parameter(event.key, value))
        elif event.value == model.PARAM:
            found = [item for item in found if item.name != event.key]
    return found


def read_eval_metrics(uid: str, store: Any = None) -> ExperimentEvalMetrics:
    """The metrics that `log_eval_metrics` logged last, of each name the latest."""
    found = [item for item in read_metrics(uid, store=store) if item.is_eval]
    found.sort(key=lambda item: item.created_at or datetime.min.replace(tzinfo=timezone.utc))
    return ExperimentEvalMetrics({item.name: item.value for item in found})
