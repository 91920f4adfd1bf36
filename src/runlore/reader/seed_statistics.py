"""What several seeds of each configuration say together: with intervals that assume no distribution.

Sources: the bootstrap's percentile interval, B. Efron, "Bootstrap methods: another look at the jackknife", Annals of
Statistics 7 (1979). The interquartile mean and the probability of improvement as measures for few runs, R. Agarwal et
al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021. That probability is the
statistic U of H. B. Mann and D. R. Whitney (Annals of Mathematical Statistics 18, 1947) by the number of pairs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, NotFound
from runlore.query.expression import Attribute, OrderKey
from runlore.query.globs import literal_glob
from runlore.reader import columns
from runlore.reader.facts import facts_of, similar
from runlore.reader.goals import GOALS, defined, goal_of
from runlore.reader.series import interquartile_mean
from runlore.reader.summaries import check_field, groups_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session

VALUES = ("last", "first", "min", "max", "mean", "best")
_AT_ONCE = 1 << 20
"""Numbers that are drawn at once by the bootstrap: 8 MiB."""


def stats(
    session: Session, experiment: str, key: str, group_by: str | Sequence[str] | None, over: str | None, value: str,
    best: str | None, baseline: Any, confidence: float, resamples: int,
) -> pd.DataFrame:  # fmt: skip
    """See `Experiment.stats`."""
    _check(value, best, confidence, resamples)
    fields = [group_by] if isinstance(group_by, str) else list(group_by or ())
    order = OrderKey(Attribute("number"))
    runs = session.page(None, order, experiment=literal_glob(experiment), facts=True, last=True).runs
    for field in fields:
        check_field(field, runs)
    numbers = _numbers(session, runs, key, value, best)
    if not numbers:
        known = {name for run in runs for name in facts_of(run).metrics}
        raise NotFound(f"key={key!r}: no run of the experiment {experiment!r} has such a metric{similar(key, known)}")
    counted = [run for run in runs if run.uid in numbers]
    if over is not None:
        counted = _latest_of_each(counted, fields, over)
    groups = [(cells, [numbers[run.uid] for run in members]) for cells, members in groups_of(counted, fields)]
    goal = best or defined(runs, key, "best")
    rows = _described(groups, confidence, resamples)
    if goal is not None and len(groups) > 1:
        _compare(rows, groups, _place_of(baseline, groups), goal, confidence, resamples)
    elif baseline is not None:
        raise InvalidArgument(
            f"baseline={baseline!r} needs several groups, and to know what is better: give best='min' or 'max', or "
            f"record it with run.define_metric({key!r}, best=…)"
        )
    found: dict[str, Any] = {
        field: columns.values([cells[place] for cells, _ in groups]) for place, field in enumerate(fields)
    }
    for name in rows[0]:
        column = [row[name] for row in rows]
        found[name] = columns.integers(list(map(int, column))) if name == "count" else columns.numbers(column)
    return columns.table(found, len(rows))


def _check(value: str, best: str | None, confidence: float, resamples: int) -> None:
    if value not in VALUES:
        raise InvalidArgument(f"value={value!r} must be one of {', '.join(VALUES)}")
    if best is not None and best not in GOALS:
        raise InvalidArgument(f"best={best!r} must be 'min' or 'max'")
    if not 0 < confidence < 1:
        raise InvalidArgument(f"confidence={confidence!r} must be between 0 and 1, for example 0.95")
    if not isinstance(resamples, int) or not 100 <= resamples <= 1_000_000:
        raise InvalidArgument(f"resamples={resamples!r} must be a whole number from 100 to 1,000,000")


def _numbers(
    session: Session, runs: Sequence[RunRecord], key: str, value: str, best: str | None
) -> dict[str, float]:  # fmt: skip
    """Of each run that has one, by uid, its number: NaN counts as none."""
    if value == "last":
        found = {run.uid: facts_of(run).metrics[key] for run in runs if key in facts_of(run).metrics}
    else:
        series = session.index.series([run.uid for run in runs], [key])
        take = value if value != "best" else best or (goal_of(runs, key) if any(series.values()) else "max")
        found = {uid: getattr(of_run[key], take) for uid, of_run in series.items() if key in of_run}
    return {uid: float(number) for uid, number in found.items() if not math.isnan(number)}


def _latest_of_each(runs: Sequence[RunRecord], fields: Sequence[str], over: str) -> list[RunRecord]:
    """Of the runs of a group with one seed the latest, as the others were run again; without a seed there is none."""
    field = over if "." in over else f"params.{over}"
    check_field(field, runs, "over")
    latest: dict[str, RunRecord] = {}
    for cells, members in groups_of(runs, [*fields, field]):
        if cells[-1] is not None:
            latest[members[-1].uid] = members[-1]
    return [run for run in runs if run.uid in latest]


def _described(
    groups: Sequence[tuple[list[Any], list[float]]], confidence: float, resamples: int
) -> list[dict[str, float]]:  # fmt: skip
    import numpy as np

    rows = []
    for _, members in groups:
        numbers = np.array(members)
        count = len(numbers)
        measures = np.array([numbers.mean(), _iqm(numbers[None, :])[0]])
        low, high = np.full(2, np.nan), np.full(2, np.nan)
        if count > 1:
            drawn = np.concatenate(
                [np.stack([sample.mean(axis=1), _iqm(sample)]) for sample in _samples(numbers, resamples)], axis=1
            )
            low, high = _interval(drawn, confidence)
        rows.append({
            "count": count,
            "mean": float(measures[0]), "mean_low": float(low[0]), "mean_high": float(high[0]),
            "iqm": float(measures[1]), "iqm_low": float(low[1]), "iqm_high": float(high[1]),
            "std": float(numbers.std(ddof=1)) if count > 1 else math.nan,
        })  # fmt: skip
    return rows


def _compare(
    rows: list[dict[str, float]], groups: Sequence[tuple[list[Any], list[float]]], base: int, goal: str,
    confidence: float, resamples: int,
) -> None:  # fmt: skip
    """Add to each row how probably a run of it is better than one of the baseline; nothing to the baseline's own."""
    import numpy as np

    sign = 1.0 if goal == "max" else -1.0
    ours = np.sort(sign * np.array(groups[base][1]))
    for place, (row, (_, members)) in enumerate(zip(rows, groups, strict=True)):
        numbers = sign * np.array(members)
        row["p_better"] = row["p_better_low"] = row["p_better_high"] = math.nan
        if place == base:
            continue
        row["p_better"] = float(_wins(numbers, ours).mean())
        if len(numbers) > 1 and len(ours) > 1:
            drawn = _drawn_wins(numbers, ours, resamples)
            low, high = _interval(drawn[None, :], confidence)
            row["p_better_low"], row["p_better_high"] = float(low[0]), float(high[0])


def _wins(numbers: NDArray[np.float64], ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each number, over which share of the others it is; a tie is half a win."""
    import numpy as np

    below = np.searchsorted(ordered, numbers, "left") + np.searchsorted(ordered, numbers, "right")
    return below / (2.0 * len(ordered))


def _drawn_wins(
    numbers: NDArray[np.float64], ordered: NDArray[np.float64], resamples: int
) -> NDArray[np.float64]:  # fmt: skip
    """The probability of improvement of resampled groups, each drawn by itself."""
    import numpy as np

    table = (np.sign(numbers[:, None] - ordered[None, :]) + 1) / 2
    generator = np.random.default_rng(0)
    found = np.empty(resamples)
    for begin in range(0, resamples, size := max(1, _AT_ONCE // table.size)):
        count = min(size, resamples - begin)
        rows = generator.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), count)
        cells = generator.multinomial(len(ordered), np.full(len(ordered), 1 / len(ordered)), count)
        found[begin : begin + count] = np.einsum("bi,ij,bj->b", rows, table, cells, optimize=True) / table.size
    return found


def _samples(numbers: NDArray[np.float64], resamples: int) -> list[NDArray[np.float64]]:
    """Resampled groups, a row each: the same ones whenever it is asked, so that an answer can be repeated."""
    import numpy as np

    generator = np.random.default_rng(0)
    size = max(1, _AT_ONCE // len(numbers))
    counts = [min(size, resamples - begin) for begin in range(0, resamples, size)]
    return [numbers[generator.integers(0, len(numbers), (count, len(numbers)))] for count in counts]


def _iqm(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return interquartile_mean(np.sort(rows, axis=1), np.full(len(rows), rows.shape[1]))


def _interval(drawn: NDArray[np.float64], confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=1)
    return low, high


def _place_of(baseline: Any, groups: Sequence[tuple[list[Any], list[float]]]) -> int:
    """Which group is compared with: the one that was named, else the first."""
    if baseline is None:
        return 0
    wanted = list(baseline) if isinstance(baseline, (list, tuple)) else [baseline]
    for place, (cells, _) in enumerate(groups):
        if cells == wanted:
            return place
    known = ", ".join(repr(cells[0] if len(cells) == 1 else tuple(cells)) for cells, _ in groups)
    raise InvalidArgument(f"baseline={baseline!r} is none of the groups, which are {known[:300]}")
