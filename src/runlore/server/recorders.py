"""Recorders that a server keeps open for the runs that others send to it piecemeal.

A recorder costs files and a lock, and its life is what tells readers that the run lives: so it stays open between two
requests. It is known by the run's uid, and by the name that a client gave it, if it wants one of its own. There are
only so many; the one that was used least recently is closed for another, and comes back with the next request for it.
After a server was killed, or where another of its workers answers, the same happens: nothing that was answered is lost.

Every half minute those are closed that nobody used for long, and those whose run has ended meanwhile, as through
another worker: it would count as alive until then.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlore.errors import RunloreError
from runlore.model import RUNNING, SUCCEEDED
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runlore.index.base import Index
    from runlore.recorder import Recorder
    from runlore.run.recording import Begun
    from runlore.store.base import RecordedRun, Store

log = logging.getLogger("runlore.server")

MOST_OPEN = 256
"""Recorders that are kept open while nobody uses them. Each takes two descriptors, and a look at each refresh."""

IDLE_S = 24 * 3600.0
"""After which one that nobody used is closed, where clients have no way to say that they live."""

NAMED_IDLE_S = 15 * 60.0
"""The same of one that a client named; its run counts as crashed then, until the next record comes."""

LOOK_S = 30.0
"""How often it is looked for those that can be closed."""


@dataclass
class Held:
    """One run that is written to.

    Attributes:
        run: of the store.
        known: what the rooms of the server remember of it while it is held. With `ends`, the run ends when its
            recorder is closed with the server: it is the server's own.
        lock: for who needs to be alone with it.
    """

    run: RecordedRun
    known: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _recorder: Recorder | None = None
    _users: int = 0
    _used_s: float = 0.0
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @property
    def recorder(self) -> Recorder:
        """What appends to it; opened now where it is not.

        Raises:
            RunNotFound: the run was removed.
            ReadOnlyStore, OSError: it cannot be written to.
        """
        return self._recorder or self.open()

    @property
    def lost(self) -> int:
        """Records that what is open could not keep so far; 0 where nothing is."""
        opened = self._recorder
        return 0 if opened is None else opened.lost

    def open(self, *, first: bool = False, lazily: bool = False) -> Recorder:
        """As `recorder`; how it is opened: see `RecordedRun.record`."""
        with self._opening:
            opened = self._recorder
            if opened is None:
                opened = self._recorder = self.run.record(first=first, lazily=lazily)
        return opened

    def close(self, *, discard: bool = False) -> None:
        """Close the recorder; the next use opens another one. For a run that ended.

        Args:
            discard: forget what it recorded, if that was nothing: see `Recorder.discard`.
        """
        with self._opening:
            opened, self._recorder = self._recorder, None
        if opened is not None:
            (opened.discard if discard else opened.close)()


class Recorders:
    """See the module. Threads may share it; after a fork, a process makes its own.

    Args:
        store: where the runs are.
        index: of the store: which runs have ended. None: it is not looked for those.
        most: how many stay open while nobody uses them.
        idle_s: after which one that nobody used is closed.
        named_idle_s: the same of those that have a name.
    """

    def __init__(
        self, store: Store, index: Index | None = None, *, most: int = MOST_OPEN, idle_s: float = IDLE_S,
        named_idle_s: float = NAMED_IDLE_S,
    ) -> None:  # fmt: skip
        self._store = store
        self._index = index
        self._most = most
        self._idle_s = idle_s
        self._named_idle_s = named_idle_s
        self._held: OrderedDict[tuple[str, str], Held] = OrderedDict()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._looker: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def hold(self, uid: str, name: str = "", *, experiment: str | None = None) -> Iterator[Held]:
        """A recorder, for the block: meanwhile it is not closed by others' need.

        Args:
            uid: of the run.
            name: of the recorder, if it is a client's own.
            experiment: where the run is; None: it is looked for.

        Raises:
            RunNotFound: the store has no such run.
            Problem: the server ends (503).
        """
        found = self._take(uid, name, experiment)
        try:
            yield found
        finally:
            with self._lock:
                found._users -= 1  # noqa: SLF001 - both are of this module
                found._used_s = monotonic()  # noqa: SLF001 - as above

    def adopt(self, begun: Begun, **known: Any) -> None:
        """Keep the first recorder of a run that was begun just now."""
        held = Held(begun.run, dict(known), _recorder=begun.recorder, _used_s=monotonic())
        with self._lock:
            self._held[begun.uid, ""] = held
            surplus = self._surplus()
        _close(surplus)

    def is_open(self, uid: str, name: str = "") -> bool:
        """Whether a recorder is open: recording through it waits for nothing."""
        held = self._held.get((uid, name))
        return held is not None and held._recorder is not None  # noqa: SLF001 - both are of this module

    def forget(self, uid: str, name: str = "", *, discard: bool = False) -> None:
        """Close a recorder, and remember nothing of it, as somebody changed the run elsewhere.

        Args:
            uid: of the run.
            name: of the recorder.
            discard: see `Held.close`.
        """
        with self._lock:
            held = self._held.pop((uid, name), None)
        if held is not None:
            held.close(discard=discard)

    def close(self) -> None:
        """Close all of them. The runs stay as they are. Whoever asks for one from now on is told to come again."""
        self._over.set()
        with self._lock:
            found, self._held = list(self._held.values()), OrderedDict()
        for held in found:
            if held.known.get("ends"):
                held.recorder.stop(SUCCEEDED, {})
        _close(found)

    def _take(self, uid: str, name: str, experiment: str | None) -> Held:
        with self._lock:
            if self._over.is_set():
                raise Problem(503, "the server ends; ask again in a moment", headers={"retry-after": "1"})
            found = self._held.get((uid, name))
            if found is not None:
                self._held.move_to_end((uid, name))
                found._users += 1  # noqa: SLF001 - both are of this module
                return found
        run = self._store.open_run(uid, experiment=experiment)
        with self._lock:
            found = self._held.setdefault((uid, name), Held(run))
            self._held.move_to_end((uid, name))
            found._users += 1  # noqa: SLF001 - as above
            surplus = self._surplus()
            self._look_later()
        _close(surplus)
        return found

    def _surplus(self) -> list[Held]:
        """Those that are too many, taken out; of those that nobody uses."""
        found: list[Held] = []
        for key, held in list(self._held.items()) if len(self._held) > self._most else ():
            if len(self._held) <= self._most:
                break
            if held._users == 0:  # noqa: SLF001 - both are of this module
                found.append(self._held.pop(key))
        return found

    # -- those that can be closed ---------------------------------------------------------------------------------

    def _look_later(self) -> None:
        if self._looker is None:
            self._looker = threading.Thread(target=self._look, name="runlore-idle-recorders", daemon=True)
            self._looker.start()

    def _look(self) -> None:
        while not self._over.wait(min(LOOK_S, self._named_idle_s, self._idle_s)):
            self.close_idle()
            try:
                self.close_ended()
            except (RunloreError, OSError) as error:
                log.warning("it could not be seen which runs have ended: %s", error)

    def close_idle(self) -> None:
        """Close those that nobody used for long."""
        now = monotonic()
        limits = {True: now - self._named_idle_s, False: now - self._idle_s}
        self._close_unused(key for key, held in list(self._held.items()) if held._used_s < limits[bool(key[1])])  # noqa: SLF001 - both are of this module

    def close_ended(self) -> None:
        """Close those whose run ended, as through another worker of the server."""
        before = monotonic() - min(LOOK_S, self._named_idle_s)
        unused = [key for key, held in list(self._held.items()) if held._used_s < before and self.is_open(*key)]  # noqa: SLF001 - both are of this module
        if not unused or self._index is None:
            return
        self._index.refresh()
        ended = {run.uid for run in self._index.runs([uid for uid, _ in unused]) if run.status != RUNNING}
        self._close_unused(key for key in unused if key[0] in ended)

    def _close_unused(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._lock:
            wanted = [key for key in keys if key in self._held and self._held[key]._users == 0]  # noqa: SLF001 - both are of this module
            found = [self._held.pop(key) for key in wanted]
        _close(found)


def _close(found: list[Held]) -> None:
    for held in found:
        held.close()
