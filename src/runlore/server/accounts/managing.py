"""What an admin of everything does: users, teams, roles, everybody's tokens, and reading the audit log."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import StreamingResponse

from runlore.server.accounts.account import Role, Tokens, accounts_of, role_of, tell, token_of
from runlore.server.endpoint import ADMIN, Endpoint, Parameter, dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.server.accounts.quotas import Quota
    from runlore.server.endpoint import Call

LINES = "application/x-ndjson"


class UserInfo(msgspec.Struct):
    """A user. Roles are its own, without those of its teams."""

    name: str
    is_service: bool
    is_disabled: bool
    created_ms: float
    teams: list[str]
    roles: list[Role]


class Users(msgspec.Struct):
    """Users, by name."""

    users: list[UserInfo]


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user to be added; a service has tokens and no password."""

    name: str
    is_service: bool = False


class MadeUser(msgspec.Struct):
    """A new user, and its first password, which is shown now and never again; null of a service."""

    name: str
    password: str | None


class UserChange(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a user is let in."""

    is_disabled: bool


class Allowance(msgspec.Struct):
    """How much a team may have, null: as much as it likes; and how much it has, null: that was not measured yet."""

    most_bytes: int | None
    most_runs: int | None
    used_bytes: int | None
    used_runs: int | None


class TeamInfo(msgspec.Struct):
    """A team."""

    name: str
    members: list[str]
    roles: list[Role]
    quota: Allowance


class Teams(msgspec.Struct):
    """Teams, by name."""

    teams: list[TeamInfo]


class NewTeam(msgspec.Struct, forbid_unknown_fields=True):
    """A team to be added."""

    name: str


class RoleChange(msgspec.Struct, forbid_unknown_fields=True):
    """A role on experiments; null takes it away."""

    path: str
    role: str | None


def users(call: Call) -> Users:
    """All users."""
    return Users([
        UserInfo(user.name, user.is_service, user.is_disabled, user.created_s * 1e3, list(user.teams),
                 list(map(role_of, user.grants)))
        for user in accounts_of(call).book.people.users()
    ])  # fmt: skip


def add_user(call: Call) -> MadeUser:
    """A new user, without roles."""
    told: NewUser = call.body
    password = None if told.is_service else secrets.token_urlsafe(18)
    accounts_of(call).book.people.add_user(told.name, password, is_service=told.is_service)
    tell(call, "user.add", told.name, is_service=told.is_service)
    return MadeUser(told.name, password)


def change_user(call: Call) -> None:
    """Let a user in no more, or again."""
    told: UserChange = call.body
    accounts_of(call).book.people.disable(call.path("name"), disabled=told.is_disabled)
    tell(call, "user.disable" if told.is_disabled else "user.enable", call.path("name"))


def remove_user(call: Call) -> None:
    """Remove a user and its tokens."""
    accounts_of(call).book.people.remove_user(call.path("name"))
    tell(call, "user.remove", call.path("name"))


def user_role(call: Call) -> None:
    """Give a user a role."""
    told: RoleChange = call.body
    people = accounts_of(call).book.people
    people.grant(people.user(call.path("name")), told.path, told.role)
    tell(call, "user.role", call.path("name"), path=told.path, role=told.role)


def teams(call: Call) -> Teams:
    """All teams."""
    book = accounts_of(call).book
    quotas = {quota.team: allowance_of(quota) for quota in book.quotas.all()}
    return Teams([
        TeamInfo(team.name, list(team.members), list(map(role_of, team.grants)), quotas[team.name])
        for team in book.people.teams() if team.name in quotas
    ])  # fmt: skip


def allowance_of(quota: Quota) -> Allowance:
    """A quota as it is sent."""
    return Allowance(quota.most_bytes, quota.most_runs, quota.used_bytes, quota.used_runs)


def add_team(call: Call) -> None:
    """A new team, without members."""
    told: NewTeam = call.body
    accounts_of(call).book.people.add_team(told.name)
    tell(call, "team.add", told.name)


def remove_team(call: Call) -> None:
    """Remove a team; its members stay."""
    accounts_of(call).book.people.remove_team(call.path("name"))
    tell(call, "team.remove", call.path("name"))


def team_role(call: Call) -> None:
    """Give a team a role."""
    told: RoleChange = call.body
    people = accounts_of(call).book.people
    people.grant(people.team(call.path("name")), told.path, told.role)
    tell(call, "team.role", call.path("name"), path=told.path, role=told.role)


def join(call: Call) -> None:
    """Make a user a member."""
    accounts_of(call).book.people.join(call.path("name"), call.path("user"))
    tell(call, "team.join", call.path("name"), user=call.path("user"))


def leave(call: Call) -> None:
    """Make a user no member."""
    accounts_of(call).book.people.join(call.path("name"), call.path("user"), member=False)
    tell(call, "team.leave", call.path("name"), user=call.path("user"))


def tokens(call: Call) -> Tokens:
    """Everybody's tokens."""
    return Tokens(list(map(token_of, accounts_of(call).book.keys.tokens())))


def revoke(call: Call) -> None:
    """Make anybody's token worthless."""
    accounts_of(call).book.keys.revoke(call.path("id"))
    tell(call, "token.revoke", call.path("id"))


def audit(call: Call) -> StreamingResponse:
    """Who did what, as lines of JSON."""
    after, limit = call.integer("after", 0), call.integer("limit", 10_000, low=1, high=1_000_000)
    entries = accounts_of(call).book.audit.entries(after, limit)

    def lines() -> Iterator[bytes]:
        for entry in entries:
            yield dump({
                "id": entry.id, "time_ms": entry.time_s * 1e3, "actor": entry.actor, "action": entry.action,
                "target": entry.target, "detail": entry.detail, "client": entry.client,
            }) + b"\n"  # fmt: skip

    return StreamingResponse(lines(), media_type=LINES, headers={"cache-control": "no-store"})


def _endpoint(method: str, path: str, function: Callable[[Call], Any], summary: str, **more: Any) -> Endpoint:
    return Endpoint(method, f"/accounts/{path}", function, summary, ADMIN, problems=[404, 409], **more)


_ROLE = {"path": "vision/**", "role": "editor"}

ENDPOINTS = (
    _endpoint("GET", "users", users, "All users.", answer=Users),
    _endpoint("POST", "users", add_user, "Add a user.", body=NewUser, answer=MadeUser, example={"name": "ada"}),
    _endpoint("PATCH", "users/{name}", change_user, "Let a user in no more, or again.", body=UserChange,
              example={"is_disabled": True}),
    _endpoint("DELETE", "users/{name}", remove_user, "Remove a user and its tokens."),
    _endpoint("PUT", "users/{name}/roles", user_role, "Give a user a role.", body=RoleChange, example=_ROLE),
    _endpoint("GET", "teams", teams, "All teams.", answer=Teams),
    _endpoint("POST", "teams", add_team, "Add a team.", body=NewTeam, example={"name": "vision"}),
    _endpoint("DELETE", "teams/{name}", remove_team, "Remove a team."),
    _endpoint("PUT", "teams/{name}/roles", team_role, "Give a team a role.", body=RoleChange, example=_ROLE),
    _endpoint("PUT", "teams/{name}/members/{user}", join, "Make a user a member."),
    _endpoint("DELETE", "teams/{name}/members/{user}", leave, "Make a user no member."),
    _endpoint("GET", "tokens", tokens, "Everybody's tokens.", answer=Tokens),
    _endpoint("DELETE", "tokens/{id}", revoke, "Make anybody's token worthless."),
    _endpoint(
        "GET", "audit", audit, "Who did what, the oldest first, as lines of JSON.", answer=LINES,
        parameters=[
            Parameter("after", "Only what came after the entry with this id.", {"type": "integer", "minimum": 0}),
            Parameter("limit", "At most so many.", {"type": "integer", "minimum": 1, "maximum": 1_000_000}),
        ],
    ),
)  # fmt: skip
