"""The thread of a training process that sends what the process records. It never has the program wait, nor fail.

The thread is started with the first run that is recorded for a server. It sends the journals of those runs, also those
that forked children and processes that joined write on this machine, and what processes left in the spool that were
killed. While the server does not answer it tries again, at longer and longer intervals.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from runlore.errors import RunloreError
from runlore.failures import reason_of
from runlore.journal.committed import is_ended
from runlore.notices import say_once
from runlore.ship.settings import keeps_spool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.ship.client import SentRun
    from runlore.ship.sender import Sender
    from runlore.ship.spool import Spool, SpooledJournal

_PERIOD_S = 0.3
"""Between rounds while something is recorded: each takes the program a little of its time."""
_IDLE_PERIOD_S = 1.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_FIRST_RECORDS_S = 1.0
_FEW_HELD = 32
_PATIENCE_S = 1.0
"""After which progress is shown at the end, where somebody looks."""

_shippers: dict[str, Shipper] = {}


def shipper_of(spool: Spool) -> Shipper:
    """The one of this process for a spool."""
    found = _shippers.get(spool.root)
    if found is None:
        found = _shippers.setdefault(spool.root, Shipper(spool))
    return found


class Shipper:
    """See the module.

    Args:
        spool: what it sends, and where to.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._runs: dict[str, str] = {}
        self._condition = threading.Condition()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._sender: Sender | None = None
        self._problem = ""
        self._is_hopeless = False
        self._is_denied = False
        self._waiting = 0

    # -- what the process asks of it ------------------------------------------------------------------------------

    def watch(self, uid: str, directory: str) -> None:
        """Send what is recorded of a run from now on.

        Raises:
            InvalidArgument: a setting makes no sense.
        """
        keep = keeps_spool()
        self._runs[uid] = directory
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, args=(keep,), name="runlore-shipper", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the interpreter is shutting down, or has no thread left
                self._problem = str(error)
                return
            self._thread = thread

    def sent_run(self, uid: str, timeout_s: float) -> SentRun | None:
        """What the server says of a run, once it does; None: not in this time, or nobody sends it.

        Whoever is told the run's number may look for it: so the first records are waited for, too, but not long, since
        they may have to wait for contents.
        """
        if uid not in self._runs or self._is_begun(uid):
            return self._told_of(uid)
        deadline = monotonic() + timeout_s
        is_told = False
        with self._condition:
            while True:
                if not is_told and self._told_of(uid) is not None:
                    is_told, deadline = True, min(deadline, monotonic() + _FIRST_RECORDS_S)
                rest = deadline - monotonic()
                if rest <= 0 or self._problem or self._is_begun(uid):
                    return self._told_of(uid)
                self._wake.set()
                self._condition.wait(rest)

    def _told_of(self, uid: str) -> SentRun | None:
        return self._sender.runs.get(uid) if self._sender is not None else None

    def _is_begun(self, uid: str) -> bool:
        return self._sender is not None and uid in self._sender.begun

    def wait(self, uid: str, timeout_s: float) -> list[SpooledJournal]:
        """Wait until the server has what this machine recorded of a run, as far as its writers are done.

        Args:
            uid: of the run.
            timeout_s: for how long at most. Where the server was waited for in vain before, it is much less.

        Returns:
            The journals that are still to be sent.
        """
        directory = self._runs.get(uid)
        if directory is None:
            return []
        deadline = monotonic() + (min(timeout_s, _PATIENCE_S) if self._is_hopeless else timeout_s)
        self._waiting += 1
        try:
            left = self._wait(directory, deadline)
        finally:
            self._waiting -= 1
        self._is_hopeless = bool(left)
        return left

    def _wait(self, directory: str, deadline: float) -> list[SpooledJournal]:
        with _Progress(self._spool.address) as progress, self._condition:
            while True:
                left = [journal for journal in self._spool.journals_of(directory) if is_ended(journal.path)]
                rest = deadline - monotonic()
                if not left or rest <= 0 or not self._can_send(left):
                    return left
                progress.show(self._spool.waiting_bytes(left))
                self._wake.set()
                self._condition.wait(min(rest, _PERIOD_S))

    @property
    def problem(self) -> str:
        """Why nothing can be sent just now; empty where it can."""
        return self._problem

    def reason(self, journals: list[SpooledJournal]) -> str:
        """Why these are still to be sent."""
        sender = self._sender
        told = [sender.refused[item.path] for item in journals if item.path in sender.refused] if sender else []
        return told[0] if told else self._problem or "there was no time for more"

    def _can_send(self, journals: list[SpooledJournal]) -> bool:
        """Whether waiting may help."""
        if self._thread is None or not self._thread.is_alive():
            return False
        if self._is_denied:
            return False
        refused = self._sender.refused if self._sender is not None else {}
        return any(journal.path not in refused for journal in journals)

    # -- the thread -----------------------------------------------------------------------------------------------

    def _run(self, keep: bool) -> None:
        from runlore.ship.client import Later, NotAllowed
        from runlore.ship.connection import Unreachable
        from runlore.ship.sender import Sender

        sender = self._sender = Sender(self._spool, keep=keep, refuse=self._tell_refused)
        leftovers = self._spool.journals()
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                pause_s = self._round(sender, leftovers)
                self._problem, wait_s = "", _FIRST_WAIT_S
                self._is_hopeless = self._is_denied = False
            except (Unreachable, OSError, RunloreError) as error:
                self._tell_problem(str(error) if isinstance(error, Unreachable) else reason_of(error))
                self._is_denied = isinstance(error, NotAllowed)
                asked_s = error.after_s if isinstance(error, Later) else 0.0
                pause_s = max(wait_s, asked_s) * (0.75 + os.urandom(1)[0] / 512)  # not all clients at the same moment
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            with self._condition:
                self._condition.notify_all()
            if pause_s:
                self._wake.wait(pause_s)
                self._wake.clear()

    def _round(self, sender: Sender, leftovers: Iterator[SpooledJournal]) -> float:
        """One round; returns how long to pause."""
        for uid, directory in list(self._runs.items()):
            if os.path.isdir(directory):
                journals = self._spool.journals_of(directory)
                sender.take(journals)
                sender.learn(journals)
            else:
                self._runs.pop(uid, None)  # all of it was sent; whoever records more of it says so
        while len(sender.held) < _FEW_HELD:
            journal = next(leftovers, None)
            if journal is None:
                break
            sender.take([journal], only_over=True)
        done = sender.round()
        if done.is_idle:
            return _IDLE_PERIOD_S
        return 0.0 if self._waiting and (done.sent_bytes or done.finished) else _PERIOD_S

    def _tell_problem(self, why: str) -> None:
        self._problem = why
        say_once(
            f"the server {self._spool.address} does not take what is recorded: {why}. The program goes on; the records "
            f"wait in {self._spool.root!r} and are sent as soon as it does"
        )

    def _tell_refused(self, journal: SpooledJournal | None, why: str) -> None:
        what = f"records of run {journal.uid}" if journal is not None else "an artifact's"
        say_once(f"the server {self._spool.address} refuses {what}: {why}. They stay in {self._spool.root!r}")

    def forget(self) -> None:
        """In a forked child: the thread is the parent's, which goes on with it."""
        if self._sender is not None:
            self._sender.drop()


def amount(count: int) -> str:
    """A number of bytes that wait.

    Example:
        >>> amount(300), amount(12_345_678)
        ('0.3 kB', '12.3 MB')
    """
    return f"{count / 1e3:.1f} kB" if count < 100_000 else f"{count / 1e6:,.1f} MB"


class _Progress:
    """A line on the terminal that says what is still to be sent; none where nobody looks."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._due = monotonic() + _PATIENCE_S
        self._shown = 0

    def __enter__(self) -> _Progress:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._write(" " * self._shown + "\r")

    def show(self, waiting_bytes: int) -> None:
        stream = sys.__stderr__
        if monotonic() < self._due or stream is None or not stream.isatty():
            return
        text = f"runlore: sending {amount(waiting_bytes)} to {self._address} (Ctrl-C: later)"
        self._write(text.ljust(self._shown) + "\r")
        self._shown = len(text)

    def _write(self, text: str) -> None:
        stream = sys.__stderr__
        if stream is None:
            return
        with suppress(OSError, ValueError):  # it was closed: nobody is there to tell
            stream.write(text)
            stream.flush()


def _forget_after_fork() -> None:
    for shipper in _shippers.values():
        shipper.forget()
    _shippers.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
