"""`polyaxon_client.exceptions`: what programs catch. `PolyaxonClientException` alone is raised: there is no server."""

from __future__ import annotations

from runlore.errors import RunloreError

__all__ = [
    "AuthenticationError",
    "AuthorizationError",
    "BadGatewayError",
    "BadRequestError",
    "GatewayTimeoutError",
    "NotFoundError",
    "OverLimitError",
    "PolyaxonClientException",
    "PolyaxonHTTPError",
    "PolyaxonShouldExitError",
    "SSLHandshakeError",
    "ServerError",
    "ServiceUnavailableError",
]


class PolyaxonClientException(RunloreError, RuntimeError):
    """Something was asked that only a program can know which the platform started."""


class PolyaxonShouldExitError(PolyaxonClientException):
    """Never raised here."""


class PolyaxonHTTPError(PolyaxonClientException):
    """Never raised here, and neither are those below it."""


class AuthenticationError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class AuthorizationError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class BadGatewayError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class BadRequestError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class GatewayTimeoutError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class NotFoundError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class OverLimitError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class SSLHandshakeError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class ServerError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""


class ServiceUnavailableError(PolyaxonHTTPError):
    """See `PolyaxonHTTPError`."""
