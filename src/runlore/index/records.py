"""What an index says, as frozen records. Times are ns since 1970 UTC; a `uid` is 32 hexadecimal digits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore.store.series import SeriesRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ArtifactRecord", "CardFilter", "CardRecord", "ExperimentRecord", "HolderRecord", "Lineage", "LinkRecord", "Page",
    "RunFacts", "RunRecord", "SeriesRecord",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What was logged of a run, in its latest values.

    Attributes:
        params: values as they were logged, by key, sorted.
        metrics: the last value of each series by key, sorted, hardware (`system/…`) included: the one of the greatest
            step, then of the latest time. NaN is NaN.
        tags: by key, sorted.
        detail: what its events say beyond that, as `runlore.store.summary.Detail.dump` gives it.
    """

    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    detail: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as the index has it.

    Attributes:
        uid, experiment, number, name, description, group, user, host: as they were recorded; None: not at all.
        parent: uid of the run under which it was started, or None.
        status: `running`, `succeeded`, `failed`, `stopped`, `crashed`, or a word of the user's.
        started_ns, ended_ns, updated_ns: start, end (None while it runs; of a crashed run the time of its last event),
            last event.
        active_ns: how long it was recorded for, without the gaps before it was resumed.
        points: metric points.
        lost: records that could not be kept.
        liveness: how the writer was found alive or dead (`lock`, `process`, `age`), or None where it ended by itself.
        damage: what cannot be read of it, in words.
        archived, deleted: marks; a deleted run is in the trash.
        is_open: whether it may still change by itself.
        facts: what was logged, where it was asked for.
    """

    uid: str
    experiment: str
    number: int | None
    name: str | None
    status: str
    started_ns: int
    ended_ns: int | None
    updated_ns: int
    active_ns: int
    user: str | None
    host: str | None
    description: str | None
    group: str | None
    parent: str | None
    points: int
    lost: int
    liveness: str | None
    damage: tuple[str, ...]
    archived: bool
    deleted: bool
    is_open: bool
    facts: RunFacts | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs of a query, in order.

    Attributes:
        runs: at most as many as the limit.
        next_cursor: give it to the next call; None when this was the last page.
    """

    runs: tuple[RunRecord, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ExperimentRecord:
    """One experiment: how many runs it has that are not deleted, how many of each status, and when one last changed."""

    name: str
    runs: int
    statuses: Mapping[str, int]
    updated_ns: int


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """One artifact of a run, as one event recorded it.

    Attributes:
        run: uid.
        name, step, digest, size, media_type, kind: as `runlore.reader.Artifact` has them.
        metadata: the rest of what was recorded of it.
        time_ns: when it was logged.
    """

    run: str
    name: str
    step: float | None
    digest: str | None
    size: int | None
    media_type: str | None
    kind: str
    metadata: Mapping[str, Any]
    time_ns: int


@dataclass(frozen=True, slots=True)
class CardRecord:
    """One registered version, with what was said of it since; see `runlore.registry.Card` for the words.

    Attributes:
        inputs: uids of the cards that it was made from.
        aliases: those that this version holds now.
        artifacts: contents: `name`, `digest`, `size`, `media_type`, `kind`, `metadata` each.
    """

    uid: str
    kind: str
    space: str
    name: str
    version: str
    created_ns: int
    updated_ns: int
    user: str | None
    host: str | None
    description: str | None
    metadata: Mapping[str, Any]
    run: str | None
    run_role: str | None
    inputs: tuple[str, ...]
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    note: str | None
    stage: str | None
    deleted: bool
    damage: tuple[str, ...]
    artifacts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class CardFilter:
    """Which cards: all of these conditions hold; None asks for nothing.

    Attributes:
        kind, space, name, stage: exact.
        run: uid of the run that registered it.
        uids: one of these.
        uid_prefix: the uid begins so.
        tags: the card has each of these keys; `key=value` asks for the value too.
        max_created_ns: registered at or before this time.
        deleted: whether deleted cards are among them.
        order_by: `version`: by kind, space and name, the greatest version first. `created`: the newest first.
        limit: at most so many.
    """

    kind: str | None = None
    space: str | None = None
    name: str | None = None
    stage: str | None = None
    run: str | None = None
    uids: tuple[str, ...] | None = None
    uid_prefix: str | None = None
    tags: tuple[str, ...] = ()
    max_created_ns: int | None = None
    deleted: bool = False
    order_by: str = "version"
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class HolderRecord:
    """A run or card that has contents as an artifact.

    Attributes:
        digest: SHA-256 of the contents.
        target: `card` or `run`.
        uid: of that.
    """

    digest: str
    target: str
    uid: str


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A card and what it has to do with another card or a run.

    Attributes:
        card: uid of the card.
        target: `card` or `run`.
        uid: of that other.
        role: to a card: `input`, it was made from that one. To a run: `output`, the run made it; `input`, the run used
            it; `record`, it describes the run.
    """

    card: str
    target: str
    uid: str
    role: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Links that lead away from where one stands, nearest first.

    Attributes:
        ancestors: towards what it came of.
        descendants: towards what came of it.
    """

    ancestors: tuple[LinkRecord, ...] = field(default=())
    descendants: tuple[LinkRecord, ...] = field(default=())
