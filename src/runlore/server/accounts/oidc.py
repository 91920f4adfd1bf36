"""Signing in with a provider of OpenID Connect: the authorization code flow, with PKCE, state and nonce.

The provider is asked at addresses of its own alone: those of its discovery document, which have to be HTTPS; no answer
leads elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from runlore.errors import InvalidArgument, MissingDependency, NotReachable
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_VARIABLE = "RUNLORE_OIDC_CLIENT_SECRET"  # noqa: S105 - the name of it
"""Environment variable with the client's secret; not there: a public client, which PKCE suffices."""
DISCOVERY = "/.well-known/openid-configuration"
FRESH_S = 600.0
"""How long the discovery document and the keys are kept."""
ASKED_AGAIN_S = 10.0
"""Keys are asked for anew where a token has one that is not known, but not more often than that."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class ProviderSettings:
    """Which provider, and what of its claims counts.

    Attributes:
        issuer: its address, as its tokens have it.
        client: id under which this server is registered there.
        groups_claim: name of the claim that has groups: their names are those of teams.
        scopes: what is asked for.
        asks_userinfo: ask the provider's userinfo endpoint for the groups where its token says nothing of them.
    """

    issuer: str
    client: str
    groups_claim: str = "groups"
    scopes: str = "openid profile email"
    asks_userinfo: bool = False

    def __post_init__(self) -> None:
        if not _is_safe(self.issuer):
            raise InvalidArgument(f"--oidc-issuer {self.issuer!r} should be an address with https://")
        if not self.client:
            raise InvalidArgument("--oidc-client should be the id under which the provider knows this server")


@dataclass(frozen=True)
class Identity:
    """Who the provider says it is.

    Attributes:
        issuer, subject: together they name somebody for ever.
        name: as the provider calls them.
        groups: names of groups; None: it said nothing of them.
    """

    issuer: str
    subject: str
    name: str
    groups: tuple[str, ...] | None


@dataclass(frozen=True)
class Begun:
    """A sign-in that was sent to the provider.

    Attributes:
        state, nonce, verifier: secrets of it.
        address: where the browser goes.
    """

    state: str
    nonce: str
    verifier: str
    address: str


class Provider:
    """See the module. Threads may share it.

    Raises:
        MissingDependency: joserfc or httpx are not installed.
    """

    def __init__(self, settings: ProviderSettings) -> None:
        try:
            from runlore.server.accounts import _httpx, _joserfc
        except ImportError as error:
            raise MissingDependency(error.name or "joserfc", "oidc", "signing in with a provider") from error
        self._claims_of, self._not_valid = _joserfc.claims_of, _joserfc.NotValid
        self._asker = _httpx.Asker()
        self.settings = settings
        self._secret = os.environ.get(SECRET_VARIABLE, "")
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def begin(self, redirect: str) -> Begun:
        """A new sign-in.

        Args:
            redirect: the address of this server to which the provider sends the browser back.

        Raises:
            NotReachable: the provider does not answer as it should.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode({
            "response_type": "code", "client_id": self.settings.client, "redirect_uri": redirect,
            "scope": self.settings.scopes, "state": state, "nonce": nonce, "code_challenge": challenge,
            "code_challenge_method": "S256",
        })  # fmt: skip
        where = self._endpoint("authorization_endpoint")
        return Begun(state, nonce, verifier, f"{where}{'&' if '?' in where else '?'}{query}")

    def finish(self, code: str, *, verifier: str, nonce: str, redirect: str) -> Identity:
        """Who signed in, by the code that the browser brought back.

        Raises:
            Problem: the code is worth nothing, or the provider's token is not for this sign-in (403).
            NotReachable: the provider does not answer as it should.
        """
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect,
            "client_id": self.settings.client, "code_verifier": verifier,
        }  # fmt: skip
        if self._secret:
            form["client_secret"] = self._secret
        answer = self._ask("POST", self._endpoint("token_endpoint"), form)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Problem(403, "the provider did not confirm the sign-in; begin again")
        claims = self._claims(token, nonce)
        if self.settings.asks_userinfo and self.settings.groups_claim not in claims:
            claims = {**claims, **self._said_of_groups(answer.get("access_token"), str(claims["sub"]))}
        return self._identity(claims)

    def close(self) -> None:
        """Let go of connections."""
        self._asker.close()

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        issuer, client = self.settings.issuer, self.settings.client
        for attempt, age_s in enumerate((FRESH_S, ASKED_AGAIN_S)):  # its keys may have changed since
            keys = self._document(self._endpoint("jwks_uri"), age_s)
            try:
                return self._claims_of(token, keys, issuer=issuer, client=client, nonce=nonce)
            except self._not_valid as error:
                if attempt:
                    raise Problem(403, f"{error}; begin again") from None
        raise AssertionError("unreachable")

    def _said_of_groups(self, access: object, subject: str) -> dict[str, Any]:
        """The claim with groups, as the userinfo endpoint has it; empty where it says nothing of them.

        Raises:
            Problem: what it says is of somebody else (403): tokens may have been exchanged on the way.
            NotReachable: it does not answer as it should.
        """
        if not isinstance(access, str) or not access.isascii() or not access.isprintable():
            raise NotReachable("the provider gave no access token with which its userinfo could be asked")
        said = self._ask("GET", self._endpoint("userinfo_endpoint"), bearer=access)
        if said.get("sub") != subject:
            raise Problem(403, "the provider's userinfo is of somebody else; begin again")
        claim = self.settings.groups_claim
        return {claim: said[claim]} if claim in said else {}

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        names = (claims.get(claim) for claim in ("preferred_username", "email", "sub"))
        groups = claims.get(self.settings.groups_claim)
        known = tuple(sorted({one for one in groups if isinstance(one, str)})) if isinstance(groups, list) else None
        name = next(one for one in names if isinstance(one, str) and one)
        return Identity(self.settings.issuer, str(claims["sub"])[:300], name, known)

    # -- asking ---------------------------------------------------------------------------------------------------

    def _endpoint(self, name: str) -> str:
        about = self._document(self.settings.issuer.rstrip("/") + DISCOVERY, FRESH_S)
        where = about.get(name)
        if about.get("issuer") != self.settings.issuer:
            raise NotReachable(f"{self.settings.issuer} says that it is {str(about.get('issuer'))[:200]!r}")
        if not isinstance(where, str) or not _is_safe(where):
            raise NotReachable(f"{self.settings.issuer} has no {name} with https://")
        return where

    def _document(self, address: str, age_s: float) -> dict[str, Any]:
        with self._lock:
            known = self._known.get(address)
        if known is not None and monotonic() - known[0] < age_s:
            return known[1]
        found = self._ask("GET", address)
        with self._lock:
            self._known[address] = monotonic(), found
        return found

    def _ask(
        self, method: str, address: str, form: dict[str, str] | None = None, *, bearer: str | None = None
    ) -> dict[str, Any]:  # fmt: skip
        status, found = self._asker.ask(method, address, form, bearer=bearer)
        if status == 400 and form is not None:
            raise Problem(403, "the provider did not take the code of the sign-in; begin again")
        if status != 200:
            raise NotReachable(f"the provider answered {status} where {urlsplit(address).path} was asked for")
        return found


def _is_safe(address: str) -> bool:
    """Whether it is HTTPS, or on this machine."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )
