"""What the server can do, as MLflow's clients ask for it."""

from __future__ import annotations

from typing import Any

from starlette.responses import PlainTextResponse, Response

from runlore.server.endpoint import OPEN
from runlore.server.mlflow.message import Message, endpoint

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
        "features_enabled": [],
    }  # fmt: skip


ENDPOINTS = (
    endpoint("GET", "/server-info", server_info, "Which optional parts of the protocol there are.", OPEN),
    endpoint("GET", "/version", version, "Which MLflow this speaks like.", OPEN, prefix=""),
)
