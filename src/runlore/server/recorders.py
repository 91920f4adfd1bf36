"""Recorders that a server keeps open for the runs that others send to it piecemeal.

A recorder costs files and a lock, and its life is what tells readers that the run lives: so it stays open between two
requests. There are only so many; the one that was used least recently is closed for another, and comes back with the
next request for its run. After a server was killed, the same happens: nothing that it had answered is lost.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.model import SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.recorder import Recorder
    from runlore.run.recording import Begun
    from runlore.store.base import RecordedRun, Store

MOST_OPEN = 128
"""Recorders that are kept open while nobody uses them. Each takes two descriptors, and a look at each refresh."""

IDLE_S = 24 * 3600.0
"""After which one that nobody used is closed."""


@dataclass
class Held:
    """One run that is written to.

    Attributes:
        run: of the store.
        known: what the rooms of the server remember of the run while it is held. With `ends`, the run ends when its
            recorder is closed with the server: it is the server's own.
    """

    run: RecordedRun
    known: dict[str, Any] = field(default_factory=dict)
    _recorder: Recorder | None = None
    _users: int = 0
    _used_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def recorder(self) -> Recorder:
        """What appends to it; opened now where it is not.

        Raises:
            RunNotFound: the run was removed.
            ReadOnlyStore, OSError: it cannot be written to.
        """
        opened = self._recorder
        if opened is None:
            with self._lock:
                opened = self._recorder
                if opened is None:
                    opened = self._recorder = self.run.record()
        return opened

    def close(self) -> None:
        """Close the recorder; the next use opens another one. For a run that ended."""
        with self._lock:
            opened, self._recorder = self._recorder, None
        if opened is not None:
            opened.close()


class Recorders:
    """Recorders by the uid of their runs. Threads may share it; after a fork, a process makes its own.

    Args:
        store: where the runs are.
        most: how many stay open while nobody uses them.
        idle_s: after which one that nobody used is closed.
    """

    def __init__(self, store: Store, most: int = MOST_OPEN, idle_s: float = IDLE_S) -> None:
        self._store = store
        self._most = most
        self._idle_s = idle_s
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def hold(self, uid: str) -> Iterator[Held]:
        """The run, for the block: meanwhile its recorder is not closed by others' need.

        Raises:
            RunNotFound: the store has no such run.
        """
        found = self._take(uid)
        try:
            yield found
        finally:
            with self._lock:
                found._users -= 1  # noqa: SLF001 - both are of this module
                found._used_s = monotonic()  # noqa: SLF001 - as above

    def adopt(self, begun: Begun, **known: Any) -> None:
        """Keep the first recorder of a run that was begun just now."""
        held = Held(begun.run, dict(known), begun.recorder, 0, monotonic())
        with self._lock:
            self._held[begun.uid] = held
            surplus = self._surplus()
        _close(surplus)

    def _take(self, uid: str) -> Held:
        with self._lock:
            found = self._held.get(uid)
            if found is not None:
                self._held.move_to_end(uid)
                found._users += 1  # noqa: SLF001 - both are of this module
                return found
        run = self._store.open_run(uid)
        with self._lock:
            found = self._held.setdefault(uid, Held(run))
            self._held.move_to_end(uid)
            found._users += 1  # noqa: SLF001 - as above
            surplus = self._surplus()
        _close(surplus)
        return found

    def _surplus(self) -> list[Held]:
        """Those that are too many, or too old, taken out; of those that nobody uses."""
        old = monotonic() - self._idle_s
        found = []
        for uid, held in list(self._held.items()):
            if len(self._held) <= self._most and held._used_s > old:  # noqa: SLF001 - both are of this module
                break
            if held._users == 0:  # noqa: SLF001 - as above
                found.append(self._held.pop(uid))
        return found

    def is_open(self, uid: str) -> bool:
        """Whether the recorder of a run is open: recording through it waits for nothing."""
        held = self._held.get(uid)
        return held is not None and held._recorder is not None  # noqa: SLF001 - both are of this module

    def forget(self, uid: str) -> None:
        """Close the recorder of a run, and remember nothing of it: somebody changed the run elsewhere."""
        with self._lock:
            held = self._held.pop(uid, None)
        if held is not None:
            held.close()

    def close(self) -> None:
        """Close all of them. The runs stay as they are."""
        with self._lock:
            found, self._held = list(self._held.values()), OrderedDict()
        for held in found:
            if held.known.get("ends"):
                held.recorder.stop(SUCCEEDED, {})
        _close(found)


def _close(found: list[Held]) -> None:
    for held in found:
        held.close()
