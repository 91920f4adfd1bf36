"""What a run records by itself: the captures, writing through the run's own journal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runlore.capture import Captures
from runlore.errors import RunEnded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.run.handle import Run

_ONCE_A_RUN = ("git", "environment", "code")


def begin(run: Run, settings: Mapping[str, Any], *, joined: bool) -> Captures:
    """Start the captures of a run.

    Args:
        run: the run.
        settings: from `runlore.capture.resolve`.
        joined: the process joined a run that another one started. It records its console; code and environment are
            the starting process's, and so is the hardware unless this is another machine.

    The console is recorded where another process of this machine can write journals of the run, when this one is dead.
    """
    if joined:
        settings = dict(settings) | dict.fromkeys(_ONCE_A_RUN, False)
        if run._run.start().get("host") == os.uname().nodename:  # noqa: SLF001 - the run itself
            settings["hardware"] = False
    sink = RunSink(run)
    if not sink.journal_directory:
        settings = dict(settings) | {"console": False}
    captures = Captures(sink, settings, exclude=(run.store.location,))
    captures.start()
    return captures


class RunSink:
    """A run, as captures see it. What comes after the run's end is dropped: there is nothing to add it to."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.uid = run.uid
        self.journal_directory = run._run.journal_directory or ""  # noqa: SLF001 - the run itself

    def event(
        self, kind: str, key: str, value: object, *, step: float | None = None, time_ns: int | None = None,
        **extra: object,
    ) -> None:  # fmt: skip
        """Record one fact."""
        try:
            self._run._journal.event(kind, key, value, step=step, time_ns=time_ns, extra=extra or None)  # noqa: SLF001
        except RunEnded:
            return

    def metrics(self, values: Mapping[str, float], *, time_ns: int | None = None) -> None:
        """Record one point each of several series, without a step."""
        try:
            self._run._journal.row(values, None, None if time_ns is None else time_ns / 1e9)  # noqa: SLF001
        except RunEnded:
            return

    def artifact(
        self, content: bytes | str, name: str, *, kind: str, media_type: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Record the bytes, or the file at this path, under a name."""
        try:
            self._run.log_artifact(content, name, kind=kind, media_type=media_type, metadata=metadata)
        except RunEnded:
            return
