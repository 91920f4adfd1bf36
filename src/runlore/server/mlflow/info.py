"""What the server can do, as MLflow's clients ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response

from runlore.server.endpoint import OPEN, SIGNED_IN, Endpoint
from runlore.server.mlflow.message import Message, MlflowError, endpoint, refuse

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

SPOKEN = "3.18.0"
"""The version of MLflow whose clients this was tried with."""


def version(message: Message) -> Response:  # noqa: ARG001 - every handler gets it
    """Which MLflow this speaks like."""
    return PlainTextResponse(SPOKEN)


def server_info(message: Message) -> dict[str, Any]:  # noqa: ARG001 - as above
    """Which optional parts of the protocol there are."""
    return {
        "store_type": "SqlStore", "artifact_serving_enabled": True, "workspaces_enabled": False,
        "trace_archival_enabled": False, "multipart_uploads_enabled": False, "multipart_downloads_enabled": False,
        "artifacts_presigned_only": False, "features_enabled": {"gateway": False, "scheduled_issue_detection": False},
    }  # fmt: skip


def unknown(call: Call) -> Response:
    """What this server does not have, said so that MLflow's clients understand it; the body is not read."""
    path = call.request.path_params.get("rest", "graphql")
    return refuse(MlflowError(f"there is nothing at {path[:200]!r} on this server", "ENDPOINT_NOT_FOUND"))


UNKNOWN = tuple(
    Endpoint(method, path, unknown, "What there is not.", SIGNED_IN, problems=[404])
    for path, methods in (
        ("/{root:mlflow_root}/{rest:path}", ("GET", "POST", "PUT", "PATCH", "DELETE")),
        ("/graphql", ("GET", "POST")),  # of MLflow's own page
    )
    for method in methods
)
"""Answers last, where nothing else does."""

ENDPOINTS = (
    endpoint("GET", "/server-info", server_info, "Which optional parts of the protocol there are.", OPEN),
    endpoint("GET", "/version", version, "Which MLflow this speaks like.", OPEN, prefix=""),
)
