"""Assessments of traces: feedback of people and programs, and what was expected."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from runlore.server.endpoint import WRITE
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint
from runlore.server.mlflow.trace_book import Books, Trace, now_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIELDS = (
    "assessment_name", "span_id", "source", "feedback", "expectation", "issue", "rationale", "metadata", "overrides",
    "valid", "create_time", "last_update_time", "run_id",
)  # fmt: skip
_OBJECTS = frozenset({"source", "feedback", "expectation", "issue", "metadata"})
_SORTS = ("feedback", "expectation", "issue")
_CHANGEABLE = ("assessment_name", "feedback", "expectation", "rationale", "metadata")


def read_assessment(message: Message, trace_id: str) -> dict[str, Any]:
    """An assessment, as it is recorded: what the client said, with an id and times.

    Raises:
        MlflowError: it has no name.
    """
    from runlore.server.mlflow.trace_documents import from_ms

    message.required("assessment_name")
    if not any(message.has(sort) for sort in _SORTS):
        raise MlflowError(f"Unknown assessment type: it has none of {', '.join(_SORTS)}")
    now = from_ms(now_ms())
    said = _read(message, _FIELDS)
    return {
        "create_time": now, "last_update_time": now, "valid": True, **said, "trace_id": trace_id,
        "assessment_id": message.text("assessment_id") or f"a-{secrets.token_hex(16)}",
    }  # fmt: skip


def _read(message: Message, names: Iterable[str]) -> dict[str, Any]:
    """The fields that are given, each of its type.

    Raises:
        MlflowError: one is of another.
    """
    given = [name for name in names if message.has(name)]
    return {name: message.part(name).fields if name in _OBJECTS else _plain(message, name) for name in given}


def _plain(message: Message, name: str) -> str | bool:
    return message.flag(name) if name == "valid" else message.text(name)


def create(message: Message) -> dict[str, Any]:
    """Assess a trace; an assessment that this one overrides is valid no longer."""
    books = Books(message.context)
    trace = books.find(message.path("trace_id"))
    made = read_assessment(message.part("assessment"), trace.id)
    said = {made["assessment_id"]: made}
    if made.get("overrides"):
        said[made["overrides"]] = {**_of(trace, str(made["overrides"])), "valid": False}
    books.say(trace.native, trace.id, assessments=said)
    return {"assessment": made}


def _of(trace: Trace, identifier: str) -> dict[str, Any]:
    found = trace.assessments.get(identifier)
    if found is None:
        what = f"Assessment with ID '{identifier[:200]}' not found for trace '{trace.id}'"
        raise MlflowError(what, MISSING)
    return found


def get(message: Message) -> dict[str, Any]:
    """An assessment."""
    trace = Books(message.context).find(message.path("trace_id"))
    return {"assessment": _of(trace, message.path("assessment_id"))}


def update(message: Message) -> dict[str, Any]:
    """Change an assessment."""
    from runlore.server.mlflow.trace_documents import from_ms

    books = Books(message.context)
    trace = books.find(message.path("trace_id"))
    known = _of(trace, message.path("assessment_id"))
    if not message.has("assessment"):
        message.required("assessment")
    given = message.part("assessment")
    masked = _mask(message)
    said = _read(given, [name for name in _CHANGEABLE if not masked or name in masked])
    for value in ("feedback", "expectation"):
        if value in said and value not in known:
            other = "expectation" if value == "feedback" else "feedback"
            raise MlflowError(f"Cannot update {value} value on an assessment that is {other}.")
    if "metadata" in said:
        said["metadata"] = {**known.get("metadata", {}), **said["metadata"]}
    changed = {**known, **said, "last_update_time": from_ms(now_ms())}
    books.say(trace.native, trace.id, assessments={known["assessment_id"]: changed})
    return {"assessment": changed}


def _mask(message: Message) -> set[str]:
    """Which fields are to be changed, as protocol buffers list them; empty: all that are given."""
    paths = message.text("update_mask").split(",")
    return {re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", path.strip()) for path in paths if path.strip()}


def delete(message: Message) -> dict[str, Any]:
    """Delete an assessment; one that it had overridden is valid again."""
    books = Books(message.context)
    trace = books.find(message.path("trace_id"))
    identifier = message.path("assessment_id")
    known = trace.assessments.get(identifier)
    if known is not None:
        said: dict[str, Any] = {identifier: None}
        before = trace.assessments.get(str(known.get("overrides")))
        if before is not None:
            said[before["assessment_id"]] = {**before, "valid": True}
        books.say(trace.native, trace.id, assessments=said)
    return {}


_ONE = "/traces/{trace_id}/assessments/{assessment_id}"
ENDPOINTS = (
    endpoint("POST", "/traces/{trace_id}/assessments", create, "Assess a trace.", WRITE),
    endpoint("GET", _ONE, get, "An assessment."),
    endpoint("PATCH", _ONE, update, "Change an assessment.", WRITE),
    endpoint("DELETE", _ONE, delete, "Delete an assessment.", WRITE),
)
