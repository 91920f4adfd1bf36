"""Completion for bash, zsh and fish: the scripts, where they go, and what they ask.

Click has the scripts and the questions. Bash's script is our own: names with blanks and quotes have to come out right.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from click.shell_completion import BashComplete, ShellComplete, add_completion_class, get_completion_class

from runlore.cli import _streams
from runlore.cli._command import COMPLETION_VARIABLE, PROGRAM
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    import click

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
%(complete_func)s() {
    local line value special=
    COMPREPLY=()
    while IFS= read -r line; do
        value=${line#*,}
        case $line in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*)
                COMPREPLY+=("$value")
                [[ $value == *[^A-Za-z0-9_./:=@%%+,#-]* ]] && special=1
                ;;
        esac
    done < <(env COMP_WORDS="$(IFS=$'\\n'; printf %%s "${COMP_WORDS[*]}")" COMP_CWORD="$COMP_CWORD" \\
        %(complete_var)s=bash_complete "$1")
    if [[ -n $special ]]; then
        compopt -o filenames  # readline quotes what has to be quoted
    fi
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    source_template = _BASH

    @staticmethod
    def _check_version() -> None:
        """Bash 4.4 is ten years old; asking for its version takes a process."""


add_completion_class(_Bash)


def answer(app: click.Command, instruction: str) -> int:
    """Do what a completion script asks for: `bash_complete`, `zsh_source` and so on. Returns the exit code."""
    shell, _, action = instruction.partition("_")
    if action == "source":
        _streams.write(script(app, shell))
        return 0
    if action != "complete":
        raise InvalidArgument(f"{COMPLETION_VARIABLE}={instruction!r}: use {SHELLS[0]}_source or {SHELLS[0]}_complete")
    _streams.write(_class(shell)(app, {}, PROGRAM, COMPLETION_VARIABLE).complete() + "\n")
    return 0


def script(app: click.Command, shell: str | None) -> str:
    """The completion script of a shell; of the one that called us, where none is named."""
    return _class(shell or _calling_shell())(app, {}, PROGRAM, COMPLETION_VARIABLE).source()


def install(app: click.Command, shell: str | None) -> tuple[str, str]:
    """Put the script where the shell finds it.

    Returns:
        The shell, and the file that has the script.
    """
    shell = shell or _calling_shell()
    text = script(app, shell)
    if shell == "fish":
        return shell, _put(f"~/.config/fish/completions/{PROGRAM}.fish", text)
    if shell == "bash":
        path = _put(f"~/.bash_completions/{PROGRAM}.sh", text)
        _add("~/.bashrc", f"source {shlex.quote(path)}")
        return shell, path
    path = _put(f"~/.zfunc/_{PROGRAM}", text)
    _add("~/.zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit")
    return shell, path


def _class(shell: str) -> type[ShellComplete]:
    found = get_completion_class(shell) if shell in SHELLS else None
    if found is None:
        raise InvalidArgument(f"there is no completion for {shell!r}; name one of {', '.join(SHELLS)}")
    return found


def _calling_shell() -> str:
    from shellingham import ShellDetectionFailure, detect_shell

    try:
        name, _ = detect_shell()
    except ShellDetectionFailure:
        name = os.path.basename(os.environ.get("SHELL", ""))
    if name not in SHELLS:
        raise InvalidArgument(f"the shell cannot be told ({name or 'none is known'}); name one of {', '.join(SHELLS)}")
    return str(name)


def _put(path: str, text: str) -> str:
    full = os.path.expanduser(path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)
    return full


def _add(path: str, line: str) -> None:
    """Add a line to a file of settings, unless it has it."""
    full = os.path.expanduser(path)
    text = ""
    if os.path.exists(full):
        with open(full, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    if line in text.splitlines():
        return
    with open(full, "a", encoding="utf-8") as file:
        file.write(("" if not text or text.endswith("\n") else "\n") + line + "\n")
