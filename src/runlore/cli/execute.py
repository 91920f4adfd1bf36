"""`exec`: any program as a tracked run, or a script in which another tracker's imports mean Runlore."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from runlore.cli._command import command
from runlore.cli._options import argument, option, store_option
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@command("exec", allow_interspersed_args=False)  # what follows the program's name belongs to the program
@argument("command", metavar="COMMAND", nargs=-1, required=True, help="The program and its arguments, after --.")
@option("--experiment", "-e", metavar="NAME", of="experiments", help="By default the program's name.")
@option("--name", metavar="NAME", help="A name for the run.")
@option("--param", "-p", metavar="KEY=VALUE", multiple=True, help="Can be repeated; VALUE may be JSON.")
@option("--tag", "-t", metavar="KEY[=VALUE]", multiple=True, help="Can be repeated.")
@option("--dialect", metavar="NAME", help="Run a Python script written for omegaml, luml, polyaxon, opsml.")
@store_option
def execute(
    command: Sequence[str], experiment: str | None, name: str | None, param: tuple[str, ...], tag: tuple[str, ...],
    dialect: str | None, store: str | None,
) -> None:  # fmt: skip
    """Run a program as a tracked run: its console, the hardware, how it ended.

    Its exit code is passed on, signals reach it, and its terminal stays a terminal. A Python program that calls
    runlore.start joins this run. With --dialect, and without --experiment, no run is started around the script: it
    starts its own.

    \b
    Examples:
      runlore exec -- ./train.sh --epochs 3
      runlore exec -e vision/cifar10 --param lr=0.1 --tag baseline -- python train.py
      runlore exec --dialect opsml train.py --epochs 3
      runlore exec --dialect omegaml -- -m package.train
    """
    from runlore.cli._supervise import supervise
    from runlore.config import store_address

    if dialect is not None:
        command = dialect_command(dialect, command)
        if experiment is None:
            given = [f"--{option}" for option, value in (("name", name), ("param", param), ("tag", tag)) if value]
            if given:
                raise InvalidArgument(f"{', '.join(given)} with --dialect: name the surrounding run with --experiment")
            if store is not None:
                os.environ["RUNLORE_STORE"] = store_address(store)
            os.execv(command[0], command)  # noqa: S606 - the script takes this process's place: nothing is left to do here
    options: dict[str, Any] = {"params": _pairs(param), "tags": _tags(tag)}
    raise click.exceptions.Exit(supervise(command, experiment, name=name, store=store, **options))


def dialect_command(dialect: str, command: Sequence[str]) -> list[str]:
    """The command that runs a script under a dialect.

    Raises:
        InvalidArgument: there is no such dialect, or the command is no Python script.
    """
    import shutil
    import sys

    from runlore import dialects

    dialects.check(dialect)
    interpreter, script = sys.executable, list(command)
    if os.path.basename(script[0]).rstrip("0123456789.") == "python":
        interpreter = shutil.which(script[0]) or sys.executable
        script = script[1:]
    if not script or (script[0].startswith("-") and script[0] != "-m"):
        raise InvalidArgument(
            "--dialect runs a Python script, or a module with -m: runlore exec --dialect NAME train.py"
        )
    return [interpreter, "-m", "runlore.dialects", dialect, *script]


def _pairs(given: Iterable[str]) -> dict[str, Any]:
    """`key=value` as params: numbers, lists and mappings as JSON, the rest as text."""
    import json

    found: dict[str, Any] = {}
    for item in given:
        key, mark, text = item.partition("=")
        if not mark or not key:
            raise InvalidArgument(f"--param {item!r} must be KEY=VALUE")
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found


def _tags(given: Iterable[str]) -> dict[str, str]:
    return {key: text for key, _, text in (item.partition("=") for item in given)}
