"""Rows of the catalog as records of the index."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runlore.catalog.database.tables import OPEN
from runlore.catalog.packed import KeysReader
from runlore.index.records import RunRecord
from runlore.stored_text import from_stored

if TYPE_CHECKING:
    from collections.abc import Sequence

_RUN_COLUMNS = (
    "runs.uid, runs.experiment, runs.number, runs.name, runs.status, runs.started_ns, runs.ended_ns, runs.updated_ns, "
    "runs.active_ns, runs.user_name, runs.host, runs.description, runs.group_name, runs.parent_uid, runs.points, "
    "runs.lost, runs.liveness, runs.damage, runs.archived, runs.deleted, runs.state"
)
_FACTS_COLUMNS = "facts.keys, facts.values_json, facts.last, facts.detail"
FROM_FACTS = "FROM runs JOIN facts ON facts.run_id = runs.id"


class RecordsReader:
    """Makes records of rows.

    Attributes:
        columns: what has to be selected of `runs`,
        joined: and of what is joined to it.
        keys: reads the keys of facts.
    """

    def __init__(self, *, facts: bool) -> None:
        self.keys = KeysReader()
        self.columns = f"{_RUN_COLUMNS}, {_FACTS_COLUMNS}" if facts else _RUN_COLUMNS
        self.joined = "JOIN facts ON facts.run_id = runs.id" if facts else ""
        self._facts = facts

    def record(self, row: Sequence[Any]) -> RunRecord:
        """The record of one row."""
        (
            uid, experiment, number, name, status, started_ns, ended_ns, updated_ns, active_ns, user, host,
            description, group, parent, points, lost, liveness, damage, archived, deleted, state, *packed,
        ) = row  # fmt: skip
        texts = map(text_or_none, (name, user, host, description, group, parent))
        name, user, host, description, group, parent = texts
        return RunRecord(
            uid, from_stored(experiment), number, name, from_stored(status), started_ns, ended_ns, updated_ns,
            active_ns, user, host, description, group, parent, points, lost, liveness,
            tuple(json.loads(damage)) if damage else (), bool(archived), bool(deleted), state == OPEN,
            self.keys.facts(*packed) if self._facts else None,
        )  # fmt: skip


def text_or_none(stored: str | None) -> str | None:
    """A text that may be missing."""
    return None if stored is None else from_stored(stored)
