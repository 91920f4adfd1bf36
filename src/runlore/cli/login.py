"""`login` and `logout`: which token a server is shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runlore.cli import _streams
from runlore.cli._command import command
from runlore.cli._options import argument, flag, json_option
from runlore.cli._output import note, print_json, say
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from runlore.remote.address import Address

_server_argument = argument(
    "server", metavar="URL", help="The server, such as https://host; by default RUNLORE_STORE.", required=False
)


@command("login")
@_server_argument
@flag("--token-stdin", help="Read the token from stdin instead of asking for it.")
@json_option
def login(server: str | None, token_stdin: bool, json: bool) -> None:
    """Keep the token of a server, so that every command and program of yours shows it there.

    The token is tried first. It is kept in a file that only you can read, and shown to that server alone.

    \b
    Examples:
      runlore login https://ml.example.com
      pass show runlore | runlore login https://ml.example.com --token-stdin
    """
    from runlore.remote import tokens

    address = _address(server)
    tokens.check_private(address)
    token = tokens.check_token(_read_token(address, stdin=token_stdin), "the token")
    if not token:
        raise InvalidArgument("the token is empty; nothing was kept")
    _try(address, token)
    where = tokens.keep(address, token)
    if json:
        print_json({"server": str(address), "file": where})
    else:
        say(f"the token of {address} is kept in {where}")


@command("logout")
@_server_argument
@json_option
def logout(server: str | None, json: bool) -> None:
    """Forget the token of a server.

    \b
    Examples:
      runlore logout https://ml.example.com
    """
    from runlore.remote import tokens

    address = _address(server)
    forgotten = tokens.forget(address)
    if json:
        print_json({"server": str(address), "forgotten": forgotten})
    elif forgotten:
        say(f"the token of {address} is forgotten")
    else:
        note(f"no token of {address} was kept")


def _address(server: str | None) -> Address:
    from runlore.config import store_address
    from runlore.remote.address import Address

    address = server if server is not None else store_address()
    if "://" not in address:
        raise InvalidArgument(f"URL {address!r} is no address of a server; name one, such as https://ml.example.com")
    return Address.parse(address, "URL")


def _read_token(address: Address, *, stdin: bool) -> str:
    if stdin:
        return _streams.read_stdin().read(1 << 20).decode("utf-8", "replace").strip()
    if not sys.stdin.isatty():
        raise InvalidArgument("there is no terminal to ask for the token; give it with --token-stdin")
    return str(click.prompt(f"Token of {address}", hide_input=True, default="", show_default=False, err=True)).strip()


def _try(address: Address, token: str) -> None:
    """See that the server takes the token.

    Raises:
        NotAllowed: it does not.
        NotReachable: it does not answer.
    """
    from runlore.remote.connection import Server

    server = Server(address, token=token)
    server.ask("index/experiments", {"pattern": "login"})
    server.close()
