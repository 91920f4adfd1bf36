"""Errors as problem documents (RFC 9457): what was wrong, with which field and value, and what to do.

Every error that Runlore raises on purpose has its status here, and so has a disk or a process that is full. What is
neither is a fault of ours: 500, with the request's id, under which the log has the traceback. A message never has more
than what the caller sent or may see.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from runlore import errors
from runlore.failures import reason_of
from runlore.wire import problems

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"

STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (errors.QuerySyntaxError, 400),
    (errors.InvalidArgument, 400),
    (errors.WrongType, 400),
    (errors.NotFound, 404),
    (errors.AlreadyExists, 409),
    (errors.RunEnded, 409),
    (errors.ReadOnlyStore, 403),
    (errors.NotAllowed, 403),
    (errors.QueryTimeout, 503),
    (errors.NotStored, 507),
    (errors.NotReachable, 502),
    (errors.NotLocal, 409),
    (errors.UnsafeLoad, 403),
    (errors.UnsupportedFormat, 409),
    (errors.DamagedFile, 409),
    (errors.MissingDependency, 501),
)
"""The first that fits counts."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO})
"""Of system calls: the disk is full, a quota is used up, no descriptor is left, the disk fails. It may pass."""

TITLES = {
    303: "Sign in first",
    400: "The request cannot be understood",
    401: "Sign in first",
    403: "This is not allowed",
    404: "There is no such thing",
    405: "This address does not take this method",
    408: "The request took too long",
    409: "This does not fit what the store has",
    411: "The length of the body has to be said",
    412: "It is not what was expected any more",
    413: "The request is too large",
    415: "The body is of a type that is not read here",
    416: "There is no such range",
    421: "This server is not called so",
    429: "Too many requests",
    500: "The server made a mistake",
    501: "The server lacks a library",
    502: "Another server does not answer",
    503: "The server took too long, or ends",
    507: "There is no room for it",
}


_MOST = 4_000
"""Characters of a text in a problem document."""


class Problem(Exception):
    """An answer that is not the one that was asked for.

    Args:
        status: of HTTP.
        detail: what is wrong and what to do, in a sentence.
        about: further members: `field`, `value`, `position`, `hint` …
        headers: of the answer.
    """

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **about: Any
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.about = about
        self.headers = dict(headers or {})

    def document(self, request_id: str) -> dict[str, Any]:
        """What is sent."""
        return {
            "type": "about:blank", "title": TITLES.get(self.status, "It did not work"), "status": self.status,
            "detail": self.detail, **self.about, "request_id": request_id,
        }  # fmt: skip


def of(error: Exception) -> Problem | None:
    """The problem that an error is to the caller; None: a fault of ours."""
    if isinstance(error, Problem):
        return error
    for kind, status in STATUSES:
        if isinstance(error, kind) and isinstance(error, errors.RunloreError):
            packed = problems.pack(error)
            about = {name: _cut(value) if isinstance(value, str) else value for name, value in packed.items()}
            problem = Problem(status, about.pop("detail"))
            problem.about = about
            return problem
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return Problem(507, f"the server could not do it: {reason_of(error)}. Ask again when there is room")
    return None


def _cut(text: str) -> str:
    """A message may quote what the caller sent, of any length."""
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
