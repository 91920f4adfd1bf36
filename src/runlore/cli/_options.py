"""Arguments and options that commands share, with their help and their completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from runlore.cli._command import Argument

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

_F = TypeVar("_F", bound="Callable[..., Any]")

RUN_HELP = "experiment#number (#-1: the latest), a uid, or an unambiguous beginning of one."


def complete(
    what: str,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completion by a function of `runlore.cli._complete`, which is loaded when somebody presses Tab."""

    def propose(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from runlore.cli import _complete

        return _complete.propose(what, ctx.params, incomplete)

    return propose


def argument(
    name: str, metavar: str, help: str, *, of: str | None = None, **settings: Any  # noqa: A002 - as Click calls it
) -> Callable[[_F], _F]:  # fmt: skip
    """A positional argument; `of` says what completes it."""
    if of is not None:
        settings["shell_complete"] = complete(of)
    return click.argument(name, cls=Argument, metavar=metavar, help=help, **settings)


def option(*names: str, of: str | None = None, **settings: Any) -> Callable[[_F], _F]:
    """An option with a value; `of` says what completes it."""
    if of is not None:
        settings["shell_complete"] = complete(of)
    return click.option(*names, **settings)


def flag(*names: str, help: str) -> Callable[[_F], _F]:  # noqa: A002 - as Click calls it
    """An option without a value."""
    return click.option(*names, is_flag=True, help=help)


store_option = option(
    "--store", metavar="DIR", of="directories",
    help="The store, or its server: https://… By default RUNLORE_STORE, the nearest .runlore upwards, or ./.runlore.",
)  # fmt: skip
json_option = flag("--json", help="Print one JSON document instead of text.")
columns_option = option("--columns", "-c", metavar="NAMES", help="Show these columns, with commas between their names.")
wide_option = flag("--wide", "-w", help="Show every column, and cut nothing.")
system_option = flag("--system", help="Hardware metrics (system/…) too.")
run_argument = argument("run", metavar="RUN", help=RUN_HELP, of="runs")
runs_argument = argument("runs", metavar="RUN", help=RUN_HELP, of="runs", nargs=-1, required=True)
experiment_argument = argument(
    "experiment", metavar="EXPERIMENT", help="Name of an experiment, such as vision/cifar10.", of="experiments"
)
pattern_argument = argument(
    "experiment", metavar="EXPERIMENT", help="A name, or a glob such as 'vision/*' or 'vision/**'.", of="experiments",
    required=False,
)  # fmt: skip
experiments_option = option(
    "--experiment", "-e", metavar="GLOB", multiple=True, of="experiments",
    help="Only these: a name or a glob; can be repeated.",
)  # fmt: skip
only_runs_option = option(
    "--run", "-r", metavar="RUN", multiple=True, of="runs_of_experiment", help="Only these: numbers or uids."
)
