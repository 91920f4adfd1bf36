"""Commands as they are declared here: with help for arguments too, one-line errors, and modules that load when called.

Click parses; what is here lays out its help and finds commands by a table, so that `runlore version` does not load what
`runlore plot` needs.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from click.shell_completion import CompletionItem

PROGRAM = "runlore"
COMPLETION_VARIABLE = "_RUNLORE_COMPLETE"
"""Set by the completion scripts of shells: what they ask for."""

HELP_WIDTH = 100
"""Columns that help takes at most: longer lines are hard to read."""


class Argument(click.Argument):
    """A positional argument with a help text."""

    def __init__(self, declarations: Sequence[str], help: str = "", **settings: Any) -> None:  # noqa: A002 - as options have it
        super().__init__(declarations, **settings)
        self.text = help

    def make_metavar(self, ctx: click.Context) -> str:  # noqa: ARG002 - Click gives it
        """As in the usage line: `[NAME]...` where it may be left away or repeated."""
        name = self.metavar or (self.name or "").upper()
        shown = name if self.required else f"[{name}]"
        return f"{shown}..." if self.nargs == -1 else shown


def _show_help(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from runlore.cli import _streams

        _streams.write(f"{ctx.get_help()}\n")
        ctx.exit()


_HELP = click.Option(
    ["-h", "--help"], is_flag=True, is_eager=True, expose_value=False, callback=_show_help,
    help="Show this message and end.",
)  # fmt: skip
"""In place of Click's own, which writes to stdout by itself."""


class Command(click.Command):
    """A command whose help shows its arguments, its examples and the defaults."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, add_help_option=False, **settings)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All arguments and options, `--help` last."""
        return [*super().get_params(ctx), _HELP]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Arguments first, then options."""
        arguments = [param for param in self.get_params(ctx) if isinstance(param, Argument)]
        if arguments:
            with formatter.section(_title("Arguments")):
                formatter.write_dl([(param.metavar or param.name or "", param.text) for param in arguments])
        with formatter.section(_title("Options")):
            formatter.write_dl([record for record in map(_record_in(ctx), self.get_params(ctx)) if record])


def _record_in(ctx: click.Context) -> Callable[[click.Parameter], tuple[str, str] | None]:
    return lambda param: None if isinstance(param, click.Argument) else param.get_help_record(ctx)


def _title(text: str) -> str:
    from runlore.cli._output import paint

    return paint(text, "bold")


class Entry(NamedTuple):
    """A command, before its module is loaded."""

    name: str
    home: str
    """`module:name` within `runlore.cli`."""
    summary: str
    """The first sentence of its help."""
    panel: str = "Commands"
    """Below which heading it is listed."""


class Group(click.Group):
    """Commands by name, each loaded when it is called.

    Args:
        name: of the group.
        entries: its commands, in the order of the help.
        settings: for Click.
    """

    def __init__(self, name: str, entries: Sequence[Entry], **settings: Any) -> None:
        super().__init__(name, add_help_option=False, **settings)
        self.entries = {entry.name: entry for entry in entries}

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All options, `--help` last."""
        return [*super().get_params(ctx), _HELP]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as above
        """All names."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of this name; loads its module."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.home.partition(":")
        command: click.Command = getattr(import_module(f"runlore.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:  # fmt: skip
        """The command that the arguments begin with.

        Raises:
            UsageError: there is none; the message names similar ones.
        """
        if args and args[0] not in self.entries and not args[0].startswith("-") and not ctx.resilient_parsing:
            close = difflib.get_close_matches(args[0], self.entries, 3)
            hint = f"did you mean {' or '.join(close)}?" if close else f"commands are {', '.join(self.entries)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Options, or names of commands; loads none of them."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        named = [entry for entry in self.entries.values() if entry.name.startswith(incomplete)]
        return [CompletionItem(entry.name, help=entry.summary) for entry in named]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands below the headings of the table, then options."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for entry in self.entries.values():
            panels.setdefault(entry.panel, []).append((entry.name, entry.summary))
        longest = max(map(len, self.entries))
        for panel, rows in panels.items():
            with formatter.section(_title(panel)):
                formatter.write_dl([(name.ljust(longest), summary) for name, summary in rows])
        with formatter.section(_title("Options")):
            formatter.write_dl([record for record in map(_record_in(ctx), self.get_params(ctx)) if record])


def context_settings(**more: Any) -> dict[str, Any]:
    """What all commands have in common."""
    return {"max_content_width": HELP_WIDTH + 2, "show_default": True, **more}


def command(name: str, **more: Any) -> Callable[[Callable[..., None]], Command]:
    """Make a function a command; its docstring is the help."""
    return click.command(name, cls=Command, context_settings=context_settings(**more))
