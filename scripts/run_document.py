"""Run what a Markdown file tells its reader to run, in order, in the current directory.

    python scripts/run_document.py docs/tutorial/first-run.md

- ```` ```python ```` blocks run one after the other in one namespace.
- ```` ```python no-run ```` blocks are compiled only.
- ```` ```python file=train.py ```` blocks are written to that file.
- ```` ```console ```` blocks: lines that start with `$ runlore` or `$ python` are run, and what the block shows below
  them must be what they print, apart from uids, times, durations and sizes; `...` stands for anything. `exit=1` beside
  `console` says that the last command fails; `terminal`, that it runs in a terminal of 100 columns, as people see it.
  A block marked `no-run` is left alone.
"""

from __future__ import annotations

import doctest
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^( *)```+([^\n`]*)\n(.*?)^\1```+ *$", re.MULTILINE | re.DOTALL)

_VARIABLE = (
    (re.compile(r"\b[0-9a-f]{32}\b|\b(?=[a-f]*[0-9])[0-9a-f]{8,12}\b"), "<uid>"),
    (
        re.compile(
            r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d| UTC)?)?|\b\d\d:\d\d:\d\d(\.\d+)?\b"
        ),
        "<time>",
    ),
    (re.compile(r"\bjust now\b|\b(\d+|an?) \w+ ago\b"), "<ago>"),
    (re.compile(r"(\b\d+(\.\d+)? ?(ns|µs|ms|s|sec|min|m|h)\b ?)+"), "<duration> "),
    (re.compile(r"\b\d+(\.\d+)? ?([kKMGT]i?)?B\b|\b\d+ bytes\b"), "<size>"),
    (re.compile(r"[\u2500-\u257f]+|(?<!\S)-{3,}(?!\S)"), " "),
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the words beside it, its text, and the line where the text starts (1-based)."""

    language: str
    flags: dict[str, str]
    text: str
    line: int


def read_blocks(document: str) -> list[Block]:
    """The fenced blocks of a Markdown text."""
    blocks = []
    for match in _FENCE.finditer(document):
        indent, info, text = match.groups()
        language, *words = info.split() or [""]
        flags = {name: value for name, _, value in (word.partition("=") for word in words)}
        text = re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) if indent else text
        blocks.append(Block(language, flags, text, document.count("\n", 0, match.start()) + 2))
    return blocks


def read_commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that the block shows below it."""
    commands: list[tuple[str, str]] = []
    continued = False
    for line in text.splitlines(keepends=True):
        if continued:
            command, output = commands[-1]
            commands[-1] = command + line, output
        elif line.startswith("$ "):
            commands.append((line[2:], ""))
        elif commands:
            command, output = commands[-1]
            commands[-1] = command, output + line
        else:
            raise ValueError(f"a console block starts with '$ ', not with {line!r}")
        continued = line.endswith("\\\n") and (continued or line.startswith("$ "))
    return [(command.strip(), output) for command, output in commands]


def normalise(output: str) -> str:
    """The output with everything that differs from run to run replaced by what it is, and without its layout."""
    for pattern, replacement in _VARIABLE:
        output = pattern.sub(replacement, output)
    lines = (" ".join(line.split()) for line in output.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def matches(shown: str, printed: str) -> bool:
    """Whether a document shows what a command printed."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(normalise(shown), normalise(printed), flags)


def run_console(block: Block, name: str) -> None:
    """Run the commands of a console block.

    Raises:
        AssertionError: a command fails, or prints something else than the document shows.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    commands = [pair for pair in read_commands(block.text) if re.match(r"(runlore|python)\b", pair[0])]
    for position, (command, shown) in enumerate(commands, 1):
        run = run_in_terminal if "terminal" in block.flags else run_piped
        code, printed = run(command, environment)
        expected = int(block.flags.get("exit", "0")) if position == len(commands) else 0
        place = f"{name}:{block.line}: $ {command}"
        if code != expected:
            raise AssertionError(f"{place}\nended with {code}:\n{printed}")
        if shown.strip() and not matches(shown, printed):
            raise AssertionError(f"{place}\nprinted:\n{printed}\nbut the document shows:\n{shown}")


def run_piped(command: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command in a shell: its exit code, and what it printed."""
    done = subprocess.run(  # noqa: S602 - the documents are ours, and show what a user types into a shell
        command, shell=True, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    return done.returncode, done.stdout + done.stderr


def run_in_terminal(command: str, environment: dict[str, str]) -> tuple[int, str]:
    """The same in a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    with subprocess.Popen(  # noqa: S602 - as above
        command, shell=True, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:  # fmt: skip
        os.close(theirs)
        printed = b""
        with suppress(OSError):  # the end of what a terminal has to say
            while piece := os.read(ours, 65536):
                printed += piece
    os.close(ours)
    return process.returncode, printed.decode("utf-8", "replace").replace("\r\n", "\n")


def run_document(path: Path) -> int:
    """Run a document in the current directory; how many blocks were run or compiled."""
    count = 0
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in read_blocks(path.read_text(encoding="utf-8")):
        if block.language == "python" and "file" in block.flags:
            Path(block.flags["file"]).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
            if "no-run" not in block.flags:
                exec(code, namespace)  # noqa: S102 - the documents are ours
        elif block.language == "console" and "no-run" not in block.flags:
            run_console(block, str(path))
        else:
            continue
        count += 1
    return count


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(f"{argument}: {run_document(Path(argument).absolute())} blocks")
