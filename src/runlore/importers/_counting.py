"""Counting what a source gives, without writing it anywhere."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from runlore.errors import DamagedFile, InvalidArgument, WrongType
from runlore.importers._names import path_name
from runlore.importers._proof import Evidence, Tally, fact_identity
from runlore.importers._reading import check_readable, records_of
from runlore.importers._records import Fact, File, Points
from runlore.model import ARTIFACT
from runlore.names import check_key

if TYPE_CHECKING:
    from runlore.importers._records import Record, SourceRun

_PIECE_BYTES = 1 << 20


def count(run: SourceRun) -> Tally:
    """What the source gives of a run. What cannot be taken in is added to its problems."""
    evidence = Evidence()
    for record in records_of(run):
        try:
            _count(run, record, evidence)
        except (DamagedFile, InvalidArgument, WrongType) as error:  # noqa: PERF203 - the others are counted
            run.problems.append(f"left out: {' '.join(str(error).split())}")
    return evidence.given


def _count(run: SourceRun, record: Record, evidence: Evidence) -> None:
    if isinstance(record, Points):
        check_key(record.key, "key")
        evidence.add_points(record)
    elif isinstance(record, Fact):
        check_key(record.key, "key")
        at = run.started_ns if record.time_ns is None else record.time_ns
        evidence.add_fact(fact_identity(record.kind, record.key, record.value, record.step, at))
    elif isinstance(record, File):
        check_readable(record)
        digest, size = _digest(record.content)
        name = path_name(record.name, "unnamed")
        evidence.add_fact(fact_identity(ARTIFACT, name, {"digest": digest}, record.step, None), size)


def _digest(content: bytes | str) -> tuple[str, int]:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest(), len(content)
    hashed, size = hashlib.sha256(), 0
    with open(content, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            hashed.update(piece)
            size += len(piece)
    return hashed.hexdigest(), size
