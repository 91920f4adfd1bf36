"""Asking another server for JSON, by httpx: nothing is followed, and no answer is longer than it may be."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx

from runlore.errors import NotReachable

TIMEOUT_S = 10.0
MOST_BYTES = 1 << 20


class Asker:
    """Keeps connections. Threads may share it."""

    def __init__(self) -> None:
        self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, headers={"accept": "application/json"})

    def ask(
        self, method: str, address: str, form: dict[str, str] | None = None, *, bearer: str | None = None
    ) -> tuple[int, dict[str, Any]]:  # fmt: skip
        """Status and JSON object of an answer.

        Args:
            method: of HTTP.
            address: to ask at.
            form: what is sent.
            bearer: a token that is shown.

        Raises:
            NotReachable: there is none, or it is none of the kind.
        """
        try:
            shown = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
            with self._client.stream(method, address, data=form, headers=shown) as answer:
                found = json.loads(_read(answer) or b"{}")
                status = answer.status_code
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise NotReachable(f"the provider does not answer at {place_of(address)}: {type(error).__name__}") from None
        if not isinstance(found, dict):
            raise NotReachable(f"the provider answers nonsense at {place_of(address)}")
        return status, found

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


def place_of(address: str) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


def _read(answer: httpx.Response) -> bytes:
    raw = b""
    for piece in answer.iter_bytes():
        raw += piece
        if len(raw) > MOST_BYTES:
            raise ValueError("too long")
    return raw
