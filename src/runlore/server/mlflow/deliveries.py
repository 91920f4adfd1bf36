"""Sending webhooks: signed, in the background, again where it failed, and only to addresses that an admin named.

Requests that change the registry do not wait for it. What was not delivered when the server ends is lost, and so is
what failed for good: both are said in the log. The signature is that of MLflow: a receiver checks

    X-MLflow-Signature = "v1," + base64(HMAC-SHA256(secret, delivery id + "." + timestamp + "." + body))
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import logging
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from runlore.server.outgoing import is_allowed, read_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runlore.server.mlflow.webhooks import Event, Webhook

TIMEOUT_S = 10.0
ATTEMPTS = 4
PAUSE_S = 1.0
"""Before the second attempt; twice as long before each further one."""

MOST_WAITING = 1_000
_MOST_READ = 4_000
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_log = logging.getLogger("runlore.server.webhooks")


class Answer(NamedTuple):
    """How a receiver answered.

    Attributes:
        status: of HTTP; 0: it did not.
        text: the beginning of its body, or why there is none.
    """

    status: int
    text: str

    @property
    def is_good(self) -> bool:
        """Whether it was delivered."""
        return 200 <= self.status < 300


def signature(secret: str, delivery: str, timestamp: str, body: bytes) -> str:
    """What proves to a receiver that a message comes from who knows its secret."""
    signed = f"{delivery}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()


def message_of(event: Event, data: Mapping[str, Any]) -> bytes:
    """What a receiver gets."""
    return json.dumps({
        "entity": event.entity.lower(), "action": event.action.lower(),
        "timestamp": datetime.now(timezone.utc).isoformat(), "data": data,
    }).encode()  # fmt: skip


def send(webhook: Webhook, body: bytes, allowed: Sequence[str], delivery: str) -> Answer:
    """Send a message once. No redirect is followed, and no proxy of the environment is used."""
    if not is_allowed(webhook.url, allowed):
        return Answer(
            0, "this server may not send to that address; an admin starts it with --webhooks and its beginning"
        )
    address, timestamp = read_address(webhook.url), str(int(time()))
    headers = {
        "content-type": "application/json", "x-mlflow-delivery-id": delivery, "x-mlflow-timestamp": timestamp,
        "user-agent": "runlore",
    }  # fmt: skip
    if webhook.secret:
        headers["x-mlflow-signature"] = signature(webhook.secret, delivery, timestamp, body)
    connection: http.client.HTTPConnection
    if address.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(address.host, address.port, timeout=TIMEOUT_S, context=context)
    else:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", address.path + (f"?{address.query}" if address.query else ""), body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(_MOST_READ).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, f"{type(error).__name__}: {error}")
    finally:
        connection.close()


class Deliveries:
    """What is being sent. Threads may share it; they start with the first message."""

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="runlore-webhooks")
        self._waiting = 0
        self._lock = threading.Lock()

    def tell(self, webhook: Webhook, event: Event, data: Mapping[str, Any], allowed: Sequence[str]) -> None:
        """Send a message in the background, to an address that is one of those allowed."""
        with self._lock:
            if self._waiting >= MOST_WAITING or self._ending.is_set():
                _log.error("webhook %s is not told of %s: %s messages wait already", webhook.id, event, self._waiting)
                return
            self._waiting += 1
        self._pool.submit(self._deliver, webhook, event, message_of(event, data), allowed)

    def _deliver(self, webhook: Webhook, event: Event, body: bytes, allowed: Sequence[str]) -> None:
        try:
            delivery, answer = str(uuid4()), Answer(0, "the server ends")
            for attempt in range(ATTEMPTS):
                if attempt and self._ending.wait(PAUSE_S * 2 ** (attempt - 1)):
                    break
                answer = send(webhook, body, allowed, delivery)
                if answer.is_good or answer.status not in {0, *_TRY_AGAIN} or not is_allowed(webhook.url, allowed):
                    break
            if not answer.is_good:
                _log.error("webhook %s was not told of %s: %s %s", webhook.id, event, answer.status, answer.text[:200])
        finally:
            with self._lock:
                self._waiting -= 1

    def close(self) -> None:
        """Let those go that wait; what is being sent ends within its timeout."""
        self._ending.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
