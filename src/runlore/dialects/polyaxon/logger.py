"""`polyaxon_client.logger`: the logger of Polyaxon's client, which programs silence or write to."""

from __future__ import annotations

import logging

__all__ = ["logger"]

logger = logging.getLogger("polyaxon_client")
