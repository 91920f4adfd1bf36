"""Tokens: from `RUNLORE_TOKEN`, or from the file in which `runlore login` keeps one for each server.

A token is shown to the server that it is for and to nobody else: not over a redirect, and not where others could read
it on the way, which is over `http` to another machine.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from runlore.config import expand_user
from runlore.errors import DamagedFile, InvalidArgument, NotStored
from runlore.json_files import read_json
from runlore.model import new_uid

if TYPE_CHECKING:
    from runlore.remote.address import Address

VARIABLE = "RUNLORE_TOKEN"
_FILE = "tokens.json"
_MOST_BYTES = 1 << 20


def token_of(address: Address) -> str | None:
    """The token that a server is shown, or None.

    Raises:
        InvalidArgument: it has characters that no token has.
        DamagedFile: the file of tokens cannot be read.
    """
    token = os.environ.get(VARIABLE) or (_read().get(str(address)) if address.is_private else None)
    return check_token(token, VARIABLE) if token and address.is_private else None


def check_token(token: str, argument: str) -> str:
    """The token.

    Raises:
        InvalidArgument: it has characters that no token has. The message does not show it.
    """
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidArgument(f"{argument} is no token: it has blanks, or characters that are not ASCII")
    return token


def check_private(address: Address) -> None:
    """Let an address pass at which a token is shown.

    Raises:
        InvalidArgument: others could read it on the way.
    """
    if not address.is_private:
        raise InvalidArgument(
            f"a token for {address} could be read by others on the way; use https, or a tunnel to this machine"
        )


def keep(address: Address, token: str) -> str:
    """Keep the token of a server; returns the file. Only its owner can read it.

    Raises:
        NotStored: it cannot be written.
        InvalidArgument: the server would not be shown it.
    """
    check_private(address)
    return _write({**_read(), str(address): check_token(token, "the token")})


def forget(address: Address) -> bool:
    """Forget the token of a server; whether there was one.

    Raises:
        NotStored: the file cannot be written.
    """
    known = _read()
    if known.pop(str(address), None) is None:
        return False
    _write(known)
    return True


def path() -> str:
    """The file: `$XDG_CONFIG_HOME/runlore/tokens.json`."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    if not os.path.isabs(base):  # its specification wants such a path to be ignored
        base = expand_user("~/.config", "the directory of settings")
    return os.path.join(base, "runlore", _FILE)


def _read() -> dict[str, str]:
    where = path()
    try:
        found = read_json(where, _MOST_BYTES)
    except FileNotFoundError:
        return {}
    except (DamagedFile, OSError) as error:
        raise DamagedFile(f"{where!r} cannot be read ({error}); remove it, and type `runlore login` again") from error
    if not isinstance(found, dict) or not all(isinstance(token, str) for token in found.values()):
        raise DamagedFile(f"{where!r} is no list of tokens; remove it, and type `runlore login` again")
    return found


def _write(tokens: dict[str, str]) -> str:
    where = path()
    temporary = f"{where}.{new_uid()}"
    try:
        os.makedirs(os.path.dirname(where), mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            json.dump(tokens, file, indent=1)
        os.replace(temporary, where)
    except OSError as error:
        raise NotStored(f"the token could not be kept in {where!r}: {error.strerror}") from error
    return where
