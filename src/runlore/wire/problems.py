"""Errors as members of a problem document (RFC 9457), and back: what was raised there arises here, with the same text.

{"status": 404, "detail": "no run …", "error": "RunNotFound", …}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import errors
from runlore.errors import MissingDependency, QuerySyntaxError, RunloreError

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"

_KINDS: dict[str, type[RunloreError]] = {
    name: kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, RunloreError)
}


def pack(error: RunloreError) -> dict[str, Any]:
    """What an error is, besides its status: the members of its document."""
    members: dict[str, Any] = {"detail": str(error), "error": _name_of(error)}
    if isinstance(error, QuerySyntaxError):
        members |= {
            "field": "query", "position": error.column - 1, "query": error.query, "message": error.message,
            "expected": error.expected, "word": error.word,
        }  # fmt: skip
    elif isinstance(error, MissingDependency):
        members |= {"package": error.package, "extra": error.extra}
    return members


def unpack(document: Mapping[str, Any]) -> RunloreError | None:
    """The error that a document tells of; None where it is none of Runlore's."""
    kind = _KINDS.get(str(document.get("error")))
    detail = document.get("detail")
    if kind is None or not isinstance(detail, str):
        return None
    if kind is QuerySyntaxError:
        return _syntax_error(document)
    if kind is MissingDependency:
        made: RunloreError = MissingDependency.__new__(MissingDependency, detail)
        made.args = (detail,)
        made.package, made.extra = str(document.get("package")), str(document.get("extra"))  # type: ignore[attr-defined]
        return made
    return kind(detail)


def _name_of(error: RunloreError) -> str:
    """The name of the nearest class that everybody has."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _KINDS)


def _syntax_error(document: Mapping[str, Any]) -> RunloreError:
    members = [document.get(name) for name in ("message", "query", "expected", "word")]
    position = document.get("position")
    if not all(isinstance(member, str) for member in members) or not isinstance(position, int):
        return errors.InvalidArgument(str(document.get("detail")))
    message, query, expected, word = members
    return QuerySyntaxError(message, query=query, column=position + 1, expected=expected, word=word)  # type: ignore[arg-type]
