"""Everything that runs recorded as one DataFrame: points and events, with one column per extra."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import InvalidArgument
from runlore.store.summary import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import pandas as pd

    from runlore.store.content import RunPoints, StoredEvent

COLUMNS = ("experiment", "run", "step", "event", "key", "value", "dt", "node", "userid")
_ALIASES = {"parameter": model.PARAM, "params": model.PARAM, "metrics": model.METRIC}


@dataclass
class Filter:
    """Which records to take; None, `*` and `all` mean all."""

    event: Any = None
    key: Any = None
    step: Any = None
    since_ns: int | None = None
    until_ns: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def kinds(self) -> set[str] | None:
        """The kinds of events wanted, or None for all."""
        found = choices(self.event)
        return None if found is None else {_ALIASES.get(kind, kind) for kind in found}

    def keys(self) -> set[str] | None:
        """The keys wanted, or None for all."""
        return choices(self.key)

    def steps(self) -> set[float | None] | None:
        """The steps wanted, or None for all; NaN asks for records without a step."""
        if self.step is None or (isinstance(self.step, str) and self.step in ("*", "all")):
            return None
        steps = (
            self.step
            if isinstance(self.step, (list, tuple, set, range)) or hasattr(self.step, "tolist")
            else [self.step]
        )
        return {None if step is None or float(step) != float(step) else float(step) for step in steps}


def choices(value: Any) -> set[Any] | None:
    """A filter's scalar or list as a set; None where it means all."""
    if value is None or (isinstance(value, str) and value in ("*", "all")):
        return None
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return {value}
    return set(value)


def time_bound_ns(value: Any, argument: str) -> int | None:
    """A bound in time as nanoseconds UTC: a datetime, seconds since 1970, text such as `2026-11-01` or `-2h`.

    Raises:
        InvalidArgument: it is none of these.
    """
    if value is None:
        return None
    if isinstance(value, str):
        from runlore.query.values import Clock, to_time

        span = to_time(value, Clock())
        return span.start_ns if argument == "since" else max(span.start_ns, span.end_ns - 1)
    from runlore.journal.values import time_ns_of

    if hasattr(value, "total_seconds"):
        from time import time_ns

        return time_ns() - int(value.total_seconds() * 1e9)
    if not isinstance(value, (int, float)) and not hasattr(value, "timestamp"):
        raise InvalidArgument(f"{argument}={value!r} must be a datetime, seconds since 1970, or text such as '-2h'")
    return time_ns_of(value)


def run_columns(about: Mapping[str, Any], directory: str, wanted: Filter) -> dict[str, Any] | None:
    """The records of one run as columns, in time order; None where nothing matches.

    Args:
        about: the run's row in the catalog.
        directory: where it is.
        wanted: which records to take.
    """
    from runlore.store.content import read_events, read_points

    kinds, keys = wanted.kinds(), wanted.keys()
    events = read_events(directory, None if kinds is None else sorted(kinds))
    if keys is not None:
        events = [event for event in events if event.key in keys]
    points = None
    if kinds is None or model.METRIC in kinds:
        points = read_points(directory, None if keys is None else sorted(map(str, keys)))
    ranks = _ranks({event.writer for event in events}.union(points.writers if points is not None else ()))
    parts = [_of_points(points, ranks)] if points is not None and len(points.value) else []
    if events:
        parts.append(_of_events(events, ranks))
    if not parts:
        return None
    columns = _joined(parts)
    return _select(columns, about, wanted)


def _ranks(writers: set[str]) -> dict[str, int]:
    return {writer: rank for rank, writer in enumerate(sorted(writers))}


def _of_points(points: RunPoints, ranks: Mapping[str, int]) -> dict[str, Any]:
    import numpy as np

    names = np.array([*points.names, ""], dtype=object)
    count = len(points.value)
    columns: dict[str, Any] = {
        "step": points.step,
        "event": np.full(count, model.METRIC, dtype=object),
        "key": names[points.key],
        "value": points.value,
        "time": points.time_ns,
        "writer": np.array([ranks[writer] for writer in points.writers], dtype=np.int64)[points.writer],
        "sequence": points.sequence,
        "extra": {},
    }
    for writer, start, extra in sorted(points.extras, key=lambda item: (item[0], item[1])):
        covered = (points.writer == writer) & (points.sequence >= start)
        for column in columns["extra"].values():
            column[covered] = None
        for name, value in extra.items():
            column = columns["extra"].setdefault(name, np.full(count, None, dtype=object))
            cell = np.empty(1, dtype=object)
            cell[0] = value  # a list would be spread over the column otherwise
            column[covered] = cell
    return columns


def _of_events(events: Sequence[StoredEvent], ranks: Mapping[str, int]) -> dict[str, Any]:
    import numpy as np

    count = len(events)
    silent = (model.START, model.STOP, model.RESUME)
    values = _value_column(_objects([None if event.kind in silent else event.value for event in events]))
    extra: dict[str, Any] = {}
    for index, event in enumerate(events):
        for name, value in event.extra.items():
            extra.setdefault(name, np.full(count, None, dtype=object))[index] = value
    return {
        "step": np.array([math.nan if event.step is None else event.step for event in events]),
        "event": _objects([event.kind for event in events]),
        "key": _objects([event.key for event in events]),
        "value": values,
        "time": np.array([event.time_ns for event in events], dtype=np.int64),
        "writer": np.array([ranks[event.writer] for event in events], dtype=np.int64),
        "sequence": np.array([event.sequence for event in events], dtype=np.int64),
        "extra": extra,
    }


def _objects(values: Iterable[Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    values = list(values)
    column = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):  # one by one: NumPy would take lists for dimensions
        column[index] = value
    return column


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The parts one after another, then sorted by time, writer and sequence."""
    import numpy as np

    if len(parts) == 1:
        columns = parts[0]
    else:
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name != "extra"}
        columns["extra"] = {}
        for name in dict.fromkeys(name for part in parts for name in part["extra"]):
            pieces = [part["extra"].get(name, np.full(len(part["time"]), None, dtype=object)) for part in parts]
            columns["extra"][name] = np.concatenate(pieces)
    time = columns["time"]
    if len(parts) > 1 or (np.diff(time) < 0).any():
        order = np.lexsort((columns["sequence"], columns["writer"], time))
        columns = {name: _take(column, order) for name, column in columns.items()}
    return columns


def _take(column: Any, order: Any) -> Any:
    return {name: inner[order] for name, inner in column.items()} if isinstance(column, dict) else column[order]


def _select(columns: dict[str, Any], about: Mapping[str, Any], wanted: Filter) -> dict[str, Any] | None:
    """Filter by step, time and extras; add what is the same for the whole run."""
    import numpy as np

    keep = np.ones(len(columns["time"]), dtype=bool)
    steps = wanted.steps()
    if steps is not None:
        numbers = [step for step in steps if step is not None]
        keep &= np.isin(columns["step"], numbers) | (np.isnan(columns["step"]) if None in steps else False)
    if wanted.since_ns is not None:
        keep &= columns["time"] >= wanted.since_ns
    if wanted.until_ns is not None:
        keep &= columns["time"] <= wanted.until_ns
    for name, value in wanted.extra.items():
        keep &= _matches(columns, about, name, value)
    if not keep.any():
        return None
    if not keep.all():
        columns = {name: _take(column, keep) for name, column in columns.items()}
    columns["about"] = about
    return columns


def _matches(columns: dict[str, Any], about: Mapping[str, Any], name: str, value: Any) -> Any:
    import numpy as np

    count = len(columns["time"])
    wanted = choices(value)
    if wanted is None:
        return np.ones(count, dtype=bool)
    if name in ("node", "userid", "experiment"):
        own = about[{"node": "host", "userid": "user", "experiment": "experiment"}[name]]
        return np.full(count, own in wanted)
    column = columns["value"] if name == "value" else columns["extra"].get(name)
    if column is None:
        return np.zeros(count, dtype=bool)
    return np.array([any(item == option for option in wanted) for item in column], dtype=bool)


def frame(parts: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The records of several runs as one DataFrame in time order, with a RangeIndex."""
    import numpy as np
    import pandas as pd

    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=_EMPTY.get(name, object)) for name in COLUMNS})
    lengths = [len(part["time"]) for part in parts]
    time = np.concatenate([part["time"] for part in parts])
    order = np.argsort(time, kind="stable") if len(parts) > 1 else None

    def column(values: Any) -> Any:
        return values if order is None else values[order]

    def constant(name: str) -> Any:
        cells = np.empty(len(parts), dtype=object)
        cells[:] = [part["about"][name] for part in parts]
        return column(np.repeat(cells, lengths))

    values = _value_column(column(np.concatenate([part["value"] for part in parts])))
    data: dict[str, Any] = {
        "experiment": pd.Series(constant("experiment"), dtype=object),
        "run": column(np.repeat(np.array([part["about"]["number"] or 0 for part in parts], dtype=np.int64), lengths)),
        "step": _step_column(column(np.concatenate([part["step"] for part in parts]))),
        "event": pd.Series(column(np.concatenate([part["event"] for part in parts])), dtype=object),
        "key": pd.Series(column(np.concatenate([part["key"] for part in parts])), dtype=object),
        "value": pd.Series(values, dtype=values.dtype),
        "dt": column(time).astype("datetime64[ns]"),
        "node": pd.Series(constant("host"), dtype=object),
        "userid": pd.Series(constant("user"), dtype=object),
    }
    for name in dict.fromkeys(name for part in parts for name in part["extra"]):
        pieces = [part["extra"].get(name, np.full(len(part["time"]), None, dtype=object)) for part in parts]
        data[name] = _extra_column(column(np.concatenate(pieces)))
    return pd.DataFrame(data, index=pd.RangeIndex(len(time)), copy=False)


_EMPTY = {"run": "int64", "step": "float64", "value": "float64", "dt": "datetime64[ns]"}


def _step_column(step: np.ndarray[Any, Any]) -> Any:
    """Integers where every record has an integral step, float64 with NaN for none otherwise."""
    import numpy as np

    if len(step) and not np.isnan(step).any() and (np.floor(step) == step).all() and (np.abs(step) < 2**53).all():
        return step.astype(np.int64)
    return step


def _value_column(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """float64 where all values are numbers or missing, objects otherwise."""
    import numpy as np

    if values.dtype != object or not all(map(_is_plain, values)):
        return values
    return np.array([math.nan if value is None else float(value) for value in values], dtype=np.float64)


def _is_plain(value: Any) -> bool:
    """Whether the value is missing, or a number that float64 can hold."""
    kind = value.__class__
    return value is None or kind is float or (kind is int and is_number(value))


def _extra_column(values: np.ndarray[Any, Any]) -> Any:
    import pandas as pd

    filled = pd.Series(values, dtype=object)
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return filled.astype("int64")
    if kinds <= {int, float, type(None)} and kinds != {type(None)}:
        return filled.astype("float64")
    return filled.where(filled.notna(), math.nan)
