"""`version`: what runs here."""

from __future__ import annotations

from runlore.cli._command import command
from runlore.cli._options import json_option
from runlore.cli._output import print_json, say


@command("version")
@json_option
def version(json: bool) -> None:
    """Print the versions of Runlore and Python, and the place of the store.

    \b
    Examples:
      runlore version
    """
    import platform

    from runlore import __version__
    from runlore.config import store_address

    if json:
        print_json({"runlore": __version__, "python": platform.python_version(), "store": store_address()})
        return
    say(f"runlore {__version__}, Python {platform.python_version()}, store {store_address()}")
