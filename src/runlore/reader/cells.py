"""Runs as columns of plain values, for tables that are sent: one list a field, one cell a run.

A field is written as a query writes it, with what of a metric is wanted behind it:

    name                        an attribute; see `ATTRIBUTES`
    params.lr, tags.team        a param, a tag
    metrics.loss                the last value
    metrics.loss:min            of the whole series: first, last, min, max, mean, points, first_step, min_step …
    metrics.loss:best           its min or max, as `Run.define_metric` said
    metrics.acc@min(val_loss)   the value at the step where another series is least, or greatest: at its best epoch

A key that ends like one of the last two is written with `:last` behind it. A missing cell is None, and NaN is NaN.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.reader.facts import facts_of
from runlore.reader.goals import goal_of
from runlore.reader.progress import live_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from runlore.index.records import RunRecord, SeriesRecord
    from runlore.reader.series_cache import SeriesCache
    from runlore.reader.session import Session

Cells = list[Any]

TIMES = frozenset({"started", "ended", "updated"})

ATTRIBUTES: dict[str, Callable[[RunRecord], Any]] = {
    **{name: attrgetter(name) for name in (
        "uid", "name", "number", "experiment", "status", "user", "host", "description", "group", "parent", "points",
        "lost", "archived", "deleted", "liveness",
    )},
    "started": attrgetter("started_ns"),
    "ended": attrgetter("ended_ns"),
    "updated": attrgetter("updated_ns"),
    "duration": lambda run: run.active_ns / 1e9,
    "active": lambda run: run.active_ns / 1e9,
    "wall": lambda run: ((run.updated_ns if run.ended_ns is None else run.ended_ns) - run.started_ns) / 1e9,
    "damaged": lambda run: bool(run.damage),
    "open": attrgetter("is_open"),
}  # fmt: skip
"""Attributes of a run. Times are in ns since 1970 UTC; `duration` and `active` are the seconds for which it was
recorded, `wall` those from its start to its end."""

LIVE = ("progress", "eta")
"""Attributes of runs that go on: the share of its length that a run has come, and the seconds that are left."""

STATISTICS: dict[str, Callable[[SeriesRecord], Any]] = {
    name: attrgetter(name)
    for name in ("last", "first", "min", "max", "mean", "points", "min_step", "max_step", "first_step", "last_step")
}

BEST = "best"

_STATISTIC = re.compile(rf"(.+):({'|'.join((*STATISTICS, BEST))})", re.DOTALL).fullmatch
_AT_BEST = re.compile(r"(.+)@(min|max)\((.+)\)", re.DOTALL).fullmatch


@dataclass(frozen=True)
class Field:
    """One column, read.

    Attributes:
        text: as it was written.
        kind: `attribute`, `params`, `tags` or `metrics`.
        key: the attribute or key.
        statistic: what of the series is wanted.
        best: `min` or `max` of another series, at whose step the value is wanted; None: it is not about a step.
        of: the key of that other series.
    """

    text: str
    kind: str
    key: str
    statistic: str = "last"
    best: str | None = None
    of: str = ""

    @classmethod
    def parse(cls, text: str) -> Field:
        """What a text asks for.

        Raises:
            InvalidArgument: it is no field.

        Example:
            >>> Field.parse("metrics.acc@min(val_loss)")
            Field(text='metrics.acc@min(val_loss)', kind='metrics', key='acc', statistic='last', best='min', of='val_loss')
        """  # noqa: E501 - what Python prints
        if text in ATTRIBUTES or text in LIVE:
            return cls(text, "attribute", text)
        kind, _, key = text.partition(".")
        if kind not in ("params", "tags", "metrics") or not key:
            known = ", ".join(sorted((*ATTRIBUTES, *LIVE)))
            raise InvalidArgument(
                f"columns: {text[:100]!r} is no field; write params.KEY, tags.KEY, metrics.KEY, or one of {known}"
            )
        if kind != "metrics":
            return cls(text, kind, key)
        statistic = _STATISTIC(key)
        if statistic is not None:
            return cls(text, kind, statistic[1], statistic[2])
        best = _AT_BEST(key)
        return cls(text, kind, best[1], best=best[2], of=best[3]) if best is not None else cls(text, kind, key)


def columns_of(
    session: Session, runs: Sequence[RunRecord], fields: Iterable[Field], cache: SeriesCache
) -> dict[str, Cells]:  # fmt: skip
    """The columns of these fields, by their texts.

    Args:
        session: the store.
        runs: with their facts.
        fields: which columns.
        cache: series, for values at the step where another one is best.
    """
    wanted = list(fields)
    keys = sorted({key for field in wanted if _needs_series(field) for key in (field.key, field.of) if key})
    series = session.index.series([run.uid for run in runs], keys) if keys and runs else {}
    facts = [facts_of(run) for run in runs]
    logged: dict[str, list[Any]] = {
        kind: [getattr(known, kind) for known in facts] for kind in {field.kind for field in wanted} - {"attribute"}
    }
    found: dict[str, Cells] = live_columns(session, runs, {field.key for field in wanted if field.text in LIVE})
    for field in wanted:
        if field.text in LIVE:
            continue
        if field.kind == "attribute":
            found[field.text] = list(map(ATTRIBUTES[field.key], runs))
        elif field.best is not None:
            found[field.text] = _at_best(runs, field, series, cache)
        elif _needs_series(field):
            found[field.text] = _statistics(runs, field, series)
        else:
            key = field.key
            found[field.text] = [known.get(key) for known in logged[field.kind]]
    return found


def all_fields(runs: Sequence[RunRecord]) -> list[Field]:
    """A field for each attribute, param, metric and tag that any of these runs has."""
    found = [Field(name, "attribute", name) for name in (*ATTRIBUTES, *LIVE)]
    for kind in ("params", "metrics", "tags"):
        keys: dict[str, None] = {}
        for run in runs:
            keys.update(dict.fromkeys(getattr(facts_of(run), kind)))
        found += [_plain_field(kind, key) for key in sorted(keys)]
    return found


def _plain_field(kind: str, key: str) -> Field:
    ambiguous = kind == "metrics" and (_STATISTIC(key) or _AT_BEST(key))
    return Field(f"{kind}.{key}:last" if ambiguous else f"{kind}.{key}", kind, key)


def _needs_series(field: Field) -> bool:
    return field.kind == "metrics" and (field.best is not None or field.statistic != "last")


def _statistics(runs: Sequence[RunRecord], field: Field, series: dict[str, dict[str, SeriesRecord]]) -> Cells:
    if not runs:
        return []
    take = STATISTICS[goal_of(runs, field.key) if field.statistic == BEST else field.statistic]
    of_runs = (series.get(run.uid, {}).get(field.key) for run in runs)
    return [None if known is None else take(known) for known in of_runs]


def _at_best(
    runs: Sequence[RunRecord], field: Field, series: dict[str, dict[str, SeriesRecord]], cache: SeriesCache
) -> Cells:  # fmt: skip
    """The values at the steps where the other series is best. Points are read only where the numbers do not tell."""
    cells: Cells = [None] * len(runs)
    unknown: list[tuple[int, RunRecord, float]] = []
    for place, run in enumerate(runs):
        mine, other = series.get(run.uid, {}).get(field.key), series.get(run.uid, {}).get(field.of)
        step = None if other is None else getattr(other, f"{field.best}_step")
        if mine is None or other is None or step is None or math.isnan(getattr(other, str(field.best))):
            continue
        if mine.last_step == step:
            cells[place] = mine.last
        else:
            unknown.append((place, run, step))
    if unknown:
        read = cache.read([run for _, run, _ in unknown], [field.key]).series
        for place, run, step in unknown:
            found = read.get((run.uid, field.key))
            if found is not None and (found.step == step).any():
                cells[place] = float(found.value[found.step == step][-1])
    return cells
