"""A progress bar on stderr, for work that turns out to take long."""

from __future__ import annotations

import os
import sys
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

    from rich.progress import Progress, TaskID

PATIENCE_S = 0.4


class Bar:
    """A bar that appears on a terminal after a moment, and vanishes when the work is done.

    Args:
        text: what is being done.
        patience_s: how long the work may take before the bar appears.
        enabled: whether there is a bar at all.

    Example:
        >>> with Bar("counting") as bar:
        ...     for index in range(3):
        ...         bar.update(index + 1, 3)
    """

    def __init__(self, text: str, *, patience_s: float = PATIENCE_S, enabled: bool = True) -> None:
        self._text = text
        self._due = monotonic() + patience_s
        self._enabled = enabled and sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._file: TextIO | None = None

    def __enter__(self) -> Bar:  # noqa: PYI034 - `Self` is not in Python 3.10
        """The bar itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()
        if self._file is not None:
            self._file.close()

    def update(self, done: int, total: int, text: str | None = None) -> None:
        """Show how far the work is. The arguments are those of the progress callbacks of the library."""
        if not self._enabled or monotonic() < self._due:
            return
        if self._progress is None:
            self._progress = self._begin()
        if self._task is None:
            self._task = self._progress.add_task(text or self._text, total=total)
        self._progress.update(self._task, completed=done, total=total, description=text or self._text)

    def _begin(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        # On a descriptor of its own: what runs capture of this process's output has no bar in it.
        self._file = open(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")  # noqa: SIM115 - closed with the bar
        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=self._file),
            transient=True,
        )
        progress.start()
        return progress
