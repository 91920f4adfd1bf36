"""Native records as omega-ml's `exp.data()` shows them: run selectors, events by their own names, columns, raw rows."""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.dialects.omegaml.columns import own_columns
from runlore.dialects.omegaml.objects import ORIGIN, cell
from runlore.errors import ExperimentNotFound, InvalidArgument, RunNotFound, StoreNotFound, WrongType
from runlore.names import is_uid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from runlore.reader import Experiment, RunView

COLUMNS = ("experiment", "run", "step", "event", "key", "value", "dt", "node", "userid")
_ALIASES = {"parameter": model.PARAM}
_NATIVE_KEYS = frozenset({model.METRIC, model.PARAM, model.START, model.STOP, model.SYSTEM})
"""Events that no artifact stands for: their keys are the native ones."""
_CAPTURE = "capture"
_BOOKKEEPING = frozenset({_CAPTURE, model.LOG, model.RESUME, model.ATTRIBUTE, model.LOST})
"""What the native run records by itself. Shown when it is asked for by `event=`."""


def open_experiment(name: str, store: Any) -> Experiment | None:
    """The experiment, for reading; None where nothing was ever logged."""
    from runlore.reader import experiment

    try:
        found = experiment(name, store=store)
    except (ExperimentNotFound, StoreNotFound):
        return None
    return found if found.numbers else None


def view_of(name: str, number: int, store: Any) -> RunView:
    """A run of an experiment.

    Raises:
        RunNotFound: there is none.
    """
    found = open_experiment(name, store)
    if found is None:
        raise RunNotFound(f"run={number!r}: experiment {name!r} has no such run")
    return found.run(number)


def select_runs(run: Any, numbers: Sequence[int]) -> list[int | str]:
    """The runs that a selector names.

    Args:
        run: a number, or its digits; negative: from the latest back, at most to the first; a uid; several of these;
            `'*'` or `'all'`; a `slice`, whose end is included.
        numbers: the numbers that there are, ascending.

    Raises:
        InvalidArgument, WrongType: it is none of these.

    Example:
        >>> select_runs(slice(2, 4), [1, 2, 3, 4, 5]), select_runs([1, -1], [1, 2, 3]), select_runs(-99, [1, 2, 3])
        ([2, 3, 4], [1, 3], [1])
    """
    if isinstance(run, str):
        if run in ("*", "all"):
            return list(numbers)
        if is_uid(run):
            return [run]
        if not re.fullmatch(r"[+-]?\d+", run):
            raise InvalidArgument(f"run={run!r} must be a number, a uid, a list, a slice, '*' or 'all'")
        return [_number(int(run), numbers)]
    if isinstance(run, slice):
        low: float = 1 if run.start is None else _number(run.start, numbers)
        high = math.inf if run.stop is None else _number(run.stop, numbers)
        return list([number for number in numbers if low <= number <= high][:: run.step])
    if getattr(run, "ndim", 1) and hasattr(run, "__iter__"):
        return [number for one in run for number in select_runs(one, numbers)]
    return [_number(run, numbers)]


def _number(run: Any, numbers: Sequence[int]) -> int:
    try:
        number = int(run) if isinstance(run, float) and run.is_integer() else operator.index(run)
    except TypeError as error:
        raise WrongType(f"run={run!r} must be a number, a uid, a list, a slice, '*' or 'all'") from error
    return numbers[max(number, -len(numbers))] if number < 0 and numbers else number


def read_frame(
    experiment: Experiment, runs: Sequence[int | str], event: Any, key: Any, step: Any, *, since: Any, end: Any,
    extra: Mapping[str, Any],
) -> pd.DataFrame:  # fmt: skip
    """The records of these runs: the nine columns, then extras; sorted by time, with a RangeIndex.

    `step` holds integers, floats or None. `value` is float64 where all values are numbers or missing, else object.
    `dt` is datetime64[ns] in naive UTC. Artifacts have the column `name`.
    """
    kinds, keys = _wanted(event), _wanted(key)
    keys = None if keys is None else {key_text(key) for key in keys}
    kinds = None if kinds is None else {_ALIASES.get(kind, kind) for kind in kinds}
    plain = kinds is not None and kinds <= _NATIVE_KEYS
    frame = experiment.data(
        event=None if kinds is None else sorted(kinds if plain else kinds | {model.ARTIFACT}),
        key=sorted(keys) if plain and keys is not None else None,
        run=list(runs), step=step, since=since, until=end,
    )  # fmt: skip
    frame = _with_own_names(own_columns(frame))
    keep = _matches(frame, "event", kinds) & _matches(frame, "key", keys)
    if kinds is None:
        link = (frame["event"] == model.TAG) & frame["key"].astype(str).str.startswith(f"{ORIGIN}.")
        keep &= ~(frame["event"].isin(_BOOKKEEPING) | link)
    for name, value in extra.items():
        keep &= _matches(frame, name, _wanted(value))
    return _finished(frame[keep])


def key_text(key: Any) -> Any:
    """A key as it is stored: keys may be numbers in omega-ml, and are text here.

    Example:
        >>> key_text(5), key_text("loss")
        ('5', 'loss')
    """
    return str(key) if isinstance(key, (int, float)) and not isinstance(key, bool) else key


def _wanted(value: Any) -> set[Any] | None:
    """A filter as a set of values; None where it means all."""
    if value is None or (isinstance(value, str) and value in ("*", "all")):
        return None
    if isinstance(value, str) or not hasattr(value, "__iter__") or not getattr(value, "ndim", 1):
        return {value}
    return set(value)


def _matches(frame: pd.DataFrame, name: str, wanted: set[Any] | None) -> Any:
    import numpy as np

    if wanted is None:
        return np.ones(len(frame), dtype=bool)
    if name not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    if name == "dt":
        import pandas as pd

        return frame[name].isin([pd.Timestamp(option) for option in wanted]).to_numpy()
    return np.array([any(item == option for option in wanted) for item in frame[name]], dtype=bool)


def _with_own_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Artifacts under the event and key that they were logged with, and their names in a column."""
    import pandas as pd

    places = (frame["event"] == model.ARTIFACT).to_numpy().nonzero()[0]
    if not len(places):
        return frame
    columns = {name: frame[name].tolist() for name in ("event", "key", "value")}
    names: list[Any] = frame["name"].tolist() if "name" in frame.columns else [math.nan] * len(frame)
    for place in places.tolist():
        value, name = columns["value"][place], columns["key"][place]
        if isinstance(value, dict):
            origin = value.get(ORIGIN, {})
            columns["event"][place] = _CAPTURE if _is_captured(value) else origin.get("event", model.ARTIFACT)
            columns["key"][place] = origin.get("key", name)
            columns["value"][place] = cell(value, name)
            names[place] = name
    own = {name: pd.Series(values, index=frame.index, dtype=object) for name, values in columns.items()}
    return frame.assign(**own, name=pd.Series(names, index=frame.index, dtype=object))


def _is_captured(value: dict[str, Any]) -> bool:
    """Whether a capture stored this artifact: the changes to the code, or the code."""
    return value.get("kind") == "diff" or (value.get("kind") == "code" and "redacted" in value)


def _finished(frame: pd.DataFrame) -> pd.DataFrame:
    """Types of the columns as they are promised, and no extra column that no row has."""
    import pandas as pd

    frame = frame.reset_index(drop=True)
    missing = [name for name in frame.columns[len(COLUMNS) :] if frame[name].isna().all()]
    steps = [None if step != step else (int(step) if float(step).is_integer() else step) for step in frame["step"]]  # noqa: PLR0124 - NaN: no step
    frame = frame.drop(columns=missing).assign(step=pd.Series(steps, dtype=object))
    values = frame["value"]
    if values.dtype == object and all(_is_number(value) for value in values):
        numbers = [math.nan if value is None else float(value) for value in values]
        frame = frame.assign(value=pd.Series(numbers, dtype="float64"))
    return frame


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1e308)


def raw_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dicts: `dt` as ISO text, missing values None, extras only where a row has them."""
    rows = []
    for record in frame.to_dict("records"):
        row = {str(name): record[name] for name in COLUMNS}
        row["dt"] = record["dt"].isoformat()
        if isinstance(row["value"], float) and math.isnan(row["value"]) and row["event"] != model.METRIC:
            row["value"] = None
        row |= {str(name): value for name, value in record.items() if name not in COLUMNS and not _is_missing(value)}
        rows.append(row)
    return rows


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def rows_of(rows: Any) -> slice:
    """A pair (first row, row behind the last), counted from 0, or a slice, as a slice.

    Raises:
        InvalidArgument: it is neither.
    """
    if isinstance(rows, (tuple, list)) and len(rows) == 2:
        rows = slice(*rows)
    if not isinstance(rows, slice):
        raise InvalidArgument(f"slice={rows!r} must be a pair (first row, row behind the last), counted from 0")
    return rows


def sliced(read: Callable[[], pd.DataFrame | None], rows: slice) -> pd.DataFrame | None:
    """Those rows of what is read; None where there are none."""
    frame = read()
    found = None if frame is None else frame.iloc[rows].reset_index(drop=True)
    return None if found is None or found.empty else found


class Cursor:
    """The answer to `data(lazy=True)`: nothing is read before rows are asked for; every iteration reads anew."""

    def __init__(self, read: Callable[[], pd.DataFrame | None]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[dict[str, Any]]:
        frame = self._read()
        return iter([] if frame is None else raw_rows(frame))

    def __len__(self) -> int:
        frame = self._read()
        return 0 if frame is None else len(frame)

    def count(self) -> int:
        """How many rows there are."""
        return len(self)
