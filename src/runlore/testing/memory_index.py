"""The index of a store in memory: it looks at every run for every question. The oracle of all other indexes."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, WrongType
from runlore.index.base import DEFAULT_TIME_LIMIT_S, Index
from runlore.index.evaluate import Subject, evaluate, in_order
from runlore.index.limits import check_limit, check_time_limit
from runlore.index.records import ExperimentRecord, Page
from runlore.query.checks import check_expression
from runlore.query.cursor import fingerprint
from runlore.query.expression import uses_attribute
from runlore.query.globs import glob_to_regex, split_experiments
from runlore.query.ordering import order_keys
from runlore.query.parser import tree_of
from runlore.query.regex import compile_pattern
from runlore.query.values import Clock
from runlore.testing import memory_cards, memory_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.index.records import ArtifactRecord, CardFilter, CardRecord, LinkRecord, RunRecord, SeriesRecord
    from runlore.index.reference import RunReference
    from runlore.query.expression import Expression
    from runlore.query.ordering import OrderBy
    from runlore.testing.memory_run import MemoryRun
    from runlore.testing.memory_store import MemoryStore

KINDS = ("params", "metrics", "tags")


class MemoryIndex(Index):
    """Answers from the lists of a `MemoryStore`; always up to date."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.location = store.location

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> int:  # noqa: ARG002, D102
        return 0

    def close(self) -> None:  # noqa: D102 - described by the contract
        pass

    # -- runs ---------------------------------------------------------------------------------------------------

    def page(  # noqa: D102
        self, query: str | Expression | None = None, order_by: OrderBy = None, limit: int | None = None,
        cursor: str | None = None, *, experiment: str | Sequence[str] | None = None, include_deleted: bool = False,
        facts: bool = False, clock: Clock | None = None, time_limit_s: float = DEFAULT_TIME_LIMIT_S,
        last: bool = False,
    ) -> Page:  # fmt: skip
        check_limit(limit)
        check_time_limit(time_limit_s)
        tree = tree_of(query)
        keys = order_keys(order_by)
        belongs_to = fingerprint(tree, keys, experiment, include_deleted).hex()
        clock, visited = _resume(cursor, belongs_to, clock or Clock())
        check_expression(tree, clock)
        wanted = _scope(experiment)
        hides_deleted = not include_deleted and not uses_attribute(tree, "deleted")
        found = [
            subject
            for subject in self._subjects()
            if wanted(subject.record.experiment)
            and not (hides_deleted and subject.record.deleted)
            and subject.record.uid not in visited
            and evaluate(tree, subject, clock)
        ]
        found = in_order(found, keys)
        chosen = found if limit is None else found[:limit]
        runs = tuple(subject.record if facts else replace(subject.record, facts=None) for subject in chosen)
        if last or len(chosen) == len(found):
            return Page(runs, None)
        return Page(runs, _cursor(belongs_to, clock, [*visited, *(run.uid for run in runs)]))

    def find(self, reference: RunReference, *, facts: bool = True) -> tuple[RunRecord, ...]:  # noqa: D102
        everything = self._records(facts=facts)
        if reference.uid is not None or reference.prefix is not None:
            wanted = reference.uid or reference.prefix or ""
            return tuple(sorted((run for run in everything if run.uid.startswith(wanted)), key=_uid)[:3])
        mine = [run for run in everything if run.experiment == reference.experiment and run.number is not None]
        if reference.number is None:
            return ()
        if reference.number < 0:
            kept = sorted((run for run in mine if not run.deleted), key=lambda run: (run.number, run.uid))
            return tuple(kept[reference.number :][:1]) if len(kept) >= -reference.number else ()
        same = [run for run in mine if run.number == reference.number]
        return tuple(sorted(same, key=lambda run: (run.deleted, run.uid))[:3])

    def runs(self, uids: Sequence[str], *, facts: bool = True) -> list[RunRecord]:  # noqa: D102
        by_uid = {run.uid: run for run in self._records(facts=facts)}
        return [by_uid[uid] for uid in uids if uid in by_uid]

    def series(self, uids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, dict[str, SeriesRecord]]:  # noqa: D102
        found = {}
        for run in self._known(uids):
            everything = memory_facts.series_of(run, run.events())
            found[run.uid] = {key: known for key, known in everything.items() if keys is None or key in keys}
        return found

    def artifacts(self, uids: Sequence[str]) -> dict[str, list[ArtifactRecord]]:  # noqa: D102
        return {run.uid: memory_facts.artifacts_of(run) for run in self._known(uids)}

    def experiments(self, pattern: str | Sequence[str] | None = None) -> list[ExperimentRecord]:  # noqa: D102
        wanted = _scope(pattern)
        found: dict[str, list[RunRecord]] = {}
        for run in self._records(facts=False):
            if not run.deleted and wanted(run.experiment):
                found.setdefault(run.experiment, []).append(run)
        return [
            ExperimentRecord(name, len(runs), _counts(runs), max(run.updated_ns for run in runs))
            for name, runs in sorted(found.items())
        ]

    def keys(self, kind: str, *, experiment: str | Sequence[str] | None = None) -> list[str]:  # noqa: D102
        if kind not in KINDS:
            raise InvalidArgument(f"kind={kind!r} must be one of {', '.join(KINDS)}")
        wanted = _scope(experiment)
        runs = [run for run in self._records(facts=True) if not run.deleted and wanted(run.experiment)]
        return sorted({key for run in runs for key in getattr(run.facts, kind)})

    def _known(self, uids: Sequence[str]) -> list[MemoryRun]:
        return [self._store.recorded[uid] for uid in uids if uid in self._store.recorded]

    def _records(self, *, facts: bool) -> list[RunRecord]:
        return [memory_facts.record_of(run, facts=facts) for run in list(self._store.recorded.values())]

    def _subjects(self) -> list[Subject]:
        return [
            Subject(
                memory_facts.record_of(run, facts=True),
                memory_facts.series_of(run, run.events()),
                lambda key, step, run=run: memory_facts.value_at(run, key, step),  # type: ignore[misc]
            )
            for run in list(self._store.recorded.values())
        ]

    # -- cards --------------------------------------------------------------------------------------------------

    def cards(self, wanted: CardFilter) -> list[CardRecord]:  # noqa: D102
        found = [card for card in memory_cards.records(self._store) if memory_cards.matches(card, wanted)]
        return memory_cards.in_order(found, wanted.order_by)[: wanted.limit]

    def links(self, uids: Sequence[str]) -> list[LinkRecord]:  # noqa: D102
        return [link for link in memory_cards.links(self._store) if link.card in uids or link.uid in uids]


def _uid(run: RunRecord) -> str:
    return run.uid


def _counts(runs: Sequence[RunRecord]) -> dict[str, int]:
    statuses = sorted(run.status for run in runs)
    return {status: statuses.count(status) for status in dict.fromkeys(statuses)}


def _scope(experiment: str | Sequence[str] | None) -> Callable[[str], bool]:
    """Whether a name is among the experiments that are asked for."""
    if experiment is None:
        return lambda _: True
    names, globs = split_experiments(experiment)
    patterns = [compile_pattern(glob_to_regex(glob)) for glob in globs]
    return lambda name: name in names or any(pattern.search(name) for pattern in patterns)


def _cursor(belongs_to: str, clock: Clock, visited: Sequence[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([belongs_to, clock.now_ns, list(visited)]).encode()).decode()


def _resume(cursor: Any, belongs_to: str, clock: Clock) -> tuple[Clock, list[str]]:
    """What `now` was on the first page, and the runs that were visited."""
    if cursor is None:
        return clock, []
    if not isinstance(cursor, str):
        raise WrongType(f"cursor={cursor!r} must be text, not {type(cursor).__name__}")
    try:
        owner, now_ns, visited = json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError:
        owner = None
    if owner != belongs_to:
        raise InvalidArgument("the page cursor is not one of this query; start again without one")
    return replace(clock, now_ns=now_ns), visited
