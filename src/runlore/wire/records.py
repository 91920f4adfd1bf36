"""What an index says, as tables: the names of the fields once, then one row for each record.

A field that the reader does not know is left out; one that it misses has its default, or the table is garbled.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from runlore.index.records import (
    ArtifactRecord,
    CardRecord,
    ExperimentRecord,
    Lineage,
    LinkRecord,
    Page,
    RunFacts,
    RunRecord,
    SeriesRecord,
)
from runlore.store.content import StoredEvent
from runlore.wire.text import Garbled, expect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Record = TypeVar("Record")

_TUPLES: dict[type, tuple[str, ...]] = {
    RunRecord: ("damage",),
    CardRecord: ("inputs", "aliases", "artifacts", "damage"),
}
"""Fields that are tuples, which JSON knows as lists."""

_TEXTS: dict[type, tuple[str, ...]] = {
    RunRecord: ("uid", "experiment", "status"),
    ExperimentRecord: ("name",),
    ArtifactRecord: ("run", "name", "kind"),
    CardRecord: ("uid", "kind", "space", "name", "version"),
    LinkRecord: ("card", "target", "uid", "role"),
    StoredEvent: ("writer", "kind", "key"),
}
"""Fields whose type is looked at: with these wrong, what came is from no Runlore."""


def names_of(kind: type) -> tuple[str, ...]:
    """The fields of a record, in order."""
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    return tuple(kind._fields)  # type: ignore[attr-defined]


def pack(kind: type, records: Iterable[Any]) -> dict[str, Any]:
    """Records of one kind as a table."""
    names = names_of(kind)
    if kind is StoredEvent:
        return {"fields": names, "rows": list(records)}
    rows = [[getattr(record, name) for name in names] for record in records]
    if kind is RunRecord:
        place = names.index("facts")
        for row in rows:
            facts = row[place]
            if facts is not None:
                row[place] = [dict(facts.params), dict(facts.metrics), dict(facts.tags), facts.detail]
    return {"fields": names, "rows": rows}


def unpack(kind: type[Record], table: Any) -> list[Record]:
    """The records of a table.

    Raises:
        Garbled: it is none of that kind.
    """
    sent = expect(expect(table, dict, "the table").get("fields"), list, "fields")
    rows = expect(table.get("rows"), list, "rows")
    known = names_of(kind)
    unknown = [name for name in sent if name not in known]
    tuples, texts_ = _TUPLES.get(kind, ()), _TEXTS.get(kind, ())
    found = []
    for row in rows:
        if len(expect(row, list, "a row")) != len(sent):
            raise Garbled(f"a row has {len(row)} values for {len(sent)} fields")
        values = dict(zip(sent, row, strict=True))
        for name in unknown:
            del values[name]
        for name in texts_:
            expect(values.get(name), str, name)
        for name in tuples:
            values[name] = tuple(expect(values.get(name), list, name))
        if kind is RunRecord and values.get("facts") is not None:
            values["facts"] = _facts(values["facts"])
        try:
            found.append(kind(**values))
        except TypeError as error:
            raise Garbled(f"a row of {kind.__name__} lacks a field: {error}") from None
    return found


def _facts(value: Any) -> RunFacts:
    if len(expect(value, list, "facts")) < 4:
        raise Garbled("facts should be params, metrics, tags and detail")
    params, metrics, tags, detail = value[:4]
    return RunFacts(
        expect(params, dict, "params"), expect(metrics, dict, "metrics"), expect(tags, dict, "tags"),
        expect(detail, str, "detail"),
    )  # fmt: skip


def pack_page(page: Page) -> dict[str, Any]:
    """A page of runs."""
    return {"runs": pack(RunRecord, page.runs), "next_cursor": page.next_cursor}


def unpack_page(value: Any) -> Page:
    """What `pack_page` gave.

    Raises:
        Garbled: it is none.
    """
    cursor = expect(expect(value, dict, "the page").get("next_cursor"), (str, type(None)), "next_cursor")
    return Page(tuple(unpack(RunRecord, value.get("runs"))), cursor)


def pack_series(found: Mapping[str, Mapping[str, SeriesRecord]]) -> dict[str, Any]:
    """Series in numbers, by run and key."""
    places = [[uid, list(series)] for uid, series in found.items()]
    return {"places": places, "series": pack(SeriesRecord, [one for known in found.values() for one in known.values()])}


def unpack_series(value: Any) -> dict[str, dict[str, SeriesRecord]]:
    """What `pack_series` gave.

    Raises:
        Garbled: it is none.
    """
    places = expect(expect(value, dict, "the answer").get("places"), list, "places")
    series = iter(unpack(SeriesRecord, value.get("series")))
    try:
        return {
            expect(uid, str, "a run"): {expect(key, str, "a key"): next(series) for key in expect(keys, list, "keys")}
            for uid, keys in places
        }
    except (StopIteration, ValueError, TypeError, RuntimeError):
        raise Garbled("there are fewer series than the answer names") from None


def pack_artifacts(found: Mapping[str, Iterable[ArtifactRecord]]) -> dict[str, Any]:
    """Artifacts, by run."""
    listed = {uid: list(artifacts) for uid, artifacts in found.items()}
    return {
        "runs": list(listed),
        "artifacts": pack(ArtifactRecord, [one for known in listed.values() for one in known]),
    }


def unpack_artifacts(value: Any) -> dict[str, list[ArtifactRecord]]:
    """What `pack_artifacts` gave.

    Raises:
        Garbled: it is none.
    """
    uids = expect(expect(value, dict, "the answer").get("runs"), list, "runs")
    found: dict[str, list[ArtifactRecord]] = {expect(uid, str, "a run"): [] for uid in uids}
    for artifact in unpack(ArtifactRecord, value.get("artifacts")):
        if artifact.run not in found:
            raise Garbled(f"an artifact is of the run {artifact.run!r}, which was not named")
        found[artifact.run].append(artifact)
    return found


def pack_lineage(lineage: Lineage) -> dict[str, Any]:
    """Links in both directions."""
    return {
        "ancestors": pack(LinkRecord, lineage.ancestors),
        "descendants": pack(LinkRecord, lineage.descendants),
    }


def unpack_lineage(value: Any) -> Lineage:
    """What `pack_lineage` gave.

    Raises:
        Garbled: it is none.
    """
    expect(value, dict, "the answer")
    ancestors, descendants = (tuple(unpack(LinkRecord, value.get(name))) for name in ("ancestors", "descendants"))
    return Lineage(ancestors, descendants)
