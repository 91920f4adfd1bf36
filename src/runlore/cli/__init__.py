"""The command `runlore`: everything that can be done with a store from a terminal or a script.

`app` is the Click group of all commands, `run` does what a list of arguments asks for, `main` is the entry point. Each
command has a module, which is loaded when it is called, and imports what is dear when it needs it: help, completion and
`runlore version` come at once.
"""

from __future__ import annotations

from runlore.cli.application import app, main, run

__all__ = ["app", "main", "run"]
