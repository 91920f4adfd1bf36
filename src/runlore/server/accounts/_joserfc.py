"""ID tokens: signatures by joserfc, and what OpenID Connect wants of claims. The one module that knows that library."""

from __future__ import annotations

from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import JoseError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a provider's own key. None of a shared secret, and not `none`."""
LEEWAY_S = 60
"""How far the provider's clock may be off."""


class NotValid(Exception):
    """The token is not the provider's, or not for this sign-in. The text says why, and has nothing of the token."""


def claims_of(token: str, keys: dict[str, Any], *, issuer: str, client: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token.

    Args:
        token: as the provider gave it.
        keys: its keys, as `jwks_uri` has them.
        issuer: who has to have made it.
        client: for whom.
        nonce: for which sign-in.

    Raises:
        NotValid: it is none, or for somebody else, or is too old.
    """
    try:
        known = jwk.KeySet.import_key_set(keys)  # type: ignore[arg-type]
        claims = dict(jwt.decode(token, known, algorithms=list(ALGORITHMS)).claims)
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S, iss={"essential": True, "value": issuer}, aud={"essential": True, "value": client},
            exp={"essential": True}, iat={"essential": True}, sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)  # fmt: skip
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise NotValid(f"the provider's ID token is not valid: {type(error).__name__}") from None
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (several or "azp" in claims) and claims.get("azp") != client:
        raise NotValid("the provider's ID token is for another program")
    return claims
