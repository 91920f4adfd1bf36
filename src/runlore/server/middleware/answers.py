"""Errors as answers: problem documents for all of them, also for addresses that there are not."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

from runlore.server import problems
from runlore.server.endpoint import REFUSAL
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

log = logging.getLogger("runlore.server")


def answer(problem: Problem, request_id: str) -> Response:
    """A problem as a response."""
    content = json.dumps(problem.document(request_id), separators=(",", ":")).encode("ascii")
    return Response(content, problem.status, problem.headers, problems.MEDIA_TYPE)


def _respond(request: Request, problem: Problem) -> Response:
    """A problem as a response, in the form of the endpoint that was reached."""
    refusal = request.scope.get(REFUSAL)
    if refusal is not None:
        response: Response = refusal(problem)
        return response
    return answer(problem, request.scope.get("request_id", ""))


async def _of_ours(request: Request, error: Exception) -> Response:
    problem = problems.of(error)
    if problem is None:
        raise error
    hide = request.app.state.context.without_place
    problem.detail = hide(problem.detail)
    if "message" in problem.about:
        problem.about["message"] = hide(problem.about["message"])
    return _respond(request, problem)


async def _of_starlette(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    if status == 404:
        problem = Problem(404, f"there is nothing at {request.url.path[:200]!r}")
    elif status == 405:
        problem = Problem(405, f"{request.url.path[:200]!r} does not take {request.method}", headers=error.headers)  # type: ignore[attr-defined]
    else:
        problem = Problem(status, str(getattr(error, "detail", "")))
    return answer(problem, request.scope.get("request_id", ""))


async def _fault(request: Request, error: Exception) -> Response:
    request_id = request.scope.get("request_id", "")
    log.error("request %s: %s %s failed", request_id, request.method, request.url.path, exc_info=error)
    return _respond(request, Problem(500, f"this is a fault of the server; its log has request {request_id}"))


HANDLERS = {
    HTTPException: _of_starlette,
    Problem: _of_ours,
    **dict.fromkeys((kind for kind, _ in problems.STATUSES), _of_ours),
    OSError: _of_ours,
    Exception: _fault,
}
