"""The Typer application: the list of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from runlore.cli import (
    _errors,
    artifacts,
    cards,
    care,
    demo,
    edit,
    execute,
    listing,
    logs,
    plot,
    show,
    tables,
    top,
    transfer,
)
from runlore.errors import RunloreError

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK = "Look"
CHANGE = "Change"
KEEP = "Keep in order"
RECORD = "Record"


class Commands(TyperGroup):
    """Commands whose errors are one line on stderr and an exit code; see `runlore.cli._errors`."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (RunloreError, OSError, KeyboardInterrupt) as error:
            raise typer.Exit(_errors.report(error)) from None
        return result


app = typer.Typer(
    name="runlore",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Record machine-learning experiments, look them up, compare them, and lose nothing.",
    epilog="RUN is experiment#number, such as iris#3 (iris#-1: the latest), or the beginning of a uid. "
    "Every command has --help with examples, --json for scripts, and --store.",
)

_COMMANDS: tuple[tuple[str, Callable[..., Any], str], ...] = (
    ("ls", listing.ls, LOOK),
    ("runs", listing.runs, LOOK),
    ("show", show.show, LOOK),
    ("diff", tables.diff, LOOK),
    ("data", tables.data, LOOK),
    ("summary", tables.summary, LOOK),
    ("plot", plot.plot, LOOK),
    ("logs", logs.logs, LOOK),
    ("artifacts", artifacts.artifacts, LOOK),
    ("top", top.top, LOOK),
    ("cards", cards.cards, LOOK),
    ("exec", execute.execute, RECORD),
    ("demo", demo.demo, RECORD),
    ("tag", edit.tag, CHANGE),
    ("rename", edit.rename, CHANGE),
    ("note", edit.note, CHANGE),
    ("archive", edit.archive, CHANGE),
    ("delete", edit.delete, CHANGE),
    ("restore", edit.restore, CHANGE),
    ("gc", care.gc, KEEP),
    ("seal", care.seal, KEEP),
    ("doctor", care.doctor, KEEP),
    ("merge", transfer.merge, KEEP),
    ("export", transfer.export, KEEP),
    ("import", transfer.import_, KEEP),
    ("version", care.version, KEEP),
)


def _add(name: str, function: Callable[..., Any], panel: str) -> None:
    settings: dict[str, Any] = {}
    if name == "exec":  # what follows the program's name belongs to the program
        settings = {"allow_interspersed_args": False, "ignore_unknown_options": False}
    app.command(name, rich_help_panel=panel, no_args_is_help=False, context_settings=settings or None)(function)


def _flowing(docstring: str) -> str:
    """A docstring whose paragraphs flow with the width of the terminal; those that begin with \\b keep their lines."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(text if text.startswith("\b") else " ".join(text.splitlines()) for text in paragraphs)


def _say_version(wanted: bool) -> None:
    if wanted:
        from runlore import __version__

        sys.stdout.write(f"runlore {__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


for _name, _function, _panel in _COMMANDS:
    _add(_name, _function, _panel)
app.add_typer(cards.app, name="card", rich_help_panel=CHANGE)
for _command in (*app.registered_commands, *cards.app.registered_commands):
    _command.help = _flowing(inspect.getdoc(_command.callback) or "")


def main() -> None:
    """The entry point of the command `runlore`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="runlore")
