"""What can be set of sending, by environment variables. Nothing is read at import."""

from __future__ import annotations

import os

from runlore.config import expand_user
from runlore.errors import InvalidArgument

DEFAULT_TIMEOUT_S = 30.0


def is_server(address: str) -> bool:
    """Whether this is the address of a server that is spoken to by HTTP.

    Example:
        >>> is_server("https://lore.example.com"), is_server("/data/runs")
        (True, False)
    """
    return address.startswith(("http://", "https://"))


def is_offline() -> bool:
    """Whether nothing is to be sent now (`RUNLORE_OFFLINE`): runs wait in the spool for `runlore sync`.

    Raises:
        InvalidArgument: it is neither 0 nor 1.
    """
    return _flag("RUNLORE_OFFLINE")


def keeps_spool() -> bool:
    """Whether what the server confirmed stays in the spool, too (`RUNLORE_KEEP_SPOOL`).

    Raises:
        InvalidArgument: it is neither 0 nor 1.
    """
    return _flag("RUNLORE_KEEP_SPOOL")


def sync_timeout_s() -> float:
    """How long the end of a run may wait until all was sent, in seconds (`RUNLORE_SYNC_TIMEOUT`).

    Raises:
        InvalidArgument: it is no number from 0 on.
    """
    text = os.environ.get("RUNLORE_SYNC_TIMEOUT")
    if not text:
        return DEFAULT_TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 1e9:
        raise InvalidArgument(f"RUNLORE_SYNC_TIMEOUT={text!r} must be seconds, such as 30; 0: do not wait")
    return seconds


def spool_root() -> str:
    """Where the spools of all servers are: `RUNLORE_SPOOL`, else `$XDG_STATE_HOME/runlore/spool`. Not created here.

    Raises:
        InvalidArgument: the user has no home, or `RUNLORE_SPOOL` names the one of a user whom nobody knows.
    """
    given = os.environ.get("RUNLORE_SPOOL")
    if given:
        return os.path.abspath(expand_user(given, "RUNLORE_SPOOL"))
    base = os.environ.get("XDG_STATE_HOME") or ""
    if not os.path.isabs(base):  # its specification wants such a path to be ignored
        base = os.path.expanduser("~/.local/state")
    if not os.path.isabs(base):
        raise InvalidArgument(
            "runs that are sent to a server wait in a directory of the user's, and there is no home (HOME is not set). "
            "Name a directory with RUNLORE_SPOOL"
        )
    return os.path.join(base, "runlore", "spool")


def _flag(variable: str) -> bool:
    text = os.environ.get(variable) or "0"
    if text not in ("0", "1"):
        raise InvalidArgument(f"{variable}={text!r} must be 0 or 1")
    return text == "1"
