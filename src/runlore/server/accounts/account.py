"""One's own account: who one is, password, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runlore.errors import NotAllowed
from runlore.server.accounts.access import Accounts, client_of
from runlore.server.accounts.sessions import csrf_of
from runlore.server.caller import SCOPES
from runlore.server.endpoint import ADMIN, SIGNED_IN, Endpoint
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.accounts.keys import Token
    from runlore.server.caller import Grant
    from runlore.server.endpoint import Call


class Role(msgspec.Struct):
    """A role on the experiments that a glob matches."""

    path: str
    role: str


class Account(msgspec.Struct):
    """Who asks. `csrf` is what a page sends as `X-CSRF-Token`; null where the caller came with a token."""

    name: str
    is_admin: bool
    roles: list[Role]
    scopes: list[str]
    csrf: str | None


class TokenInfo(msgspec.Struct):
    """A token, without what makes it one. Times are ms since 1970 UTC."""

    id: str
    user: str
    name: str
    scopes: list[str]
    created_ms: float
    expires_ms: float | None
    used_ms: float | None


class Tokens(msgspec.Struct):
    """Tokens, the newest first."""

    tokens: list[TokenInfo]


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """A token to be made: what it is for, what it may be used for, and for how many days."""

    name: str
    scopes: list[str] = msgspec.field(default_factory=lambda: ["read", "write"])
    days: float | None = None


class MadeToken(msgspec.Struct):
    """A new token: `token` is shown now and never again."""

    token: str
    about: TokenInfo


class NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    """Another password, and the one so far."""

    old: str
    new: str


def accounts_of(call: Call) -> Accounts:
    """The accounts of the server.

    Raises:
        Problem: it has none (404).
    """
    access = call.context.access
    if not isinstance(access, Accounts):
        raise Problem(404, "this server has no accounts; start it with --accounts")
    return access


def tell(call: Call, action: str, target: str = "", **detail: object) -> None:
    """Record in the audit log what the caller did."""
    name = str(call.context.caller.name)
    accounts_of(call).book.audit.add(name, action, target, client_of(call.request), **detail)


def role_of(grant: Grant) -> Role:
    """A role as it is sent."""
    return Role(grant.pattern, grant.role)


def token_of(token: Token) -> TokenInfo:
    """A token as it is sent."""
    return TokenInfo(
        token.id, token.user, token.name, list(token.scopes), token.created_s * 1e3,
        None if token.expires_s is None else token.expires_s * 1e3,
        None if token.used_s is None else token.used_s * 1e3,
    )  # fmt: skip


def account(call: Call) -> Account:
    """Who asks."""
    accounts_of(call)
    caller = call.context.caller
    csrf = None if caller.session is None else csrf_of(caller.session)
    scopes = [scope for scope in SCOPES if scope in caller.scopes]
    return Account(str(caller.name), caller.may_everywhere(ADMIN), list(map(role_of, caller.grants)), scopes, csrf)


def set_password(call: Call) -> None:
    """Choose another password."""
    told: NewPassword = call.body
    accounts, name = accounts_of(call), str(call.context.caller.name)
    _no_token(call)
    if accounts.by_password(call.request, name, told.old) is None:
        raise NotAllowed("the old password is wrong; nothing was changed")
    accounts.book.people.set_password(name, told.new)
    tell(call, "user.password", name)


def tokens(call: Call) -> Tokens:
    """The caller's own tokens."""
    book = accounts_of(call).book
    return Tokens(list(map(token_of, book.keys.tokens(call.context.caller.name))))


def make_token(call: Call) -> MadeToken:
    """A new token of the caller's."""
    told: NewToken = call.body
    book, caller = accounts_of(call).book, call.context.caller
    _no_token(call)
    more = set(told.scopes) & set(SCOPES) - caller.scopes
    if more:
        raise NotAllowed(f"scopes={sorted(more)} are more than you may use yourself")
    made, text = book.keys.make_token(book.people.user(str(caller.name)), told.name, told.scopes, told.days)
    tell(call, "token.create", made.id, name=made.name, scopes=list(made.scopes))
    return MadeToken(text, token_of(made))


def revoke_token(call: Call) -> None:
    """Make a token of the caller's worthless."""
    _no_token(call)
    accounts_of(call).book.keys.revoke(call.path("id"), call.context.caller.name)
    tell(call, "token.revoke", call.path("id"))


def _no_token(call: Call) -> None:
    """A token that leaked must not be able to make another one that stays."""
    caller = call.context.caller
    if caller.token is not None and ADMIN not in caller.scopes:
        raise NotAllowed("a token may not change the account that it is of; sign in, or use one of scope admin")


ENDPOINTS = (
    Endpoint("GET", "/account", account, "Who one is, and which roles one has.", SIGNED_IN, answer=Account,
             problems=[404]),
    Endpoint(
        "POST", "/account/password", set_password, "Choose another password.", SIGNED_IN, body=NewPassword,
        problems=[404, 429], example={"old": "the old password", "new": "another password"},
    ),
    Endpoint("GET", "/account/tokens", tokens, "One's own tokens.", SIGNED_IN, answer=Tokens, problems=[404]),
    Endpoint(
        "POST", "/account/tokens", make_token, "Make a token; it is shown once.", SIGNED_IN, body=NewToken,
        answer=MadeToken, problems=[404], example={"name": "cluster", "scopes": ["write"], "days": 90},
    ),
    Endpoint("DELETE", "/account/tokens/{id}", revoke_token, "Make a token worthless.", SIGNED_IN, problems=[404]),
)  # fmt: skip
