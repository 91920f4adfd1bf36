"""A program that gives copies of a run new sealed files, and at each step that touches a file does something about it.

    python sealing_steps.py STORE RUN DIRECTORY [kill | fail | read | seal] [seal | adopt | combine] OTHER

`kill`: dies at that step. `fail`: that step fails, the disk being full. `read`: reads the run in between. `seal`: reads
the run, and seals it at that step of the reading. The new files are made by sealing, by adopting those of OTHER, which
is another copy of the run, or by combining both. The copies are left in DIRECTORY, named after the step; `warm` is one
that nothing was done about. Each copy is handled by a forked child. The last line of the output is the number of steps;
any fault ends the program.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import traceback
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np  # noqa: F401 - imported before the forks
import pyarrow.parquet  # noqa: F401 - as above
from store_truth import truth

from runlore.store import open_store
from runlore.store.seal_lock import sealing
from runlore.store.sealed.combining import adopt_sealed, combine_sealed
from runlore.store.sealed.files import open_sealed
from runlore.store.sealed.sealing import seal_run

STEPS = {"os.rename", "os.remove", "os.mkdir", "open", "os.listdir", "os.rmdir", "os.truncate"}


class Hook:
    """Counts what touches files below a directory; does something at one of these steps."""

    def __init__(self) -> None:
        self.directory = "\0"
        self.step = -1
        self.count = 0
        self.action = None
        self.busy = False
        sys.addaudithook(self.watch)
        fsync = os.fsync

        def watched_fsync(descriptor: int) -> None:
            self.watch("os.rename", (self.directory,))
            fsync(descriptor)

        os.fsync = watched_fsync

    def watch(self, event: str, arguments: tuple) -> None:
        if event in STEPS and not self.busy and str(arguments[0]).startswith(self.directory):
            self.count += 1
            if self.action is not None and (self.step in (self.count, -1)):
                self.busy = True
                try:
                    self.action()
                finally:
                    self.busy = False


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def in_child(function, expected: set[int]) -> int:
    """Run the function in a forked child; returns its wait status."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = function()
        except BaseException:  # noqa: BLE001 - the child says what went wrong and ends
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in expected:
        sys.exit(f"a child ended with {status}")
    return status


def renew(store, directory: str, work: str, other: str) -> None:
    """Give the run its new sealed files."""
    if work == "seal":
        seal_run(store, directory)
        return
    with sealing(directory) as lock, closing(open_sealed(other)) as theirs, closing(open_sealed(directory)) as ours:
        if work == "adopt":
            adopt_sealed(theirs, directory, lock)
        else:
            combine_sealed(
                directory, {**dict.fromkeys(theirs.writers, theirs), **dict.fromkeys(ours.writers, ours)}, lock
            )


def main(store_path: str, run: str, target: str, mode: str, work: str = "seal", other: str = "") -> None:
    store = open_store(store_path)
    hook = Hook()
    old = truth(run)
    warm = shutil.copytree(run, os.path.join(target, "warm"))
    renew(store, warm, work, other)
    new = truth(warm)  # what is loaded when it is first used is loaded before the forks

    def handle(directory: str, step: int) -> int:
        hook.directory, hook.step, hook.count = directory, step, 0
        if mode == "seal":
            hook.action = lambda: seal_run(store, directory)
            found = truth(directory)
        else:
            checks = []
            hook.action = {"kill": die, "fail": fail, "read": lambda: checks.append(truth(directory))}[mode]
            try:
                renew(store, directory, work, other)
            except OSError:
                if mode != "fail":
                    raise
                hook.action = None
                assert truth(directory) in (old, new)
                return 1
            assert all(check in (old, new) for check in checks)
            found = new
        hook.action = None
        assert found == new
        assert truth(directory) == new
        return 0 if hook.count < step else 1

    step = 1
    while True:
        directory = os.path.join(target, str(step))
        shutil.copytree(run, directory)
        if in_child(lambda: handle(directory, step), {0, 1, -signal.SIGKILL}) == 0:  # noqa: B023 - called at once
            break
        step += 1
    sys.stdout.write(f"{step}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
