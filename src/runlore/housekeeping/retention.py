"""Which artifacts to keep: the contents of the best runs', the rest is only remembered.

A removal is a fact of the run (`removed`), so readers know that nothing was lost: name, size, digest and metadata of
the artifact stay. The contents themselves go when nobody else refers to them: see `runlore.housekeeping.garbage`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import InvalidArgument
from runlore.housekeeping.references import referred
from runlore.query.globs import literal_glob
from runlore.reader.run_view import RunView
from runlore.store.annotate import REMOVED

if TYPE_CHECKING:
    from collections.abc import Collection

    from runlore.reader.session import Session


class Drop(NamedTuple):
    """An artifact whose contents are not kept.

    Attributes:
        uid, experiment, number: of the run.
        name: of the artifact.
        digest: SHA-256 of the contents.
        size: in bytes.
    """

    uid: str
    experiment: str
    number: int | None
    name: str
    digest: str
    size: int


class Retention(NamedTuple):
    """What a rule keeps and what it drops.

    Attributes:
        keep: uids of the best runs, best first.
        drop: artifacts of the others.
    """

    keep: list[str]
    drop: list[Drop]


def keep_best(
    session: Session, experiment: str, count: int, *, metric: str, minimize: bool = False, kind: str | None = "model",
    dry_run: bool = False,
) -> Retention:  # fmt: skip
    """Keep the artifacts of the best runs of an experiment; drop those of its other runs that have ended.

    Runs without the metric are the worst. A run that is still going on is left alone, and so is what it shares with
    others: contents are removed once no run refers to them.

    Args:
        session: the store, up to date.
        experiment: its name.
        count: how many runs to keep.
        metric: the metric that says which is best, by its last value.
        minimize: whether less is better.
        kind: only artifacts of this kind; None: all.
        dry_run: change nothing.

    Raises:
        InvalidArgument: `count` is less than 1, or no run of the experiment has the metric.
        ReadOnlyStore: the store cannot be written to.
    """
    if count < 1:
        raise InvalidArgument(f"count={count!r}: at least one run is to be kept")
    key = metric.removeprefix("metrics.")
    page = session.page(experiment=literal_glob(experiment), facts=True, last=True)
    views = [RunView(session, run) for run in page.runs]
    ranked = [view for view in views if not math.isnan(view.metrics.get(key, math.nan))]
    ranked.sort(key=lambda view: view.metrics[key], reverse=not minimize)
    if not ranked:
        raise InvalidArgument(
            f"metric={metric!r}: no run of {experiment!r} has it, so none would be the best; nothing was changed"
        )
    keep = {view.uid: view for view in ranked[:count]}
    drop: list[Drop] = []
    for view in views:
        if view.uid not in keep and view.ended_ns is not None:
            drop += drop_artifacts(view, kind, f"not among the best {count} by {key}", dry_run=dry_run)
    return Retention(list(keep), drop)


def drop_artifacts(
    view: RunView, kind: str | None, reason: str, *, but: Collection[str] = (), dry_run: bool = False
) -> list[Drop]:
    """Record that the contents of a run's artifacts are not kept, with the reason; which those are.

    Args:
        view: the run.
        kind: only artifacts of this kind; None: all.
        reason: in words.
        but: kinds that are kept.
        dry_run: change nothing.
    """
    held = referred(view.events())
    found = [
        Drop(view.uid, view.experiment, view.number, item.name, item.digest, item.size or 0)
        for item in view.artifacts(kind)
        if item.digest is not None and item.digest in held and item.kind not in but
    ]
    if found and not dry_run:
        facts = [(REMOVED, item.name, {"digest": item.digest, "reason": reason}) for item in found]
        view.recorded().annotate(facts, after_ns=view.updated_ns)
    return found
