"""What changes, and what is recorded, as one caller may know and do it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runlore.errors import RunNotFound
from runlore.server.accounts.seen_store import SeenRun, require
from runlore.server.changes import Changed, Changes
from runlore.server.endpoint import WRITE
from runlore.server.recorders import Recorders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.run.recording import Begun
    from runlore.server.accounts.seen_store import SeenStore
    from runlore.server.caller import Caller
    from runlore.server.recorders import Held


class SeenChanges(Changes):
    """The changes of the runs that the caller sees."""

    def __init__(self, changes: Changes, caller: Caller) -> None:
        self._changes, self._caller = changes, caller

    @contextmanager
    def watching(self, listener: Callable[[], None]) -> Iterator[None]:
        """See `Changes`."""
        with self._changes.watching(listener):
            yield

    def wait_until_looking(self, timeout_s: float) -> None:
        """See `Changes`."""
        self._changes.wait_until_looking(timeout_s)

    def since(self, place: int) -> Changed:
        """See `Changes`."""
        found = self._changes.since(place)
        if found.runs is None:
            return found
        seen = {uid: experiment for uid, experiment in found.runs.items() if self._caller.sees(experiment)}
        return Changed(found.at, seen)


class SeenRecorders(Recorders):
    """The recorders of the runs that the caller may write to: those of all callers, asked each time."""

    def __init__(self, recorders: Recorders, store: SeenStore, caller: Caller) -> None:
        self._recorders, self._seen, self._caller = recorders, store, caller

    def __len__(self) -> int:
        return len(self._recorders)

    @contextmanager
    def hold(self, uid: str, name: str = "", *, experiment: str | None = None) -> Iterator[Held]:
        """See `Recorders`."""
        with self._recorders.hold(uid, name, experiment=experiment) as held:
            home = self._seen.home_of(held.run)
            if not self._caller.sees(home):
                raise RunNotFound(f"no run has the uid {uid!r}")
            require(self._caller, WRITE, [home])
            yield held

    def adopt(self, begun: Begun, **known: Any) -> None:
        """See `Recorders`. What others hold later is the run, not this caller's sight of it."""
        if isinstance(begun.run, SeenRun):
            begun.run = begun.run.raw
        self._recorders.adopt(begun, **known)

    def is_open(self, uid: str, name: str = "") -> bool:  # noqa: ARG002 - as of the other
        """Never: before it records, the index is asked, and that may wait."""
        return False

    def forget(self, uid: str, name: str = "", *, discard: bool = False) -> None:
        """See `Recorders`."""
        self._recorders.forget(uid, name, discard=discard)

    def close(self) -> None:
        """They are those of all callers, and stay."""
