"""What "best" means for a metric: what the latest run that has it and says so said, by `Run.define_metric`.

One meaning counts for all runs that are compared: also for those that were recorded before anybody said it, and never
two within one table or order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from runlore.errors import InvalidArgument
from runlore.query.expression import And, Attribute, IsNull, Metric, MetricBest, Not, Or, OrderKey
from runlore.reader.facts import facts_of
from runlore.store.detail import Detail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runlore.index.records import RunRecord
    from runlore.query import Expression
    from runlore.reader.session import Session

GOALS = ("min", "max")
LOOKED_AT = 200
"""How many runs are asked what a metric means to them, from the latest back."""


def definitions_of(run: RunRecord) -> dict[str, dict[str, str]]:
    """How the run's metrics are meant, by key: `best` and `x`, as far as it said so."""
    return {key: dict(meant) for key, (_, meant) in Detail.load(facts_of(run).detail).definitions.items()}


def defined(runs: Iterable[RunRecord], key: str, what: str) -> str | None:
    """What the latest of these runs that says it says of a metric.

    Args:
        runs: with their facts, in any order.
        key: the metric.
        what: `best` or `x`.
    """
    newest_first = sorted(runs, key=lambda run: run.started_ns, reverse=True)
    return next((found for run in newest_first if (found := definitions_of(run).get(key, {}).get(what))), None)


def meanings(runs: Iterable[RunRecord]) -> dict[str, dict[str, str]]:
    """How metrics are meant, by key: of each of `best` and `x`, what the latest of these runs says that says it.

    Args:
        runs: with their facts, in any order; the latest 200 are asked.
    """
    found: dict[str, dict[str, str]] = {}
    for run in sorted(runs, key=lambda run: run.started_ns, reverse=True)[:LOOKED_AT]:
        for key, meant in definitions_of(run).items():
            found[key] = meant | found.get(key, {})
    return found


def goal_of(runs: Iterable[RunRecord], key: str) -> Literal["min", "max"]:
    """Whether the least or the greatest value of a metric is its best.

    Raises:
        InvalidArgument: none of these runs says so.
    """
    found = defined(runs, key, "best")
    if found not in GOALS:
        raise InvalidArgument(
            f"best: no run says what is best of the metric {key!r}; record it with "
            f"run.define_metric({key!r}, best='max'), or 'min', or ask for min or max yourself"
        )
    return cast("Literal['min', 'max']", found)


def best_values(session: Session, runs: Sequence[RunRecord]) -> dict[str, Mapping[str, float]]:
    """Of each run by uid, the best value of each metric of which any of them says what is best.

    Raises:
        InvalidArgument: they say it of none.
    """
    keys = {key for run in runs for key, meant in definitions_of(run).items() if "best" in meant}
    goals = {key: goal_of(runs, key) for key in keys}
    if runs and not goals:
        raise InvalidArgument(
            "value='best': no run says what is best of any metric; record it with run.define_metric(key, best='max')"
        )
    series = session.index.series([run.uid for run in runs], sorted(goals)) if goals else {}
    return {
        run.uid: {key: getattr(known, goals[key]) for key, known in series.get(run.uid, {}).items()} for run in runs
    }


def resolve(
    session: Session, tree: Expression, order: Sequence[OrderKey], experiment: str | Sequence[str] | None
) -> tuple[Expression, tuple[OrderKey, ...]]:
    """A query and its order with `min` or `max` in the place of every `best`.

    Raises:
        InvalidArgument: no run says what is best of one of these metrics.
    """
    goals: dict[str, Metric] = {}

    def plain(field: Any) -> Any:
        if not isinstance(field, MetricBest):
            return field
        if field.key not in goals:
            newest = OrderKey(Attribute("started"), descending=True)
            has_it = Not(IsNull(Metric(field.key)))
            runs = session.page(has_it, newest, LOOKED_AT, experiment=experiment, facts=True).runs
            goals[field.key] = Metric(field.key, goal_of(runs, field.key))
        return goals[field.key]

    return _replaced(tree, plain), tuple(OrderKey(plain(key.field), key.descending) for key in order)


def _replaced(node: Any, plain: Any) -> Any:
    if isinstance(node, Not):
        return Not(_replaced(node.operand, plain))
    if isinstance(node, (And, Or)):
        return type(node)(tuple(_replaced(operand, plain) for operand in node.operands))
    return type(node)(**{**vars(node), "field": plain(node.field)})
