"""`polyaxon_client.settings`: what the environment says when it is asked; a value that is set counts instead."""

from __future__ import annotations

import os
from typing import Any

from runlore.dialects._absent import absent_names

SWITCHES = {
    "NO_OP": ("POLYAXON_NO_OP",),
    "IS_OFFLINE": ("POLYAXON_IS_OFFLINE",),
    "IS_MANAGED": ("POLYAXON_IS_MANAGED", "POLYAXON_IN_CLUSTER"),
    "IN_CLUSTER": ("POLYAXON_IN_CLUSTER", "POLYAXON_IS_MANAGED"),
}

_NO_SERVER = "there is no server to talk to; PolyaxonClient(store=path) says where experiments are recorded"
_absent = absent_names(
    __name__,
    {
        **dict.fromkeys(
            ("API_HOST", "API_VERSION", "AUTHENTICATION_TYPE", "HTTP_PORT", "REQUEST_TIMEOUT", "USE_HTTPS",
             "VERIFY_SSL", "WS_PORT", "SECRET_USER_TOKEN", "MAX_UPLOAD_SIZE", "HEALTH_CHECK_INTERVAL"), _NO_SERVER
        ),
        "HASH_LENGTH": "log_data_ref() keeps the whole SHA-256 of contents",
    },
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in SWITCHES:
        return any(is_on(variable) for variable in SWITCHES[name])
    if name == "LOGS_LEVEL":
        return os.environ.get("POLYAXON_LOG_LEVEL") or None
    return _absent(name)


def is_on(variable: str) -> bool:
    """Whether a variable of the environment is a switch that is on."""
    return os.environ.get(variable, "").strip().lower() in ("1", "true", "t", "yes", "y", "on")
