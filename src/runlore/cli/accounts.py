"""`user`, `team`, `token` and `audit`: the accounts of a server, for who can read their database."""

from __future__ import annotations

import datetime as dt
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from runlore.cli import _streams
from runlore.cli._accounts import address_of, open_book, quota_record, quota_text
from runlore.cli._command import Entry, Group, command
from runlore.cli._options import argument, flag, json_option, option, store_option
from runlore.cli._output import Cell, json_line, print_json, say
from runlore.cli._table import Column, print_table
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.server.accounts.book import Book
    from runlore.server.accounts.people import Team, User

accounts_option = option(
    "--accounts", metavar="ADDRESS", help="Where the accounts are; by default RUNLORE_ACCOUNTS, or beside the store."
)
user_argument = argument("user", metavar="USER", help="Name of a user.")
team_argument = argument("team", metavar="TEAM", help="Name of a team.")
path_argument = argument("path", metavar="PATH", help="An experiment, or a glob such as 'vision/**'; '**' is all.")
role_argument = argument("role", metavar="ROLE", help="viewer, editor or admin; none takes the role away.")

user = Group("user", (
    Entry("add", "accounts:add_user", "Add a user; prints its first password, once."),
    Entry("list", "accounts:list_users", "List the users, their teams and roles."),
    Entry("role", "accounts:user_role", "Give a user a role on experiments."),
    Entry("password", "accounts:set_password", "Give a user another password."),
    Entry("disable", "accounts:disable", "Let a user in no more, or again."),
    Entry("remove", "accounts:remove_user", "Remove a user and its tokens."),
), no_args_is_help=True, help="Users of a server: add, list, change, remove.")  # fmt: skip

team = Group("team", (
    Entry("add", "accounts:add_team", "Add a team."),
    Entry("list", "accounts:list_teams", "List the teams, their members and roles."),
    Entry("role", "accounts:team_role", "Give a team a role on experiments."),
    Entry("join", "accounts:join", "Make a user a member."),
    Entry("leave", "accounts:leave", "Make a user no member."),
    Entry("quota", "policies:set_quota", "Say how many bytes and runs a team may have."),
    Entry("remove", "accounts:remove_team", "Remove a team; its members stay."),
), no_args_is_help=True, help="Teams of users: add, list, change, remove.")  # fmt: skip

token = Group("token", (
    Entry("create", "accounts:create_token", "Make a token; prints it, once."),
    Entry("list", "accounts:list_tokens", "List the tokens, and when they were last used."),
    Entry("revoke", "accounts:revoke_token", "Make a token worthless, at once."),
), no_args_is_help=True, help="Tokens of a server: create, list, revoke.")  # fmt: skip


@contextmanager
def opened(store: str | None, accounts: str | None, *, create: bool = False) -> Iterator[Book]:
    """The accounts, for the block."""
    book = open_book(address_of(store, accounts), create=create)
    try:
        yield book
    finally:
        book.close()


def tell(book: Book, action: str, target: str, **detail: Any) -> None:
    """Record in the audit log what was done here."""
    from runlore.server.accounts.audit import CONSOLE

    book.audit.add(CONSOLE, action, target, **detail)


def _roles(who: User | Team) -> str:
    return ", ".join(f"{grant.pattern}: {grant.role}" for grant in who.grants)


def _moment(time_s: float | None) -> str:
    return "" if time_s is None else dt.datetime.fromtimestamp(time_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def done(record: dict[str, Any], text: str, *, json: bool) -> None:
    """Say what was done."""
    if json:
        print_json(record)
    else:
        say(text)


# -- users ------------------------------------------------------------------------------------------------------------


@command("add")
@user_argument
@flag("--service", help="A service: it has tokens, and no password.")
@flag("--admin", help="May do everything, and manage accounts.")
@flag("--password-stdin", help="Read the password from stdin instead of making one.")
@json_option
@accounts_option
@store_option
def add_user(
    user: str, service: bool, admin: bool, password_stdin: bool, json: bool, accounts: str | None, store: str | None
) -> None:
    """Add a user; prints its first password, once.

    \b
    Examples:
      runlore user add ada
      runlore user add trainer --service
    """
    password = None if service else _read_password() if password_stdin else secrets.token_urlsafe(18)
    with opened(store, accounts, create=True) as book:
        book.people.add_user(user, password, is_service=service)
        tell(book, "user.add", user, is_service=service)
        if admin:
            book.people.grant(book.people.user(user), "**", "admin")
            tell(book, "user.role", user, path="**", role="admin")
    done(
        {"user": user, "password": None if service or password_stdin else password},
        f"{user} was added" + ("" if service or password_stdin else f", with the password {password}"),
        json=json,
    )


@command("list")
@json_option
@accounts_option
@store_option
def list_users(json: bool, accounts: str | None, store: str | None) -> None:
    """List the users, their teams and roles.

    \b
    Examples:
      runlore user list
    """
    with opened(store, accounts) as book:
        found = book.people.users()
    if json:
        print_json({"users": [_user_document(one) for one in found]})
        return
    states = ["disabled" if one.is_disabled else "service" if one.is_service else "" for one in found]
    print_table(
        [Column("USER"), Column("TEAMS"), Column("ROLES"), Column("STATE")],
        [[Cell(one.name), Cell(", ".join(one.teams)), Cell(_roles(one)), Cell(state)]
         for one, state in zip(found, states, strict=True)],
    )  # fmt: skip


def _user_document(one: User) -> dict[str, Any]:
    return {
        "name": one.name, "is_service": one.is_service, "is_disabled": one.is_disabled, "teams": list(one.teams),
        "roles": [{"path": grant.pattern, "role": grant.role} for grant in one.grants],
    }  # fmt: skip


@command("role")
@user_argument
@path_argument
@role_argument
@json_option
@accounts_option
@store_option
def user_role(user: str, path: str, role: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Give a user a role on experiments, in place of the one that it has there.

    \b
    Examples:
      runlore user role ada 'vision/**' editor
      runlore user role ada 'vision/**' none
    """
    with opened(store, accounts) as book:
        book.people.grant(book.people.user(user), path, _role(role))
        tell(book, "user.role", user, path=path, role=_role(role))
    done(
        {"user": user, "path": path, "role": _role(role)},
        f"{user} is {role} of {path}" if _role(role) else f"{user} has no role of its own on {path}",
        json=json,
    )


def _role(text: str) -> str | None:
    return None if text == "none" else text


@command("password")
@user_argument
@flag("--password-stdin", help="Read the password from stdin instead of making one.")
@json_option
@accounts_option
@store_option
def set_password(user: str, password_stdin: bool, json: bool, accounts: str | None, store: str | None) -> None:
    """Give a user another password; prints it, once. Who is signed in is signed out.

    \b
    Examples:
      runlore user password ada
    """
    password = _read_password() if password_stdin else secrets.token_urlsafe(18)
    with opened(store, accounts) as book:
        book.people.set_password(user, password)
        tell(book, "user.password", user)
    done(
        {"user": user, "password": None if password_stdin else password},
        f"{user} has another password" + ("" if password_stdin else f": {password}"),
        json=json,
    )


def _read_password() -> str:
    return _streams.read_stdin().read(1 << 16).decode("utf-8", "replace").rstrip("\r\n")


@command("disable")
@user_argument
@flag("--undo", help="Let it in again.")
@json_option
@accounts_option
@store_option
def disable(user: str, undo: bool, json: bool, accounts: str | None, store: str | None) -> None:
    """Let a user in no more, or again: with password, session or token.

    \b
    Examples:
      runlore user disable ada
      runlore user disable ada --undo
    """
    with opened(store, accounts) as book:
        book.people.disable(user, disabled=not undo)
        tell(book, "user.enable" if undo else "user.disable", user)
    done(
        {"user": user, "disabled": not undo},
        f"{user} is let in again" if undo else f"{user} is let in no more",
        json=json,
    )


@command("remove")
@user_argument
@json_option
@accounts_option
@store_option
def remove_user(user: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Remove a user and its tokens. Runs stay, and so does what the audit log says of it.

    \b
    Examples:
      runlore user remove ada
    """
    with opened(store, accounts) as book:
        book.people.remove_user(user)
        tell(book, "user.remove", user)
    done({"user": user}, f"{user} was removed", json=json)


# -- teams ------------------------------------------------------------------------------------------------------------


@command("add")
@team_argument
@json_option
@accounts_option
@store_option
def add_team(team: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Add a team, without members and roles.

    \b
    Examples:
      runlore team add vision
    """
    with opened(store, accounts, create=True) as book:
        book.people.add_team(team)
        tell(book, "team.add", team)
    done({"team": team}, f"{team} was added", json=json)


@command("list")
@json_option
@accounts_option
@store_option
def list_teams(json: bool, accounts: str | None, store: str | None) -> None:
    """List the teams, their members and roles, and how much of their quota they have.

    \b
    Examples:
      runlore team list
    """
    with opened(store, accounts) as book:
        found = book.people.teams()
        quotas = {quota.team: quota for quota in book.quotas.all()}
    if json:
        roles = [[{"path": grant.pattern, "role": grant.role} for grant in one.grants] for one in found]
        print_json({"teams": [
            {"name": one.name, "members": list(one.members), "roles": own, "quota": quota_record(quotas[one.name])}
            for one, own in zip(found, roles, strict=True)
        ]})  # fmt: skip
        return
    print_table(
        [Column("TEAM"), Column("MEMBERS"), Column("ROLES"), Column("HAS")],
        [[Cell(one.name), Cell(", ".join(one.members)), Cell(_roles(one)), Cell(quota_text(quotas[one.name]))]
         for one in found],
    )  # fmt: skip


@command("role")
@team_argument
@path_argument
@role_argument
@json_option
@accounts_option
@store_option
def team_role(team: str, path: str, role: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Give a team a role on experiments: all of its members have it.

    \b
    Examples:
      runlore team role vision 'vision/**' editor
    """
    with opened(store, accounts) as book:
        book.people.grant(book.people.team(team), path, _role(role))
        tell(book, "team.role", team, path=path, role=_role(role))
    done(
        {"team": team, "path": path, "role": _role(role)},
        f"{team} is {role} of {path}" if _role(role) else f"{team} has no role on {path}",
        json=json,
    )


@command("join")
@team_argument
@user_argument
@json_option
@accounts_option
@store_option
def join(team: str, user: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Make a user a member of a team.

    \b
    Examples:
      runlore team join vision ada
    """
    with opened(store, accounts) as book:
        book.people.join(team, user)
        tell(book, "team.join", team, user=user)
    done({"team": team, "user": user, "member": True}, f"{user} is a member of {team}", json=json)


@command("leave")
@team_argument
@user_argument
@json_option
@accounts_option
@store_option
def leave(team: str, user: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Make a user no member of a team.

    \b
    Examples:
      runlore team leave vision ada
    """
    with opened(store, accounts) as book:
        book.people.join(team, user, member=False)
        tell(book, "team.leave", team, user=user)
    done({"team": team, "user": user, "member": False}, f"{user} is no member of {team}", json=json)


@command("remove")
@team_argument
@json_option
@accounts_option
@store_option
def remove_team(team: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Remove a team; its members stay, without the roles that they had by it.

    \b
    Examples:
      runlore team remove vision
    """
    with opened(store, accounts) as book:
        book.people.remove_team(team)
        tell(book, "team.remove", team)
    done({"team": team}, f"{team} was removed", json=json)


# -- tokens and audit -------------------------------------------------------------------------------------------------


@command("create")
@user_argument
@option("--name", metavar="TEXT", default="command line", help="What it is for.")
@option(
    "--scope", "scopes", metavar="SCOPE", multiple=True, default=("read", "write"),
    type=click.Choice(["read", "write", "admin"]),
    help="What it may be used for, at most; repeat it for several. write alone suits a training job.",
)  # fmt: skip
@option("--days", metavar="N", type=float, help="For how many days it holds; by default until it is revoked.")
@json_option
@accounts_option
@store_option
def create_token(
    user: str,
    name: str,
    scopes: tuple[str, ...],
    days: float | None,
    json: bool,
    accounts: str | None,
    store: str | None,
) -> None:
    """Make a token of a user's; prints it, once. Its roles are those of the user.

    \b
    Examples:
      runlore token create ada --name laptop --days 90
      runlore token create trainer --name cluster --scope write
    """
    with opened(store, accounts) as book:
        made, text = book.keys.make_token(book.people.user(user), name, scopes, days)
        tell(book, "token.create", made.id, user=user, name=name, scopes=list(made.scopes))
    done({"id": made.id, "user": user, "name": name, "token": text}, text, json=json)


@command("list")
@json_option
@accounts_option
@store_option
def list_tokens(json: bool, accounts: str | None, store: str | None) -> None:
    """List the tokens, and when they were last used. What makes them tokens is kept nowhere.

    \b
    Examples:
      runlore token list
    """
    with opened(store, accounts) as book:
        found = book.keys.tokens()
    if json:
        print_json({"tokens": [
            {"id": one.id, "user": one.user, "name": one.name, "scopes": list(one.scopes), "created": one.created_s,
             "expires": one.expires_s, "used": one.used_s}
            for one in found
        ]})  # fmt: skip
        return
    print_table(
        [Column(name, whole=name == "ID") for name in ("ID", "USER", "NAME", "SCOPES", "EXPIRES", "LAST USED")],
        [[Cell(one.id), Cell(one.user), Cell(one.name), Cell(" ".join(one.scopes)), Cell(_moment(one.expires_s)),
          Cell(_moment(one.used_s))] for one in found],
    )  # fmt: skip


@command("revoke")
@argument("token", metavar="ID", help="Of the token, as `runlore token list` shows it.")
@json_option
@accounts_option
@store_option
def revoke_token(token: str, json: bool, accounts: str | None, store: str | None) -> None:
    """Make a token worthless, at once.

    \b
    Examples:
      runlore token revoke 0123456789abcdef
    """
    if "_" in token:
        raise InvalidArgument("name a token by its id, the 16 digits between the first two underscores of it")
    with opened(store, accounts) as book:
        book.keys.revoke(token)
        tell(book, "token.revoke", token)
    done({"id": token}, f"{token} is worth nothing any more", json=json)


@command("audit")
@option("--after", metavar="ID", type=click.IntRange(min=0), default=0, help="Only what came after this entry.")
@json_option
@accounts_option
@store_option
def audit(after: int, json: bool, accounts: str | None, store: str | None) -> None:
    """Who did what on a server, the oldest first; with --json a line of JSON for each, for other programs.

    \b
    Examples:
      runlore audit
      runlore audit --json > audit.jsonl
    """
    with opened(store, accounts) as book:
        for entry in book.audit.entries(after):
            if json:
                _streams.write(json_line(vars(entry)))
            else:
                detail = " ".join(f"{key}={value}" for key, value in entry.detail.items())
                said = f"{entry.id} {_moment(entry.time_s)} {entry.actor} {entry.action} {entry.target} {detail}"
                say(f"{said} {entry.client}".rstrip())
