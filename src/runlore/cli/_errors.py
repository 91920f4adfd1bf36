"""How commands end: exit codes, and errors in one line.

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | an error; what `doctor` could not repair |
| 2 | the command, its options or a query cannot be understood |
| 3 | no such run, experiment, artifact or store |
| 130 | Ctrl-C |
| 141 | whoever read the output went away, as `head` does |

`runlore exec` ends with the code of the program: 128 + n where signal n ended it, 126 where it cannot be executed, 127
where it does not exist.
"""

from __future__ import annotations

import click

from runlore.cli import _streams
from runlore.cli._format import printable
from runlore.errors import InvalidArgument, NotFound, QuerySyntaxError, RunloreError, WrongType

ERROR = 1
USAGE = 2
NOT_FOUND = 3
CANNOT_EXECUTE = 126
COMMAND_NOT_FOUND = 127
INTERRUPTED = 130
BROKEN_PIPE = 141


def report(error: BaseException) -> int:
    """Say what went wrong in one line on stderr (a query error shows its column below); returns the exit code.

    Raises:
        BaseException: it is none that a person could do something about: a fault of ours.
    """
    if isinstance(error, BrokenPipeError) and not isinstance(error, RunloreError):
        return BROKEN_PIPE
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        complain("interrupted")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        complain(f"error: {_usage(error)}")
        return USAGE
    if isinstance(error, (RunloreError, OSError)):
        complain(describe(error))
        return _code(error)
    raise error


def complain(message: str) -> None:
    """Print `runlore: message` on stderr."""
    _streams.complain(f"runlore: {message}\n")


def _usage(error: click.ClickException) -> str:
    """What is wrong with the command line, and where help is."""
    text = " ".join(error.format_message().split())
    text = text[:1].lower() + text[1:].removesuffix(".")
    if isinstance(error, click.NoSuchOption):  # as errors here put it, and the same in all versions of Click
        close = " or ".join(sorted(error.possibilities or ()))
        text = f"there is no option {error.option_name!r}{f'; did you mean {close}?' if close else ''}"
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx is not None else "runlore"
    return f"{printable(text)} (see {path} --help)"


def describe(error: Exception) -> str:
    """What went wrong, in one line; of a query in three."""
    if isinstance(error, QuerySyntaxError):
        return "\n".join(printable(line) for line in str(error).splitlines())
    if isinstance(error, OSError) and not isinstance(error, RunloreError) and error.strerror:
        about = f": {error.filename!r}" if error.filename is not None else ""
        return printable(f"{error.strerror}{about}")
    return printable(" ".join(str(error).splitlines()))


def _code(error: Exception) -> int:
    if isinstance(error, NotFound):
        return NOT_FOUND
    return USAGE if isinstance(error, (InvalidArgument, WrongType)) else ERROR
