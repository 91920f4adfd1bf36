"""The one place in which failures of the surroundings are kept from the training script: counted, said once.

What the journal cannot take it counts by itself. Here is everything else that a call of a run's may fail at: contents
that find no room, a module that cannot be loaded because no descriptor is left, a temporary file.
"""

from __future__ import annotations

import errno

from runlore.errors import NotStored, RunloreError
from runlore.failures import is_environmental, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Literal

    from runlore.recorder import Recorder


class Keeping:
    """A block in which something is kept. What the surroundings do not allow is counted as lost instead of raised.

    Errors of arguments and of the program's own code (a signal handler, a method of an object that is logged) pass.

    Attributes:
        done: whether the block ran to its end.

    Args:
        recorder: of the run.
        what: what is kept, in a word: `artifact`.
        key: its name.
    """

    __slots__ = ("_key", "_recorder", "_what", "done")

    def __init__(self, recorder: Recorder, what: str, key: str) -> None:
        self._recorder = recorder
        self._what = what
        self._key = key
        self.done = False

    def __enter__(self) -> Keeping:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self.done = True
            return False
        if not is_environmental(error):
            return False
        self._recorder.lose(self._key, f"{self._what} {self._key!r}", error)
        return True


class Beginning:
    """A block in which a run begins or goes on. What the surroundings do not allow becomes one clear error.

    Args:
        what: the action, in words: `the run cannot be started`.

    Raises:
        NotStored: by leaving the block; it says why, and what to do.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if error is None or isinstance(error, RunloreError) or not is_environmental(error):
            return False
        number = getattr(error, "errno", None)
        place = getattr(error, "filename", None)
        where = f" ({place!r})" if place else ""
        advice = _ADVICE.get(number or 0, "Name another store with store= or RUNLORE_STORE")
        raise NotStored(f"{self._what}: {reason_of(error)}{where}. Nothing was recorded. {advice}") from error


_MORE_ROOM = "Make room there, or name another store with store= or RUNLORE_STORE"
_FEWER_FILES = "Close files that the program holds open, or allow it more of them (ulimit -n)"
_ADVICE = {
    errno.ENOSPC: _MORE_ROOM,
    errno.EDQUOT: _MORE_ROOM,
    errno.EFBIG: _MORE_ROOM,
    errno.EMFILE: _FEWER_FILES,
    errno.ENFILE: _FEWER_FILES,
}
