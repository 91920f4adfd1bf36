"""Changing runs: tags, names, notes, archive, trash; each answer has what takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from runlore.errors import RunNotFound
from runlore.reader.editing import MARKS, TEXTS, Change, edit_runs, undo_of
from runlore.server.endpoint import WRITE, Endpoint
from runlore.server.native.asking import check_count
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.index.records import RunRecord
    from runlore.server.endpoint import Call

MAX_RUNS = 20_000


class Edit(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A change of some runs. What is not named stays; null removes it."""

    runs: list[str]
    tags: dict[str, str | None] = {}
    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    group: str | UnsetType | None = UNSET
    note: str | None = None
    archived: bool | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET


class Edits(Edit, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One change, or several in `edits`."""

    runs: list[str] = []
    edits: list[Edit] = []


class Undo(msgspec.Struct):
    """The body that takes a change back. Notes stay."""

    edits: list[Edit]


class Edited(msgspec.Struct):
    """How many runs were changed, and what takes it back."""

    changed: int
    undo: Undo


def edit(call: Call) -> Edited:
    """Change runs: all of them, or none where something cannot be."""
    asked: Edits = call.body
    edits: list[Edit] = [*([asked] if asked.runs else []), *asked.edits]
    uids = [uid for one in edits for uid in one.runs]
    check_count("runs", len(uids), 1, MAX_RUNS)
    if len(set(uids)) < len(uids):
        raise Problem(400, "a run is named twice; put all of its changes together", field="runs")
    session = call.context.fresh_now()
    known = {run.uid: run for run in session.index.runs(uids)}
    missing = [uid for uid in uids if uid not in known]
    if missing:
        raise RunNotFound(
            f"{len(missing)} of the runs are not there, such as {missing[0][:100]!r}; nothing was changed"
        )
    changes = [(known[uid], _change(one)) for one in edits for uid in one.runs]
    undo = _undo(changes)
    edit_runs(session, changes, call.context.fresh_now)
    return Edited(len(changes), undo)


def _change(asked: Edit) -> Change:
    given = {name: getattr(asked, name) for name in (*TEXTS, *MARKS)}
    named = {name: value for name, value in given.items() if value is not UNSET}
    if not named and not asked.tags and asked.note is None:
        raise Problem(400, "nothing is to be changed: name a tag, name, description, group, note, archived or deleted")
    return Change(dict(asked.tags), named, asked.note)


def _undo(changes: list[tuple[RunRecord, Change]]) -> Undo:
    """Runs that get the same back are in one edit."""
    found: dict[bytes, Edit] = {}
    for run, change in changes:
        before = undo_of(run, change)
        if not before.tags and not before.attributes:
            continue  # a note alone
        name = repr((sorted(before.tags.items()), sorted(before.attributes.items()))).encode("utf-8", "surrogatepass")
        known = found.setdefault(name, Edit([], dict(before.tags), **before.attributes))  # type: ignore[arg-type]
        known.runs.append(run.uid)
    return Undo(list(found.values()))


def _named(call: Call) -> str:
    """Which runs were changed, and what of them, for the audit log."""
    asked: Edits = call.body
    edits: list[Edit] = [*([asked] if asked.runs else []), *asked.edits]
    return "; ".join(f"{' '.join(one.runs)}: {', '.join(_changed(one))}" for one in edits)


def _changed(one: Edit) -> list[str]:
    marks = [f"{name}={getattr(one, name)}" for name in MARKS if getattr(one, name) is not UNSET]
    texts = [name for name in TEXTS if getattr(one, name) is not UNSET]
    return [*marks, *texts, *(f"tags.{key}" for key in one.tags), *(["note"] if one.note is not None else [])]


ENDPOINTS = (
    Endpoint(
        "POST", "/runs/edit", edit, "Change tags, names, notes, archive or trash of runs.", WRITE, body=Edits,
        answer=Edited, problems=[404, 507], audited=_named,
        example={"runs": ["0" * 32], "tags": {"stage": "checked", "old": None}, "archived": True},
        about="All runs are changed or, where a value cannot be stored or a run is not there, none. `undo` is a body "
        "for this endpoint that takes the change back.",
    ),
)  # fmt: skip
