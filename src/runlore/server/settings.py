"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass

from runlore.errors import InvalidArgument
from runlore.server.outgoing import check_beginning

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server runs.

    Attributes:
        store: address of the store that is served.
        host: address to listen on.
        port: to listen on; 0: any that is free.
        base_path: before every path, such as `/runlore` behind a proxy; empty: none.
        workers: processes.
        allowed_hosts: names under which it may be called besides the one it listens on; `*`: any.
        max_body_bytes: of a request that is read as a whole; uploads are streamed and have their own limit.
        max_upload_bytes: of contents that are sent.
        index_age_s: how old what is known of runs may be.
        series_cache_bytes: of series that were read for charts, in each worker.
        console_cache_bytes: of consoles that were read, in each worker.
        slow_client_s: seconds that a client may take between two pieces of a request.
        max_requests: that a worker answers at once.
        log_format: `text` or `json`.
        webhooks: beginnings of the addresses to which the server may send messages by itself, as those of webhooks.
        accounts: where they are: a path, or `postgresql://…`; None: there are none, and everybody may do all.
        oidc_issuer: the provider with whom one may sign in; None: there is none.
        oidc_client: the id under which it knows this server.
        oidc_groups_claim: the claim of its tokens that has names of teams.
        oidc_userinfo: whether its userinfo endpoint is asked where its tokens say nothing of groups.
        rate_limit: requests a second that one token may send, to all workers together; None: as many as it likes.
        tls_certificate: file with the certificate and those between it and its authority, PEM; None: no TLS.
        tls_key: file with its key, PEM; None: it is in the file of the certificate.
    """

    store: str
    host: str = "127.0.0.1"
    port: int = 5005
    base_path: str = ""
    workers: int = 1
    allowed_hosts: tuple[str, ...] = ()
    max_body_bytes: int = 64 << 20
    max_upload_bytes: int = 1 << 40
    index_age_s: float = 0.5
    series_cache_bytes: int = 512 << 20
    console_cache_bytes: int = 64 << 20
    slow_client_s: float = 60.0
    max_requests: int = 1_000
    log_format: str = "text"
    accounts: str | None = None
    webhooks: tuple[str, ...] = ()
    oidc_issuer: str | None = None
    oidc_client: str = ""
    oidc_groups_claim: str = "groups"
    oidc_userinfo: bool = False
    rate_limit: float | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None

    def __post_init__(self) -> None:
        if self.base_path and (not self.base_path.startswith("/") or self.base_path.endswith("/")):
            raise InvalidArgument(
                f"base_path={self.base_path!r} should begin with a slash and not end with one, such as '/runlore'"
            )
        if not 0 <= self.port <= 65_535:
            raise InvalidArgument(f"port={self.port} should be from 0 (any that is free) to 65535")
        for beginning in self.webhooks:
            check_beginning(beginning)
        if self.workers < 1:
            raise InvalidArgument(f"workers={self.workers} should be at least 1")
        if self.rate_limit is not None and not 0 < self.rate_limit < 1e6:
            raise InvalidArgument(f"rate_limit={self.rate_limit} should be a number of requests a second above 0")
        if self.tls_key is not None and self.tls_certificate is None:
            raise InvalidArgument("a key without a certificate was given; add --ssl-certfile")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK
