"""Sessions, as browsers have them: how long they last, and what shows that a change comes from a page of ours."""

from __future__ import annotations

import hashlib

SESSION_S = 14 * 86_400.0
"""How long one who signed in stays so."""


def csrf_of(session: str) -> str:
    """What a page shows with each change, which no other page can know; of the digest of a session."""
    return hashlib.sha256(f"csrf {session}".encode()).hexdigest()
