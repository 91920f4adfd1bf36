"""The run in which a training is recorded: the active one, or one of its own for as long as it takes."""

from __future__ import annotations

import os
import re
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlore.errors import NoActiveRun
from runlore.integrations._patches import Unharmed
from runlore.run.ends import status_of
from runlore.run.starting import active_run, start

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from runlore.run.handle import Run


@dataclass
class Settings:
    """What `autolog` was called with.

    Attributes:
        experiment: of the runs that are started for a training where none is active; None: named like the program.
        models: whether models are kept.
        on: whether anything is recorded: not in a worker process to which only a wrapped function came.
    """

    experiment: str | None = None
    models: bool = False
    on: bool = False


settings = Settings()
_suspended = 0
_lock = threading.Lock()


class Suspended:
    """A block in which nothing is recorded, in any thread: the inner trainings of a search or an ensemble."""

    def __enter__(self) -> None:
        global _suspended  # noqa: PLW0603 - one counter a process, as trainings of other threads are inner ones too
        with _lock:
            _suspended += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _suspended  # noqa: PLW0603 - as above
        with _lock:
            _suspended -= 1


def is_suspended() -> bool:
    """Whether nothing is to be recorded, as where an outer training is recorded that speaks for its inner ones."""
    return _suspended > 0 or not settings.on


def current_run() -> Run | None:
    """The active run, if there is one and recording is not suspended."""
    if is_suspended():
        return None
    try:
        return active_run()
    except NoActiveRun:
        return None


class Training:
    """A block in which a library trains. What the training raises passes through and ends a run of its own as failed.

    Args:
        library: its name, for what is said.
        experiment: of a run that is started for it, unless `autolog` was given one; None: named like the program.
        always: whether it is recorded without `autolog` too: the user asked for it in another way.

    Attributes:
        run: where it is recorded; None: it is not.
        is_own: whether the run was started for it, and ends with it.
    """

    def __init__(self, library: str, experiment: str | None = None, *, always: bool = False) -> None:
        self.library = library
        self.run: Run | None = None
        self.is_own = False
        self._experiment = experiment if always else settings.experiment or experiment
        self._always = always

    def __enter__(self) -> Training:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        with Unharmed(f"a training of {self.library}"):
            if is_suspended() and not self._always:
                return self
            try:
                self.run = active_run()
            except NoActiveRun:
                self.run = start(self._experiment or program_name(), tags={"autolog": self.library})
                self.is_own = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_own and self.run is not None:
            with Unharmed(f"the end of a training of {self.library}"):
                self.run.end(*status_of(error))


def program_name() -> str:
    """What the experiment of a program is called that gave none a name: as its file, `train` for `train.py`."""
    name = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "autolog"


def simple(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Params as they can be recorded: numbers, texts, bools, None and lists of them; of anything else its type."""
    return {f"{prefix}{key}": _simple(value) for key, value in values.items()}


def _simple(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)) and len(value) <= 100:
        return [_simple(item) for item in value]
    if hasattr(value, "item") and getattr(value, "size", 0) == 1:
        return value.item()
    return getattr(value, "__name__", None) or type(value).__name__


def numbers(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Those values that are one number each; a tensor on a device is fetched."""
    found = {}
    for key, value in values.items():
        if isinstance(value, (int, float)):
            found[f"{prefix}{key}"] = float(value)
        elif hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
            found[f"{prefix}{key}"] = float(value.item())
    return found
