"""The list of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from runlore.cli import _errors, _streams
from runlore.cli._command import COMPLETION_VARIABLE, PROGRAM, Entry, Group, context_settings
from runlore.errors import RunloreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


LOOK = "Look"
RECORD = "Record"
CHANGE = "Change"
KEEP = "Keep in order"
SHARE = "Share"

_COMMANDS = (
    Entry("ls", "listing:ls", "List the experiments of the store.", LOOK),
    Entry("runs", "runs:runs", "Find runs with the query language, the newest first.", LOOK),
    Entry("show", "show:show", "Show what is known of a run.", LOOK),
    Entry("diff", "diff:diff", "Show what differs between runs: params, last metrics, tags, artifacts.", LOOK),
    Entry("data", "data:data", "Show everything that the runs of an experiment recorded, in time order.", LOOK),
    Entry(
        "summary", "summary:summary", "Show how the runs of an experiment turned out: statistics of each metric.", LOOK
    ),
    Entry("plot", "plot:plot", "Draw a metric of the runs of an experiment, or of one run.", LOOK),
    Entry("logs", "logs:logs", "Print what a run wrote on its console.", LOOK),
    Entry("artifacts", "artifacts:artifacts", "List the artifacts of a run, or get them.", LOOK),
    Entry("top", "top:top", "Watch the runs that are running.", LOOK),
    Entry("cards", "cards:cards", "List the cards of the registry.", LOOK),
    Entry("ui", "serve:ui", "Look at runs in the browser.", LOOK),
    Entry("exec", "execute:execute", "Run a program as a tracked run.", RECORD),
    Entry("demo", "demo:demo", "Train real models, kill one of the trainings, and look at what was recorded.", RECORD),
    Entry("tag", "edit:tag", "Set or remove tags of a run; without any, show them.", CHANGE),
    Entry("rename", "edit:rename", "Give a run another name.", CHANGE),
    Entry("note", "edit:note", "Add a note to a run; without a text, show its notes.", CHANGE),
    Entry("archive", "edit:archive", "Mark runs as done with.", CHANGE),
    Entry("delete", "edit:delete", "Put runs into the trash.", CHANGE),
    Entry("restore", "edit:restore", "Take runs out of the trash.", CHANGE),
    Entry("card", "card:card", "Show, register and change cards of the registry.", CHANGE),
    Entry("gc", "care:gc", "Remove for good: runs that were deleted long enough ago, what nothing refers to.", KEEP),
    Entry("seal", "care:seal", "Rewrite the journals of runs that have ended as Parquet.", KEEP),
    Entry("doctor", "care:doctor", "Look for damage.", KEEP),
    Entry("merge", "transfer:merge", "Add everything that another store has to this one.", KEEP),
    Entry("export", "transfer:export", "Write runs into a file.", KEEP),
    Entry("import", "imports:import_", "Take in runs: of an archive, or of another tracker.", KEEP),
    Entry("server", "serve:server", "Serve a store to others: they send runs to it, and read from it.", SHARE),
    Entry("user", "accounts:user", "Users of a server: add, list, change, remove.", SHARE),
    Entry("team", "accounts:team", "Teams of users: add, list, change, remove.", SHARE),
    Entry("token", "accounts:token", "Tokens of a server: create, list, revoke.", SHARE),
    Entry("retention", "policies:retention", "What a server does by itself with old runs.", SHARE),
    Entry("audit", "accounts:audit", "Who did what on a server.", SHARE),
    Entry("login", "login:login", "Keep the token of a server.", SHARE),
    Entry("logout", "login:logout", "Forget the token of a server.", SHARE),
    Entry("sync", "sync:sync", "Send to the server what waits on this machine.", SHARE),
    Entry("version", "version:version", "Print the versions of Runlore and Python, and the place of the store.", KEEP),
)


def _say_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from runlore import __version__

        _streams.write(f"{PROGRAM} {__version__}\n")
        ctx.exit()


def _install_completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is not None and not ctx.resilient_parsing:
        from runlore.cli import _completion

        name, path = _completion.install(app, shell or None)
        _streams.write(f"completion for {name} is in {path}; a new shell has it\n")
        ctx.exit()


def _show_completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is not None and not ctx.resilient_parsing:
        from runlore.cli import _completion

        _streams.write(_completion.script(app, shell or None))
        ctx.exit()


def _shell_option(
    name: str, callback: Callable[[click.Context, click.Parameter, str | None], None], text: str
) -> click.Option:
    """An option with the name of a shell; without it, the shell that called us is meant."""
    return click.Option(
        [name], metavar="[SHELL]", is_flag=False, flag_value="", is_eager=True, expose_value=False,
        callback=callback, help=text, show_default=False,
    )  # fmt: skip


app = Group(
    PROGRAM,
    _COMMANDS,
    callback=lambda: None,
    no_args_is_help=True,
    context_settings=context_settings(),
    subcommand_metavar="COMMAND [ARGS]...",
    help="Record machine-learning experiments, look them up, compare them, and lose nothing.",
    epilog="RUN is experiment#number, such as iris#3 (iris#-1: the latest), or the beginning of a uid. "
    "Every command has --help with examples, --json for scripts, and --store.",
    params=[
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_say_version,
            help="Print the version and end.",
        ),
        _shell_option(
            "--install-completion", _install_completion,
            "Install completion for bash, zsh or fish: by default for the shell that you use.",
        ),
        _shell_option("--show-completion", _show_completion, "Print the completion script, to be put somewhere else."),
    ],
)  # fmt: skip


def run(arguments: Sequence[str]) -> int:
    """Do what a command line asks for, in this process; returns the exit code.

    Raises:
        Exception: a fault of ours.
    """
    try:
        code = _invoke(arguments)
        _streams.flush()
    except (click.ClickException, click.Abort, RunloreError, OSError, KeyboardInterrupt) as error:
        return _errors.report(error)
    return code


def _invoke(arguments: Sequence[str]) -> int:
    instruction = os.environ.get(COMPLETION_VARIABLE)
    if instruction:
        from runlore.cli import _completion

        return _completion.answer(app, instruction)
    try:
        with app.make_context(PROGRAM, list(arguments)) as context:
            app.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        return _show_help(error)
    return 0


def _show_help(error: click.UsageError) -> int:
    """Without a command there is help, but nothing was done."""
    _streams.write(f"{error.ctx.get_help() if error.ctx else ''}\n")
    return _errors.USAGE


def main() -> None:
    """The entry point of the command `runlore`."""
    _streams.prepare()
    sys.exit(run(sys.argv[1:]))
