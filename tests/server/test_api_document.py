"""docs/reference/api.md names every endpoint of the native API, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from runlore.server.native.endpoints import ENDPOINTS

PAGE = (Path(__file__).parents[2] / "docs/reference/api.md").read_text("utf-8")


def test_every_endpoint_is_described():
    served = {f"{endpoint.method} " + re.sub(r":\w+\}", "}", endpoint.path) for endpoint in ENDPOINTS}
    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", PAGE, re.MULTILINE)) == served
