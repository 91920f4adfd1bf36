"""Which calls of MLflow's protocol the audit log tells of: those that change or remove what is nobody's recording."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from runlore.server.endpoint import ADMIN, WRITE

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

_REMOVING = ("/delete", "/delete-runs", "/delete-traces", "/restore")
_MANAGED = (
    "/experiments/update", "/experiments/set-experiment-tag", "/experiments/delete-experiment-tag",
    "/registered-models/", "/model-versions/",
)  # fmt: skip
_MOST = 500


def is_audited(method: str, path: str, needs: str) -> bool:
    """Whether calls of an endpoint are told of."""
    if needs == ADMIN:
        return method != "GET"
    return needs == WRITE and (method == "DELETE" or path.endswith(_REMOVING) or path.startswith(_MANAGED))


def named(call: Call) -> str:
    """What was changed: as the client named it, but for its secrets."""
    if not call.raw:
        return call.request.url.query[:_MOST]
    said = json.loads(call.raw)
    return json.dumps({name: value for name, value in said.items() if name != "secret"}, ensure_ascii=False)[:_MOST]
