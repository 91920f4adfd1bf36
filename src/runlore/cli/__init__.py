"""The command `runlore`: everything that can be done with a store from a terminal or a script.

`app` is the Typer application, `main` the entry point. Commands are grouped in one module each; they import what is
dear when they are called, so that help and completion come at once.
"""

from __future__ import annotations

from runlore.cli.application import app, main

__all__ = ["app", "main"]
