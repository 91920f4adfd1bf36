"""Running the real command, in a process of its own, with pipes or on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from contextlib import contextmanager
from time import monotonic, sleep

PATIENCE_S = 30


def environment(**changes) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNLORE_") and name != "COLUMNS"}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **changes}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "runlore", *map(str, arguments)]


def run(*arguments: object, **options) -> subprocess.CompletedProcess:
    """Run to the end, without a terminal of any kind."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, env=environment(), stdin=subprocess.DEVNULL,
        start_new_session=True, timeout=PATIENCE_S, **options,
    )  # fmt: skip


@contextmanager
def spawn(*arguments: object, **options):
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
        stdin=subprocess.DEVNULL, start_new_session=True, **options,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)  # what it started may live on, and hold the pipes


class Terminal:
    """The command in the foreground of a terminal of its own."""

    def __init__(self, *arguments: object, columns: int = 100, **changes: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.clear()
            os.environ.update(environment(TERM="xterm-256color", **changes))
            os.execv(sys.executable, command(*arguments))
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.text = ""

    def read_until(self, wanted: str) -> str:
        """Read until the text was printed."""
        deadline = monotonic() + PATIENCE_S
        while wanted not in self.text:
            assert self._read(deadline), f"{wanted!r} did not come; there was {self.text!r}"
        return self.text

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.fd], [], [], max(0.0, deadline - monotonic()))
        try:
            piece = os.read(self.fd, 65_536) if ready else b""
        except OSError:
            return False  # its last writer is gone
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait(self) -> int:
        """Read to the end; the exit code."""
        deadline = monotonic() + PATIENCE_S
        while self._read(deadline):
            pass
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def until(condition):
    """What the condition gives, once it is true."""
    deadline = monotonic() + PATIENCE_S
    while not (found := condition()):
        assert monotonic() < deadline, "it did not come to be"
        sleep(0.02)
    return found
